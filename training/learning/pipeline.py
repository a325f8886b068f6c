"""From bars to a trained and scored model; touches neither MLflow nor any store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

import structlog

from forecasting.calibration import Calibration
from forecasting.formula import Formula
from forecasting.metrics import Metrics
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars
from training.errors import TrainingError
from training.learning.dataset import Dataset, make_dataset
from training.learning.promotion import Candidate
from training.learning.recipe import FittedModel, Recipe
from training.learning.ta_reference import check_reference
from training.learning.training_config import TrainingConfig
from training.learning.walk_forward import calibrate, walk_forward
from training.onnx_conversion.export import checked_onnx
from training.scoring.baselines import evaluate_baselines
from training.scoring.evaluation import Evaluation, evaluate
from training.scoring.scores import comparison, summary

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model that is neither registered nor published yet.

    Attributes:
        onnx: the file that serves, equal to the model on every row it was fitted on.
        baselines: their forecasts for the rows of `evaluation`, by name.
        comparison: scores beside those of the baselines.
        plots: PNG files by name.
        deviation: largest relative difference between the features and `ta`'s.
    """

    data: Dataset
    config: TrainingConfig
    onnx: bytes
    formula: Formula
    calibration: Calibration
    evaluation: Evaluation
    baselines: Mapping[str, Evaluation]
    metrics: Metrics
    comparison: Mapping[str, float]
    plots: Mapping[str, bytes]
    deviation: float
    trained_at: datetime

    @property
    def fingerprint(self) -> str:
        """Hash of everything but the bars that decided what was learnt."""
        return self.config.fingerprint(self.data.horizon)

    @property
    def candidate(self) -> Candidate:
        """Its scored forecasts, as promotion compares them."""
        sessions = self.data.session[self.evaluation.row]
        return Candidate(self.fingerprint, self.data.simulated, sessions, self.evaluation)


def train(bars: Bars, horizon: int, config: TrainingConfig, schedule: ReportSchedule | None = None) -> Trained:
    """Walk forward through `bars`, calibrate on the residuals, fit on everything known.

    Raises:
        TooFewSessions: the history is too short.
        NothingMoves: the price stands still.
        Deviation: the features of these bars differ from their reference, or the ONNX file from its model.
    """
    from training.scoring.plots import plots  # noqa: PLC0415  # matplotlib, in commands that draw nothing

    started = perf_counter()
    deviation = check_reference(bars)
    data = make_dataset(bars, horizon, schedule)
    outputs = walk_forward(data, config)
    evaluation = evaluate(data, outputs)
    fitted = config.fit(data, data.known)
    calibration = calibrate(data, outputs, len(data) - 1)
    baselines = evaluate_baselines(bars, data, evaluation)
    scores = comparison(evaluation, baselines, data.unit[evaluation.row], data.reports.near[evaluation.row])
    onnx = export_onnx(config.recipe, fitted, data)
    duration = {"training_time": perf_counter() - started, "train_samples": data.known}
    return Trained(
        data=data,
        config=config,
        onnx=onnx,
        formula=fitted.formula,
        calibration=calibration,
        evaluation=evaluation,
        baselines=baselines,
        metrics=Metrics.model_validate(summary(evaluation) | duration),
        comparison=scores,
        plots=plots(data, fitted, evaluation, baselines, config.recipe.sessions),
        deviation=deviation,
        trained_at=datetime.now(UTC),
    )


def export_onnx(recipe: Recipe, fitted: FittedModel, data: Dataset) -> bytes:
    """The ONNX file of a model, compared with it on all rows of `data` whose return is known.

    Raises:
        Deviation: they differ.
    """
    inputs = data.model_inputs(slice(data.known), recipe.sessions)
    graph, outputs = recipe.to_onnx(fitted, inputs), fitted.predict(inputs)
    return checked_onnx(graph, inputs, outputs, data.ticker, recipe.rounding)


def attempt(bars: Bars, horizon: int, config: TrainingConfig, schedule: ReportSchedule | None = None) -> Trained | str:
    """The trained model, or the reason in one line why there is none."""
    try:
        return train(bars, horizon, config, schedule)
    except TrainingError as error:
        return str(error)
    except Exception as error:
        log.exception("training.failed", ticker=bars.ticker, horizon=horizon)
        return f"{bars.ticker}: {type(error).__name__}: {error}; the log has the traceback"
