"""One recipe on one ticker and horizon, out of sample."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import process_time

import numpy as np

from forecasting.distribution import PROBABILITIES
from forecasting.interval_score import interval_scores
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars, FloatArray, SessionArray
from training.errors import TrainingError
from training.learning.dataset import make_dataset
from training.learning.pipeline import export_onnx
from training.learning.training_config import TrainingConfig
from training.learning.walk_forward import walk_forward
from training.scoring.evaluation import distributions, evaluate
from training.scoring.scores import summary


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The scores of one recipe on one ticker and horizon.

    Attributes:
        session: shape (m,), made-on sessions that are scored.
        interval_score, crps: shape (m,), of each session, as returns; lower is better.
        metrics: means of these and of other scores, `seconds` of processor time that the walk-forward and a fit took,
            `onnx_bytes`.
    """

    recipe: str
    ticker: str
    horizon: int
    session: SessionArray
    interval_score: FloatArray
    crps: FloatArray
    metrics: Mapping[str, float]


def score(bars: Bars, horizon: int, config: TrainingConfig, schedule: ReportSchedule | None = None) -> Scored | str:
    """Score a recipe, or say in one line why it cannot be."""
    try:
        return _score(bars, horizon, config, schedule)
    except TrainingError as error:
        return str(error)


def _score(bars: Bars, horizon: int, config: TrainingConfig, schedule: ReportSchedule | None) -> Scored:
    data = make_dataset(bars, horizon, schedule)
    started = process_time()
    outputs = walk_forward(data, config)
    fitted = config.fit(data, data.known)
    seconds = process_time() - started
    evaluation = evaluate(data, outputs)
    known = evaluation.known()
    quantiles = np.array([one.quantiles for one in distributions(data, outputs)])[np.isfinite(evaluation.actual)]
    crps = crps_of(quantiles, known.actual)
    metrics = summary(known) | {
        "crps": float(crps.mean()),
        "seconds": seconds,
        "onnx_bytes": float(len(export_onnx(config.recipe, fitted, data))),
    }
    scores = interval_scores(known.lower, known.upper, known.actual)
    return Scored(config.name, data.ticker, horizon, data.session[known.row], scores, crps, metrics)


def crps_of(quantiles: FloatArray, actual: FloatArray) -> FloatArray:
    """Continuous ranked probability score of each forecast, shape (m,); lower is better.

    It is twice the integral of the pinball loss over the probabilities, here between the first and the last of
    PROBABILITIES.

    Args:
        quantiles: shape (m, len(PROBABILITIES)), of the forecasts, as returns.
        actual: shape (m,), the returns that followed.

    Source: Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", 2007, section 6.
    """
    missed = actual[:, np.newaxis] - quantiles
    pinball = np.maximum(PROBABILITIES * missed, (PROBABILITIES - 1) * missed)
    return np.asarray(2 * np.trapezoid(pinball, PROBABILITIES, axis=1))
