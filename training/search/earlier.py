"""Scores on the sessions before those that models are scored on: what is chosen by them has not seen the others."""

from collections.abc import Mapping, Sequence

import numpy as np

from features import WARM_UP
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars
from training.errors import TrainingError
from training.learning.dataset import make_dataset
from training.learning.training_config import TrainingConfig
from training.learning.walk_forward import first_output, walk_forward
from training.scoring.baselines import plain_baselines
from training.scoring.evaluation import evaluate
from training.scoring.scores import comparison, summary

SCORES = ("skill_over_last_252", "interval_score", "coverage")


def before_scored(bars: Bars, config: TrainingConfig) -> Bars:
    """The bars of all sessions before the first that a walk-forward through `bars` forecasts for its scores."""
    rows = max(len(bars) - WARM_UP, 0)
    return bars[: WARM_UP + first_output(rows, config)]


def score_earlier(bars: Bars, horizon: int, config: TrainingConfig, schedule: ReportSchedule) -> dict[str, float] | str:
    """SCORES of a recipe on those sessions alone, or in one line why there are none.

    Args:
        bars: those before the scored sessions.
        config: one that scores all sessions it can.
    """
    try:
        data = make_dataset(bars, horizon, schedule)
        evaluation = evaluate(data, walk_forward(data, config))
    except TrainingError as error:
        return str(error)
    level, reported = data.unit[evaluation.row], data.reports.near[evaluation.row]
    found = summary(evaluation) | comparison(evaluation, plain_baselines(bars, data, evaluation), level, reported)
    return {name: found[name] for name in SCORES}


def means(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each of SCORES."""
    return {name: float(np.mean([one[name] for one in found])) for name in SCORES}
