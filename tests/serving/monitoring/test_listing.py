import pytest

from serving.monitoring.listing import MOST_NAMED, shortened


@pytest.mark.parametrize("count", [0, 1, MOST_NAMED])
def test_few_names_are_all_told(count: int) -> None:
    assert shortened(["AAPL"] * count) == ["AAPL"] * count


def test_of_many_names_the_first_are_told_and_the_others_counted() -> None:
    names = [f"T{number}" for number in range(5000)]
    assert shortened(names) == [*names[:MOST_NAMED], "and 4980 more"]
