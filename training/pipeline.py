"""From bars to a trained and scored model; touches neither MLflow nor any store."""

from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

from sklearn.multioutput import MultiOutputRegressor

from features.matrix import FeatureMatrix
from forecasting.card import Metrics
from market.bars import Bars
from training.dataset import Dataset, make_dataset
from training.errors import TrainingError
from training.evaluation import Evaluation, evaluate
from training.forest import fit_forest
from training.reference import check_reference
from training.scores import summary
from training.walk_forward import Calibration, calibrate, walk_forward


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How to train.

    Attributes:
        refit_every: sessions between two refits of the walk-forward.
        tested: last sessions that the walk-forward scores and calibrates on.
        seed: of every forest.
    """

    refit_every: int
    tested: int
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model that is neither registered nor published yet.

    Attributes:
        deviation: largest relative difference between the features and `ta`'s.
    """

    data: Dataset
    plan: Plan
    model: MultiOutputRegressor
    calibration: Calibration
    evaluation: Evaluation
    metrics: Metrics
    deviation: float
    trained_at: datetime

    @property
    def rows(self) -> FeatureMatrix:
        """Inputs the model was fitted on, shape (n, k)."""
        return self.data.inputs[: self.data.known]


def train(bars: Bars, horizon: int, plan: Plan) -> Trained:
    """Walk forward through `bars`, calibrate on the misses, fit on everything known.

    Raises:
        TooFewSessions: the history is too short.
        Deviation: the features of these bars differ from their reference.
    """
    started = perf_counter()
    deviation = check_reference(bars)
    data = make_dataset(bars, horizon)
    outputs = walk_forward(data, plan.refit_every, plan.seed, plan.tested)
    evaluation = evaluate(data, outputs)
    known = data.known
    model = fit_forest(data.inputs[:known], data.actual[:known], data.unit[:known], plan.seed)
    scores = summary(evaluation)
    metrics = Metrics(**scores, training_time=perf_counter() - started, train_samples=known)
    calibration = calibrate(data, outputs, len(data) - 1)
    return Trained(data, plan, model, calibration, evaluation, metrics, deviation, datetime.now(UTC))


def attempt(bars: Bars, horizon: int, plan: Plan) -> Trained | str:
    """The trained model, or in one line why there is none."""
    try:
        return train(bars, horizon, plan)
    except TrainingError as error:
        return str(error)
