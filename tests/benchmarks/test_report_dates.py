"""Whatever report dates are worth: wrong or missing ones cost next to nothing against having none at all."""

from datetime import UTC, datetime

import numpy as np
import pytest

from benchmarks.forecasts.report_dates import variant
from forecasting.interval_score import interval_scores
from market.calendar.sessions import Sessions
from market.providers.files import parse_csv
from market.reports import files
from market.splits import split_adjusted
from tests.conftest import REAL_BARS, REAL_REPORTS
from tests.training.recipes_of_tests import quick
from training.learning.dataset import make_dataset
from training.learning.walk_forward import walk_forward
from training.scoring.evaluation import evaluate

YEAR = 252
TROUBLES = {
    "outage": "every provider silent for the whole year",
    "later": "every date a day late",
    "earlier": "every date a day early",
    "another": "the dates of another ticker",
}


@pytest.fixture(scope="module")
def scores(sessions: Sessions) -> dict[str, float]:
    """Interval score of the last year of all real tickers, a session ahead, by what is known of their reports."""
    paths = sorted(REAL_BARS.glob("*.csv"))
    if not paths or not REAL_REPORTS.is_file():
        pytest.skip("STOCKS_TEST_BARS and STOCKS_TEST_REPORTS name no real bars and report dates")
    dates = files.parse_csv(REAL_REPORTS.read_bytes(), str(REAL_REPORTS), datetime.now(UTC))
    found: dict[str, list[float]] = {name: [] for name in ("none", *TROUBLES)}
    for path in paths:
        series = parse_csv(path.read_bytes(), path.stem, str(path))
        bars = split_adjusted(series, series.bars.session[-1]).bars
        outputs = walk_forward(make_dataset(bars, 1), quick(refit_every=400))
        for name, each in found.items():
            data = make_dataset(bars, 1, variant(name, path.stem, dates, sessions.session))
            made = evaluate(data, outputs, YEAR).known()
            each.append(float(np.mean(interval_scores(made.lower, made.upper, made.actual))))
    return {name: float(np.mean(each)) for name, each in found.items()}


@pytest.mark.parametrize("trouble", TROUBLES, ids=TROUBLES.get)
def test_costs_no_more_than_half_a_percent(scores: dict[str, float], trouble: str) -> None:
    assert scores[trouble] < 1.005 * scores["none"]
