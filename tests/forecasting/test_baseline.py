"""The forecast that needs no training."""

import numpy as np
import pytest

from forecasting.baseline import LARGEST_SAMPLE, NORMAL_QUANTILES, baseline_forecast, past_misses
from forecasting.distribution import INTERVAL_LEVEL
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.providers.simulated import FIRST, simulate


@pytest.mark.parametrize("horizon", [1, 5, 21])
@pytest.mark.parametrize("length", [2, 3, 30, 70, 600])
def test_answers_from_two_bars_on(simulated_bars: Bars, horizon: int, length: int) -> None:
    made = baseline_forecast(simulated_bars[:length], horizon)
    assert made.lower < made.median < made.upper
    assert made.horizon == horizon


def test_refuses_a_single_bar_by_name(simulated_bars: Bars) -> None:
    with pytest.raises(ValueError, match="TEST: 1 session, but 2 are needed"):
        baseline_forecast(simulated_bars[:1], 1)


def test_is_wider_over_a_longer_horizon(simulated_bars: Bars) -> None:
    widths = [made.upper - made.lower for made in (baseline_forecast(simulated_bars, h) for h in (1, 5, 21))]
    assert widths == sorted(widths)


def test_does_not_look_at_what_is_older_than_it_remembers(simulated_bars: Bars) -> None:
    needed = LARGEST_SAMPLE + 1 + 1 + 250
    assert baseline_forecast(simulated_bars, 1) == pytest.approx(baseline_forecast(simulated_bars[-needed:], 1))


def test_says_even_odds_when_nothing_is_known(simulated_bars: Bars) -> None:
    assert baseline_forecast(simulated_bars[:10], 1).probability_up == 0.5
    assert np.all(np.diff(NORMAL_QUANTILES) > 0)


def test_covers_as_often_as_it_says_on_a_simulated_market(sessions: Sessions) -> None:
    session = sessions.between(FIRST, np.datetime64("2024-03-08"))
    inside = []
    for name in ("ONE", "TWO", "THREE", "FOUR"):
        bars = simulate(name, session)
        for end in range(700, len(bars) - 1, 3):
            made = baseline_forecast(bars[:end], 1)
            actual = bars.close[end] / bars.close[end - 1] - 1
            inside.append(made.lower <= actual <= made.upper)
    error = np.sqrt(INTERVAL_LEVEL * (1 - INTERVAL_LEVEL) / len(inside))
    assert abs(np.mean(inside) - INTERVAL_LEVEL) < 4 * error


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_past_misses_are_dated_by_the_session_they_were_made_on(simulated_bars: Bars, horizon: int) -> None:
    session, missed = past_misses(simulated_bars, horizon)

    assert session.size == missed.size == LARGEST_SAMPLE
    assert session[-1] == simulated_bars.session[-1 - horizon]
    change = simulated_bars.close[-1] / simulated_bars.close[-1 - horizon] - 1
    assert np.sign(missed[-1]) == np.sign(change)
    # The level remembers a few hundred sessions, of which the first misses of a window have fewer.
    np.testing.assert_allclose(past_misses(simulated_bars[:-1], horizon)[1][253:], missed[252:-1])


@pytest.mark.parametrize("length", [1, 2, 5, 22])
def test_short_histories_have_few_misses_or_none(simulated_bars: Bars, length: int) -> None:
    for horizon in (1, 5, 21):
        session, missed = past_misses(simulated_bars[:length], horizon)
        assert session.size == missed.size == max(length - 1 - horizon, 0)
