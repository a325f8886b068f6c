"""The model card: everything about a published model that is not in its trees."""

from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from features import NAMES, VERSION
from features.matrix import FeatureMatrix
from features.sequence import SESSIONS, width
from forecasting.calibration import Calibration, Reading
from forecasting.distribution import PROBABILITIES, Forecast
from forecasting.formula import EXPECTED, Formula
from forecasting.many_forecasts import Constants
from forecasting.metrics import Metrics
from forecasting.reports.reaction import USUAL, Reaction
from forecasting.reports.schedule import FilingChances
from market.bars import FloatArray

# Names of the files of a published model, side by side in its folder.
CARD_FILE = "card.json"
FOREST_FILE = "forest.onnx"


class ModelCard(BaseModel):
    """A published model: what it is, where it comes from, how good it is, and how its outputs become a forecast.

    Attributes:
        simulated: whether it was trained on simulated prices; it never serves real ones, nor the other way round.
        recipe: what trained it, a section of `training.recipes`.
        model_type: kind of model, as answers name it.
        features: names of the inputs, in their order.
        features_version: of the numbers behind those names; a model serves on its own version alone.
        sessions: last ones whose moves the model takes after the inputs, as `features.sequence` has them.
        shrinkage: share of the expected return that past residuals support, 0 to 1.
        formula: of the width from the model's outputs.
        quantiles: shape (len(PROBABILITIES),), of past ordinary residuals in units of the forecast width.
        reaction: to reports.
        bars_sha256: of the bars it was trained on.
        forest_sha256: of the ONNX file that belongs to this card.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = 2
    ticker: str
    horizon: int
    source: str
    simulated: bool
    recipe: str
    model_type: str
    features: tuple[str, ...]
    features_version: int
    sessions: Annotated[int, Field(ge=0, le=SESSIONS)] = 0
    run_id: str
    version: int
    trained_at: datetime
    trained_from: date
    trained_to: date
    shrinkage: Annotated[float, Field(ge=0, le=1)]
    formula: Formula
    quantiles: tuple[float, ...]
    reaction: Reaction = USUAL
    bars_sha256: str = ""
    forest_sha256: str = ""
    metrics: Metrics

    @property
    def width(self) -> int:
        """Number of inputs of its ONNX file."""
        return width(len(self.features), self.sessions)

    @property
    def has_current_features(self) -> bool:
        """Whether the inputs that it was trained on are those that this release computes."""
        return (self.features, self.features_version) == (NAMES, VERSION)

    @model_validator(mode="after")
    def _quantiles_ascend(self) -> Self:
        if len(self.quantiles) != PROBABILITIES.size or np.any(np.diff(self.quantiles) < 0):
            raise ValueError(f"quantiles must be {PROBABILITIES.size} ascending numbers")
        return self

    def forecast(
        self, outputs: FloatArray, inputs: FeatureMatrix, level: float, reports: FilingChances | None = None
    ) -> Forecast:
        """The forecast from one row; `forecast_all` makes the same of many.

        Args:
            outputs: shape (1, 3), of the model.
            inputs: shape (1, k), given to it.
            level: volatility level of the same bars, daily.
            reports: of the same session; one row.
        """
        novelty = self.formula.training_inputs.novelty(inputs)
        log_ratio = float(self.formula.log_ratio(outputs, inputs, novelty)[0])
        if reports is None or not reports.covered[0]:
            log_ratio += float(self.formula.echo(inputs)[0])
        chance = reports.within(self.horizon, self.reaction.same_session) if reports else 0.0
        reading = Reading(
            expected=float(outputs[0, EXPECTED]),
            log_ratio=log_ratio,
            unit=level * float(np.sqrt(self.horizon)),
            report_chance=chance,
        )
        return self.calibration.forecast(self.horizon, reading, extrapolating=bool(novelty[0] > 1))

    @cached_property
    def calibration(self) -> Calibration:
        """What past residuals say about the model."""
        return Calibration(self.shrinkage, np.array(self.quantiles), self.reaction)

    @cached_property
    def constants(self) -> Constants:
        """The same numbers as `forecast_all` takes them."""
        return Constants(self.horizon, self.formula, self.calibration)


def model_name(ticker: str, horizon: int) -> str:
    """Name of the registered model in MLflow; lower case in the BentoML store, which knows no other."""
    return f"forest-{ticker}-{horizon}"


def challenger_name(experiment: str, ticker: str, horizon: int) -> str:
    """Name of an experiment's challenger in the BentoML store, apart from the champions' so that none serves as one."""
    return renamed(model_name(ticker, horizon), experiment)


def renamed(name: str, experiment: str) -> str:
    """The same from the name of the registered model."""
    return f"challenger-{experiment}-{name.removeprefix('forest-')}"
