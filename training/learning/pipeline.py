"""From bars to a trained and scored model; touches neither MLflow nor any store."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from time import perf_counter

from configuration import HORIZONS
from features import NAMES
from features.matrix import FeatureMatrix
from forecasting.calibration import Calibration
from forecasting.metrics import Metrics
from market.bars import Bars
from training.errors import TrainingError
from training.learning.baselines import evaluate_baselines
from training.learning.dataset import Dataset, make_dataset
from training.learning.evaluation import Evaluation, evaluate
from training.learning.forest import PARAMETERS, Fitted, fit
from training.learning.plots import plots
from training.learning.promotion import Candidate
from training.learning.scores import comparison, summary
from training.learning.ta_reference import check_reference
from training.learning.walk_forward import calibrate, walk_forward

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train.

    Attributes:
        refit_every: sessions between two refits of the walk-forward.
        tested: last sessions that the walk-forward scores and calibrates on; null for all it can.
        seed: of every forest.
    """

    refit_every: int
    tested: int | None
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model that is neither registered nor published yet.

    Attributes:
        baselines: their forecasts for the rows of `evaluation`, by name.
        comparison: scores beside those of the baselines.
        plots: PNG files by name.
        deviation: largest relative difference between the features and `ta`'s.
    """

    data: Dataset
    plan: TrainingConfig
    fitted: Fitted
    calibration: Calibration
    evaluation: Evaluation
    baselines: Mapping[str, Evaluation]
    metrics: Metrics
    comparison: Mapping[str, float]
    plots: Mapping[str, bytes]
    deviation: float
    trained_at: datetime

    @property
    def rows(self) -> FeatureMatrix:
        """Inputs the model was fitted on, shape (n, k)."""
        return self.data.inputs[: self.data.known]

    @property
    def candidate(self) -> Candidate:
        """What promotion looks at."""
        sessions = self.data.session[self.evaluation.row]
        return Candidate(recipe(self.plan, self.data.horizon), self.data.simulated, sessions, self.evaluation)


def recipe(plan: TrainingConfig, horizon: int) -> str:
    """Fingerprint of everything but the bars that decides what is learnt at this horizon."""
    ingredients = [NAMES, PARAMETERS, asdict(HORIZONS[horizon]), asdict(plan)]
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()[:16]


def train(bars: Bars, horizon: int, plan: TrainingConfig) -> Trained:
    """Walk forward through `bars`, calibrate on the residuals, fit on everything known.

    Raises:
        TooFewSessions: the history is too short.
        NothingMoves: the price stands still.
        Deviation: the features of these bars differ from their reference.
    """
    started = perf_counter()
    deviation = check_reference(bars)
    data = make_dataset(bars, horizon)
    outputs = walk_forward(data, plan.refit_every, plan.seed, plan.tested)
    evaluation = evaluate(data, outputs)
    fitted = fit(data, data.known, plan.seed)
    calibration = calibrate(data, outputs, len(data) - 1)
    baselines = evaluate_baselines(bars, data, evaluation)
    scores = comparison(evaluation, baselines, data.unit[evaluation.row])
    spent = {"training_time": perf_counter() - started, "train_samples": data.known}
    metrics = Metrics.model_validate(summary(evaluation) | spent)
    return Trained(
        data=data,
        plan=plan,
        fitted=fitted,
        calibration=calibration,
        evaluation=evaluation,
        baselines=baselines,
        metrics=metrics,
        comparison=scores,
        plots=plots(data, fitted, evaluation, baselines),
        deviation=deviation,
        trained_at=datetime.now(UTC),
    )


def attempt(bars: Bars, horizon: int, plan: TrainingConfig) -> Trained | str:
    """The trained model, or in one line why there is none."""
    try:
        return train(bars, horizon, plan)
    except TrainingError as error:
        return str(error)
    except Exception as error:
        log.exception("%s at horizon %d", bars.ticker, horizon)
        return f"{bars.ticker}: {type(error).__name__}: {error}; the log has the traceback"
