"""Report dates in the walk-forward: learnt from the past, and never used ahead of their time."""

from datetime import UTC, datetime

import numpy as np
import pytest

from forecasting.reports.reaction import USUAL
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars, SessionArray
from market.calendar.sessions import Sessions
from market.reports.dates import Report, ReportDates, Timing
from tests.training.recipes_of_tests import quick
from training.learning.dataset import Dataset, make_dataset
from training.learning.walk_forward import walk_forward
from training.scoring.evaluation import Evaluation, evaluate
from training.scoring.scores import coverage

FETCHED = datetime(2024, 3, 9, tzinfo=UTC)
FIRST_FILING, QUARTER = 30, 63
JUMP = 0.12


def filings(bars: Bars) -> SessionArray:
    """A filing each quarter, on the same weekday each year."""
    return np.array([bars.session[FIRST_FILING] + 91 * number for number in range(40)], dtype="datetime64[D]")


def schedule(dates: SessionArray, sessions: Sessions, announced_before: int = 10) -> ReportSchedule:
    reports = ReportDates.of("TEST", (Report(date, Timing.UNKNOWN, "files", FETCHED) for date in dates))
    return ReportSchedule.of(reports, sessions.session, announced_before)


@pytest.fixture(scope="module")
def jumping(short_bars: Bars) -> Bars:
    """An invented ticker that jumps up or down in the session after each filing."""
    after = np.searchsorted(short_bars.session, filings(short_bars)) + 1
    after = after[after < len(short_bars)]
    factor = np.ones(len(short_bars))
    factor[after] = np.exp(JUMP * np.where(np.arange(after.size) % 2, 1, -1))
    scale = np.cumprod(factor)
    prices = {name: getattr(short_bars, name) * scale for name in ("open", "high", "low", "close")}
    return Bars("TEST", "files", short_bars.session, volume=short_bars.volume, **prices)


def made(bars: Bars, horizon: int, known: ReportSchedule | None) -> tuple[Dataset, Evaluation]:
    data = make_dataset(bars, horizon, known)
    return data, evaluate(data, walk_forward(data, quick(refit_every=200)))


def test_intervals_hold_the_reports_that_they_are_told_of(jumping: Bars, sessions: Sessions) -> None:
    _, without = made(jumping, 1, None)
    data, told = made(jumping, 1, schedule(filings(jumping), sessions))
    jumps = np.isin(data.session[told.row], filings(jumping))
    held = [coverage(one.lower[jumps], one.upper[jumps], one.actual[jumps]) for one in (without, told)]
    assert held[0] < 0.3
    assert held[1] > 0.8
    known = told.known()
    assert coverage(known.lower, known.upper, known.actual) == pytest.approx(0.9, abs=0.05)


def test_the_reaction_is_learnt_from_one_filing_after_the_other(jumping: Bars, sessions: Sessions) -> None:
    reports = make_dataset(jumping, 1, schedule(filings(jumping), sessions)).reports
    assert reports.reaction(0) == USUAL
    first = int(reports.known_from[0])
    assert reports.reaction(first - 1) == USUAL
    assert reports.reaction(first) != USUAL
    latest = reports.reaction(10**6)
    assert latest.size > 2 * USUAL.size
    assert latest.same_session < 0.1


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_nothing_of_the_future_changes_a_forecast(jumping: Bars, sessions: Sessions, horizon: int) -> None:
    whole, cut = filings(jumping), len(jumping) - 37
    last = jumping.session[cut - 1]
    announced = whole[whole <= sessions.after(last, 10)]
    _, later = made(jumping, horizon, schedule(whole, sessions))
    _, earlier = made(jumping[:cut], horizon, schedule(announced, sessions))
    for name in ("row", "median", "lower", "upper", "probability_up"):
        np.testing.assert_array_equal(getattr(earlier, name), getattr(later, name)[: earlier.row.size])


def test_a_surprise_does_not_widen_the_forecast_before_it(jumping: Bars, sessions: Sessions) -> None:
    surprise = jumping.session[-120]
    usual, warned = filings(jumping), np.sort(np.append(filings(jumping), surprise))
    data, without = made(jumping, 1, schedule(usual, sessions))
    _, with_surprise = made(jumping, 1, schedule(warned, sessions))
    until = data.session[without.row] < surprise
    np.testing.assert_array_equal(with_surprise.upper[until], without.upper[until])


def test_dates_of_another_ticker_widen_nothing_for_long(short_bars: Bars, sessions: Sessions) -> None:
    _, without = made(short_bars, 1, None)
    _, told = made(short_bars, 1, schedule(filings(short_bars), sessions))
    recent = slice(-250, None)
    ratio = np.mean(told.upper[recent] - told.lower[recent]) / np.mean(without.upper[recent] - without.lower[recent])
    assert ratio == pytest.approx(1.0, abs=0.05)


def test_without_dates_all_is_as_if_nobody_reported(short_bars: Bars, sessions: Sessions) -> None:
    none = np.array([], dtype="datetime64[D]")
    _, without = made(short_bars, 5, None)
    _, empty = made(short_bars, 5, schedule(none, sessions))
    np.testing.assert_array_equal(empty.lower, without.lower)


def test_dates_that_ended_long_ago_are_as_none(jumping: Bars, sessions: Sessions) -> None:
    filed = filings(jumping)
    data, without = made(jumping, 1, None)
    _, ended = made(jumping, 1, schedule(filed[filed <= jumping.session[400]], sessions))
    long_ago = data.session[without.row] > filed[filed <= jumping.session[400]][-1] + np.timedelta64(400, "D")
    assert long_ago.sum() > 100
    np.testing.assert_array_equal(ended.lower[long_ago], without.lower[long_ago])
    np.testing.assert_array_equal(ended.upper[long_ago], without.upper[long_ago])
