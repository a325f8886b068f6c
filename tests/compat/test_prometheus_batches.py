import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from compat.prometheus_batches import observe_all

VALUES = [0.001, 0.1, 0.1000001, 0.5, 7.0, 1000.0]


def text(values: list[float], *, at_once: bool) -> bytes:
    registry = CollectorRegistry()
    histogram = Histogram("seconds", "Of something.", registry=registry, buckets=(0.1, 0.5, 1.0))
    if at_once:
        observe_all(histogram, values)
    else:
        for value in values:
            histogram.observe(value)
    return b"\n".join(line for line in generate_latest(registry).splitlines() if b"_created" not in line)


def test_many_at_once_are_as_one_after_the_other() -> None:
    assert text(VALUES, at_once=True) == text(VALUES, at_once=False)


def test_a_release_without_it_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"compat/prometheus_batches\.py uses them"):
        observe_all(object(), [1.0])  # type: ignore[arg-type]  # an object of another release
