import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bars import Bars
from market.errors import InvalidBars


def bars(**changed: object) -> Bars:
    columns = {
        "ticker": "AAPL",
        "source": "files",
        "session": np.array(["2024-03-07", "2024-03-08"], dtype="datetime64[D]"),
        "open": [10.0, 11.0],
        "high": [12.0, 13.0],
        "low": [9.0, 10.0],
        "close": [11.0, 12.0],
        "volume": [1000, 0],
    }
    return Bars(**columns | changed)  # type: ignore[arg-type]  # lists become arrays


def test_columns_become_read_only_arrays() -> None:
    made = bars()
    assert len(made) == 2
    assert made.volume.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        made.close[0] = 1.0


def test_a_slice_is_the_same_series() -> None:
    cut = bars()[-1:]
    assert (cut.ticker, cut.source, len(cut)) == ("AAPL", "files", 1)
    assert cut.close.tolist() == [12.0]


def test_only_simulated_bars_say_that_they_are() -> None:
    assert bars(source="simulated").simulated
    assert not bars().simulated


@pytest.mark.parametrize(
    ("changed", "reason", "index"),
    [
        ({"open": [10.0, np.nan]}, "open is missing or not a number", 1),
        ({"volume": [np.inf, 1]}, "volume is missing or not a number", 0),
        ({"low": [9.0, 0.0]}, "low is not positive", 1),
        ({"close": [-1.0, 12.0]}, "close is not positive", 0),
        ({"volume": [1, -1]}, "volume is negative", 1),
        ({"high": [8.0, 13.0]}, "high is below low", 0),
        ({"close": [11.0, 14.0]}, "open or close is above high", 1),
        ({"open": [8.5, 11.0]}, "open or close is below low", 0),
        ({"session": np.array(["2024-03-08"] * 2, dtype="datetime64[D]")}, "the date stands there twice", 1),
        (
            {"session": np.array(["2024-03-08", "2024-03-07"], dtype="datetime64[D]")},
            "the date is before the one above it",
            1,
        ),
        ({"open": [10.0]}, "open has shape", None),
    ],
)
def test_an_impossible_bar_is_named(changed: dict[str, object], reason: str, index: int | None) -> None:
    with pytest.raises(InvalidBars, match=f"AAPL.*{reason}") as caught:
        bars(**changed)
    assert caught.value.index == index


def test_no_bar_at_all_is_refused() -> None:
    empty = dict.fromkeys(("open", "high", "low", "close", "volume"), np.array([]))
    with pytest.raises(InvalidBars, match="there is no bar at all"):
        bars(session=np.array([], dtype="datetime64[D]"), **empty)


def test_rounding_of_adjusted_prices_is_forgiven() -> None:
    assert len(bars(close=[11.0, 13.0 * (1 + 1e-7)])) == 2


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64), min_size=10, max_size=10))
def test_any_numbers_are_either_valid_bars_or_refused(numbers: list[float]) -> None:
    pairs = [numbers[index : index + 2] for index in range(0, 10, 2)]
    try:
        made = bars(**dict(zip(("open", "high", "low", "close", "volume"), pairs, strict=True)))
    except InvalidBars:
        return
    assert (made.low <= made.high).all()
    assert (made.low > 0).all()
    assert (np.minimum(made.open, made.close) >= made.low * (1 - 1e-6)).all()
