"""One recipe on one ticker and horizon, out of sample."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from forecasting.distribution import PROBABILITIES
from forecasting.interval_score import interval_scores
from market.bars import Bars, FloatArray, SessionArray
from training.errors import TrainingError
from training.learning.dataset import Dataset, make_dataset
from training.learning.evaluation import evaluate
from training.learning.pipeline import export_onnx
from training.learning.scores import summary
from training.learning.training_config import TrainingConfig
from training.learning.walk_forward import Outputs, calibrate, walk_forward


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The scores of one recipe on one ticker and horizon.

    Attributes:
        session: shape (m,), made-on sessions that are scored.
        interval_score, crps: shape (m,), of each session, as returns; lower is better.
        metrics: means of these and of other scores, `seconds` of the walk-forward and a fit, `onnx_bytes`.
    """

    recipe: str
    ticker: str
    horizon: int
    session: SessionArray
    interval_score: FloatArray
    crps: FloatArray
    metrics: Mapping[str, float]


def score(bars: Bars, horizon: int, config: TrainingConfig) -> Scored | str:
    """Score a recipe, or say in one line why it cannot be."""
    try:
        return _score(bars, horizon, config)
    except TrainingError as error:
        return str(error)


def _score(bars: Bars, horizon: int, config: TrainingConfig) -> Scored:
    data = make_dataset(bars, horizon)
    started = perf_counter()
    outputs = walk_forward(data, config)
    fitted = config.fit(data, data.known)
    seconds = perf_counter() - started
    known = evaluate(data, outputs).known()
    crps = np.array([crps_at(data, outputs, int(row)) for row in known.row])
    metrics = summary(known) | {
        "crps": float(crps.mean()),
        "seconds": seconds,
        "onnx_bytes": float(len(export_onnx(config.recipe, fitted, data))),
    }
    scores = interval_scores(known.lower, known.upper, known.actual)
    return Scored(config.recipe.name, data.ticker, horizon, data.session[known.row], scores, crps, metrics)


def crps_at(data: Dataset, outputs: Outputs, row: int) -> float:
    """Continuous ranked probability score of the forecast made at `row`, whose return is known.

    It is twice the integral of the pinball loss over the probabilities, here between the first and the last of
    PROBABILITIES.

    Source: Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", 2007, section 6.
    """
    calibration, index = calibrate(data, outputs, row), row - outputs.first
    centre = calibration.shrinkage * outputs.expected[index] * data.unit[row]
    quantiles = centre + np.exp(outputs.log_ratio[index]) * data.unit[row] * calibration.quantiles
    missed = data.actual[row] - quantiles
    pinball = np.maximum(PROBABILITIES * missed, (PROBABILITIES - 1) * missed)
    return float(2 * np.trapezoid(pinball, PROBABILITIES))
