"""Misses against what was promised, by session; where outcomes fell in their distributions."""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest

from serving.drift.fit import DECILES, Outcome, fit, pooled_fit, probabilities
from serving.monitoring.track_record.served_predictions import Noted

NORMAL = NormalDist(0.0, 0.02)
DAYS = np.arange(np.datetime64("2022-01-03"), np.datetime64("2022-12-01"))


def noted(day: np.datetime64, ticker: str = "AAPL", horizon: int = 1) -> Noted:
    """A forecast whose returns are normal with 2 %."""
    lower, upper = NORMAL.inv_cdf(0.05), NORMAL.inv_cdf(0.95)
    deciles = tuple(NORMAL.inv_cdf(probability) for probability in DECILES.tolist())
    made_on = str(day)
    return Noted(ticker, horizon, made_on, made_on, "forest", 3, False, 0.0, lower, upper, deciles=deciles)


def outcomes(draw: Callable[[np.random.Generator], float], tickers: tuple[str, ...] = ("AAPL",)) -> list[Outcome]:
    random = np.random.default_rng(5)
    return [(noted(day, ticker), draw(random)) for day in DAYS for ticker in tickers]


def test_right_forecasts_do_not_drift() -> None:
    found = fit(outcomes(lambda random: random.normal(0, 0.02)), 1)

    assert found is not None
    assert (found.sessions, found.drifts) == (DAYS.size, False)
    assert found.missed == pytest.approx(0.1, abs=0.05)
    assert found.bias == pytest.approx(0.0, abs=0.05)
    assert found.dispersion == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(
    ("spread", "too"), [(0.035, "narrow"), (0.008, "wide")], ids=["the market woke up", "the market fell asleep"]
)
def test_intervals_that_became_wrong_are_found_and_named(spread: float, too: str) -> None:
    found = fit(outcomes(lambda random: random.normal(0, spread)), 1)

    assert found is not None
    assert found.drifts
    assert f"too {too}" in found.told
    assert found.dispersion is not None
    assert (found.dispersion > 1) == (too == "narrow")


def test_outcomes_above_their_medians_show_as_bias() -> None:
    found = fit(outcomes(lambda random: random.normal(0.015, 0.02)), 1)

    assert found is not None
    assert found.bias is not None
    assert found.bias > 0.15


def test_tickers_that_move_together_are_one_observation_a_session() -> None:
    together = [(noted(day, ticker), 1.0 if day < DAYS[3] else 0.0) for day in DAYS[:6] for ticker in "ABCDEFGHIJ"]

    found, alone = pooled_fit(together, 1), fit([one for one in together if one[0].ticker == "A"], 1)

    assert found is not None
    assert alone is not None
    assert found.sessions == 6
    assert found.evidence == pytest.approx(alone.evidence)


def test_probabilities_are_read_off_the_kept_deciles_and_the_interval() -> None:
    pairs = [(noted(DAYS[0]), NORMAL.inv_cdf(probability)) for probability in (0.051, 0.3, 0.5, 0.949)]

    assert probabilities(pairs).tolist() == pytest.approx([0.051, 0.3, 0.5, 0.949], abs=0.001)
    assert probabilities([(noted(DAYS[0]), 9.0), (noted(DAYS[0]), -9.0)]).tolist() == pytest.approx([0.975, 0.025])


def test_without_outcomes_there_is_nothing_to_say() -> None:
    assert fit([], 1) is None
