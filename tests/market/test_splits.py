from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from features.matrix import WARM_UP, features, features_and_level
from forecasting.baseline import baseline_forecast
from forecasting.distribution import forecast
from forecasting.formula import EXPECTED
from market.bars import COLUMNS, Bars, FloatArray
from market.calendar.sessions import Sessions
from market.errors import InvalidBars
from market.providers.files import Files, parse_csv
from market.series import Adjustment, Series
from market.splits import plausible_ratio, split_adjusted
from tests.training.recipes_of_tests import quick
from training.learning.pipeline import Trained, train

NOW = np.datetime64("2024-03-11")

# Of the files of real bars, whose prices are adjusted for them.
REAL_SPLITS = {
    "AAPL": {"2020-08-31": 4.0},
    "GOOGL": {"2022-07-18": 20.0},
    "AMZN": {"2022-06-06": 20.0},
    "TSLA": {"2020-08-31": 5.0, "2022-08-25": 3.0},
    "NVDA": {"2021-07-20": 4.0},
}


def undone(bars: Bars, splits: dict[str, float]) -> Bars:
    """The bars as they were traded."""
    factor = np.ones(len(bars))
    for session, ratio in splits.items():
        factor[bars.session < np.datetime64(session)] *= ratio
    prices = {name: getattr(bars, name) * factor for name in COLUMNS if name != "volume"}
    return Bars(bars.ticker, bars.source, bars.session, volume=bars.volume / factor, **prices)


@pytest.mark.parametrize("ratio", [4.0, 1.5, 0.1])
def test_prices_before_a_split_are_divided_by_its_ratio(make_series: Any, ratio: float) -> None:
    smooth = make_series().bars
    traded = undone(smooth, {"2024-03-01": ratio})
    adjusted = split_adjusted(Series(traded, Adjustment.TRADED, {np.datetime64("2024-03-01"): ratio}), NOW)
    for name in COLUMNS:
        np.testing.assert_allclose(getattr(adjusted.bars, name), getattr(smooth, name), rtol=1e-12)
    assert adjusted.factor == 1.0


def test_without_a_split_the_bars_are_not_touched(make_series: Any) -> None:
    series = make_series()
    assert split_adjusted(series, NOW).bars is series.bars


def test_a_split_that_is_only_announced_changes_nothing(make_series: Any) -> None:
    series = make_series(splits={np.datetime64("2024-03-18"): 4.0})
    assert split_adjusted(series, NOW).bars is series.bars


@pytest.mark.parametrize("adjustment", [Adjustment.TRADED, Adjustment.SPLIT])
def test_after_a_split_since_the_last_bar_prices_are_those_of_the_new_share(
    make_series: Any, adjustment: Adjustment
) -> None:
    series = make_series(splits={np.datetime64("2024-03-12"): 4.0}, adjustment=adjustment)
    adjusted = split_adjusted(series, np.datetime64("2024-03-12"))
    np.testing.assert_allclose(adjusted.bars.close * 4, series.bars.close)
    np.testing.assert_allclose(adjusted.bars.close[-1] * adjusted.factor, series.bars.close[-1])  # as traded


def test_adjusted_prices_are_not_adjusted_again(make_series: Any) -> None:
    series = make_series(splits={np.datetime64("2024-03-01"): 4.0}, adjustment=Adjustment.SPLIT)
    assert split_adjusted(series, NOW).bars is series.bars


def test_a_split_without_an_event_is_found_where_adj_close_confirms_it(make_series: Any) -> None:
    smooth = make_series().bars
    series = Series(undone(smooth, {"2024-03-01": 20.0}), Adjustment.UNKNOWN, adj_close=smooth.close * 0.98)
    adjusted = split_adjusted(series, NOW)
    np.testing.assert_allclose(adjusted.bars.close, smooth.close, rtol=1e-12)
    assert adjusted.inferred == (np.datetime64("2024-03-01"),)
    assert not adjusted.suspected


def test_a_jump_that_looks_like_a_split_is_only_reported_when_nothing_confirms_it(make_series: Any) -> None:
    series = Series(undone(make_series().bars, {"2024-03-01": 4.0}), Adjustment.UNKNOWN)
    adjusted = split_adjusted(series, NOW)
    assert adjusted.bars is series.bars
    assert adjusted.suspected == {np.datetime64("2024-03-01"): 4.0}


def test_a_fall_that_adj_close_shows_too_is_no_split(make_series: Any) -> None:
    fallen = undone(make_series().bars, {"2024-03-01": 2.0})
    adjusted = split_adjusted(Series(fallen, Adjustment.UNKNOWN, adj_close=fallen.close), NOW)
    assert adjusted.bars is fallen
    assert not adjusted.inferred


def test_one_bar_has_no_jump(make_series: Any) -> None:
    assert len(split_adjusted(make_series(count=1, adjustment=Adjustment.UNKNOWN), NOW).bars) == 1


@pytest.mark.parametrize(
    ("jump", "ratio"), [(0.25, 4.0), (0.2537, 4.0), (0.05, 20.0), (10.0, 0.1), (0.66, 1.5), (0.75, None), (1.0, None)]
)
def test_plausible_ratios(jump: float, ratio: float | None) -> None:
    assert plausible_ratio(jump, 0.03) == ratio


def test_impossible_events_are_refused(make_series: Any) -> None:
    bars = make_series().bars
    with pytest.raises(InvalidBars, match="split of 0"):
        Series(bars, Adjustment.TRADED, {np.datetime64("2024-03-01"): 0.0})
    with pytest.raises(InvalidBars, match="2 adjusted closes for 300 bars"):
        Series(bars, Adjustment.TRADED, adj_close=np.ones(2))
    with pytest.raises(InvalidBars, match=f"{bars.session[7]}: adj_close"):
        Series(bars, Adjustment.TRADED, adj_close=np.where(np.arange(300) == 7, np.nan, 1.0))


def test_a_part_of_a_series_keeps_its_events(make_series: Any) -> None:
    bars = make_series().bars
    series = Series(bars, Adjustment.TRADED, {np.datetime64("2024-03-18"): 2.0}, adj_close=bars.close)
    part = series.until(np.datetime64("2024-03-08"))
    assert len(part.bars) == 299
    assert part.adj_close is not None
    assert part.adj_close.size == 299
    assert part.splits == series.splits
    assert series.until(NOW) is series
    with pytest.raises(InvalidBars, match="no complete session"):
        series.until(np.datetime64("2010-01-01"))


def write_csv(path: Path, bars: Bars, adj_close: Any) -> None:
    columns = [bars.session.astype(str), *(getattr(bars, name) for name in COLUMNS), adj_close]
    rows = "\n".join(",".join(str(value) for value in row) for row in zip(*columns, strict=True))
    path.write_text(f"date,open,high,low,close,volume,adj_close\n{rows}\n")


def with_splits_left_in(source: Path, directory: Path) -> Series:
    """The file of real bars with its splits undone, written and read again."""
    ticker = source.stem
    original = parse_csv(source.read_bytes(), ticker, str(source))
    path = directory / f"{ticker}.csv"
    write_csv(path, undone(original.bars, REAL_SPLITS[ticker]), original.adj_close)
    return parse_csv(path.read_bytes(), ticker, str(path))


@pytest.mark.parametrize("ticker", sorted(REAL_SPLITS))
def test_real_bars_with_their_splits_left_in_give_the_same_features_and_forecasts(
    real_bars: Path, tmp_path: Path, ticker: str
) -> None:
    original = parse_csv((real_bars / f"{ticker}.csv").read_bytes(), ticker, ticker)
    traded = with_splits_left_in(real_bars / f"{ticker}.csv", tmp_path)
    assert traded.bars.close[0] > 1.4 * original.bars.close[0]
    adjusted = split_adjusted(traded, traded.bars.session[-1])
    assert [str(session) for session in adjusted.inferred] == sorted(REAL_SPLITS[ticker])
    reference = split_adjusted(original, original.bars.session[-1]).bars
    for name in COLUMNS:
        np.testing.assert_allclose(getattr(adjusted.bars, name), getattr(reference, name), rtol=1e-9)
    for horizon in (1, 5, 21):
        np.testing.assert_allclose(features(adjusted.bars, horizon), features(reference, horizon), rtol=1e-6, atol=1e-6)
        ours, theirs = baseline_forecast(adjusted.bars, horizon), baseline_forecast(reference, horizon)
        for field in fields(theirs):
            np.testing.assert_allclose(getattr(ours, field.name), getattr(theirs, field.name), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("ticker", "horizon"), [("AAPL", 1), ("AMZN", 5), ("TSLA", 1), ("NVDA", 21)])
async def test_a_trained_model_predicts_the_same_from_real_bars_with_their_splits_left_in(
    real_bars: Path, tmp_path: Path, make_market: Any, sessions: Sessions, *, ticker: str, horizon: int
) -> None:
    with_splits_left_in(real_bars / f"{ticker}.csv", tmp_path)
    reference, traded = [
        (await make_market(Files(directory, sessions), home=tmp_path / home).history(ticker)).bars
        for directory, home in ((real_bars, "reference"), (tmp_path, "traded"))
    ]
    trained = train(reference, horizon, quick(refit_every=200, tested=200))
    (their_outputs, theirs), (outputs, ours) = (forecasts(trained, bars) for bars in (reference, traded))
    np.testing.assert_allclose(outputs, their_outputs, rtol=1e-9)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    assert len({round(median, 9) for median, *_ in theirs}) > 50  # they differ from day to day
    left_in = parse_csv((tmp_path / f"{ticker}.csv").read_bytes(), ticker, ticker).bars
    around = int(np.searchsorted(left_in.session, np.datetime64(min(REAL_SPLITS[ticker])))) + 1
    assert not np.allclose(forecasts(trained, left_in[:around])[1][-1], forecasts(trained, reference[:around])[1][-1])


def forecasts(trained: Trained, bars: Bars) -> tuple[FloatArray, FloatArray]:
    """The model's outputs and the median, bounds and probability made of them, for each session that has all inputs."""
    inputs, level = features_and_level(bars, trained.data.horizon, len(bars) - WARM_UP)
    (outputs,) = onnxruntime.InferenceSession(trained.onnx).run(None, {"X": inputs})
    unit = level * np.sqrt(trained.data.horizon)
    width = unit * np.exp(trained.formula.log_ratio(outputs, inputs))
    centre = trained.calibration.shrinkage * outputs[:, EXPECTED] * unit
    made = [
        forecast(trained.data.horizon, float(middle), float(scale), trained.calibration.quantiles)
        for middle, scale in zip(centre, width, strict=True)
    ]
    return outputs, np.array([[one.median, one.lower, one.upper, one.probability_up] for one in made])


def test_real_bars_that_are_adjusted_stay_as_they_are(real_bars: Path) -> None:
    for source in sorted(real_bars.glob("*.csv")):
        series = parse_csv(source.read_bytes(), source.stem, str(source))
        adjusted = split_adjusted(series, series.bars.session[-1])
        assert adjusted.bars is series.bars
        assert not adjusted.inferred
