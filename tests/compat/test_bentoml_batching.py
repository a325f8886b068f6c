import pytest
from bentoml._internal.marshal.dispatcher import Optimizer

from compat import bentoml_batching

HALF_A_SECOND = 0.5


@pytest.fixture(autouse=True)
def _as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is replaced is put back after each test."""
    monkeypatch.setattr(Optimizer, "log_outbound", Optimizer.log_outbound)


def wait_learnt() -> float:
    """How long a batch is held back at most, after batches that waited half a second."""
    optimizer = Optimizer(10.0)
    for _ in range(10):
        optimizer.log_outbound(n=2, wait=HALF_A_SECOND, duration=0.001)
    optimizer.trigger_refresh()  # type: ignore[no-untyped-call]  # BentoML's own
    return float(optimizer.wait)


def test_no_wait_is_learnt() -> None:
    assert wait_learnt() == HALF_A_SECOND

    bentoml_batching.merge_without_waiting()

    assert wait_learnt() == 0


def test_a_release_without_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Optimizer, "log_outbound", lambda self, calls: None)  # noqa: ARG005

    with pytest.raises(RuntimeError, match=r"compat/bentoml_batching\.py stands for it"):
        bentoml_batching.merge_without_waiting()
