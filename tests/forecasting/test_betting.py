"""Evidence that may be looked at after every session: held to a library's numbers and to its error rate."""

from functools import cache

import numpy as np
import pytest

from forecasting.betting import DECIDED, confidence_interval, evidence, log_capital
from market.bars import FloatArray

RUNS, SESSIONS, TICKERS = 1000, 500, 10

WAVE = np.sin(np.arange(1, 41) * 1.7) * 0.3 + 0.15
MISSES = ((np.arange(60) * 7) % 10 < 3) * (np.arange(60) >= 20.0)


@pytest.mark.parametrize(
    ("values", "mean", "low", "places", "expected"),
    [
        (WAVE, 0.0, -1.0, [0, 9, 19, 29, 39], [1.0, 1.16064164, 2.26097791, 4.61042888, 10.65287239]),
        (WAVE, 0.2, -1.0, [0, 9, 19, 29, 39], [0.98351078, 0.99147333, 0.97387306, 1.06228478, 1.23276697]),
        (MISSES, 0.1, 0.0, [0, 19, 29, 39, 59], [0.85787037, 1.37786204, 0.51863069, 0.6025308, 2.59473121]),
    ],
)
def test_it_is_what_the_package_confseq_computes(
    values: FloatArray, mean: float, low: float, places: list[int], expected: list[float]
) -> None:
    # `confseq.betting.betting_mart` of confseq 0.0.11 for constant stakes, averaged over STAKES, convex_comb=True.
    assert evidence(values, mean, low, 1.0)[places] == pytest.approx(expected, rel=1e-7)


@cache
def null_differences(horizon: int) -> FloatArray:
    """Differences of equally good forecasters, shape (RUNS, SESSIONS): heavy tails, common shocks, overlap."""
    random = np.random.default_rng(horizon)
    shared = random.standard_t(3, size=(RUNS, SESSIONS + horizon - 1, 1))
    shocks = 0.5 * shared + random.standard_t(3, size=(RUNS, SESSIONS + horizon - 1, TICKERS))
    overlapping = sum(shocks[:, start : start + SESSIONS] for start in range(horizon))
    return np.asarray(np.clip(0.3 * overlapping / np.sqrt(horizon), -1, 1).mean(axis=2))


def test_of_equally_good_forecasters_at_most_five_percent_are_ever_told_apart() -> None:
    above, below = log_capital(null_differences(1), 0.0, -1.0, 1.0)

    ever = (np.logaddexp(above, below) - np.log(2)).max(axis=1) >= np.log(DECIDED)

    assert 0 < ever.mean() <= 0.05


@pytest.mark.parametrize("horizon", [5, 21])
def test_nor_where_outcomes_overlap(horizon: int) -> None:
    runs = null_differences(horizon)[:100]

    ever = [evidence(run, 0.0, -1.0, 1.0, horizon).max() >= DECIDED for run in runs]

    assert np.mean(ever) <= 0.05


def test_right_intervals_are_seldom_called_wrong() -> None:
    misses = np.random.default_rng(3).random((RUNS, SESSIONS)) < 0.1

    above, below = log_capital(np.array(misses, dtype=np.float64), 0.1, 0.0, 1.0)

    ever = (np.logaddexp(above, below) - np.log(2)).max(axis=1) >= np.log(DECIDED)
    assert ever.mean() <= 0.05


def test_a_difference_is_found_the_sooner_the_larger_it_is() -> None:
    noise = null_differences(1)[0]

    def sessions(difference: float) -> int:
        found = evidence(np.clip(noise + difference, -1, 1), 0.0, -1.0, 1.0) >= DECIDED
        return int(np.argmax(found)) if found.any() else SESSIONS

    assert sessions(0.3) < sessions(0.1) < SESSIONS


@pytest.mark.parametrize("horizon", [1, 5])
def test_the_interval_leaves_out_what_the_evidence_settles_against(horizon: int) -> None:
    values = null_differences(horizon)[1, :150] + 0.2
    values = np.clip(values, -1, 1)

    low, high = confidence_interval(values, -1.0, 1.0, horizon)

    assert low < values.mean() < high
    for mean, is_settled in ((low - 0.002, True), (low + 0.002, False), (high - 0.002, False), (high + 0.002, True)):
        assert (evidence(values, mean, -1.0, 1.0, horizon)[-1] >= DECIDED) == is_settled
