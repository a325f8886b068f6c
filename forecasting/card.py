"""The model card: everything about a published model that is not in its trees."""

from datetime import date, datetime
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from forecasting.distribution import PROBABILITIES, Forecast, forecast
from market.bars import FloatArray

FORMAT = 1

# Names of the files of a published model, side by side in its folder.
CARD_FILE = "card.json"
FOREST_FILE = "forest.onnx"


class Metrics(BaseModel):
    """Scores on sessions that the model had not seen; errors are returns (0.0119 is 1.19 %), times are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    val_mae: float
    val_rmse: float
    baseline_mae: float
    direction_accuracy: float
    coverage: float
    interval_score: float
    training_time: float
    train_samples: int
    val_samples: int


class ModelCard(BaseModel):
    """A published model: what it is, where it comes from, how good it is, and how its outputs become a forecast.

    Attributes:
        simulated: whether it was trained on invented prices; it never serves the other kind.
        features: names of the inputs, in their order.
        shrinkage: share of the expected return that past errors say may be believed, 0 to 1.
        quantiles: shape (len(PROBABILITIES),), of past misses in units of the forecast width.
        forest_sha256: of the ONNX file that belongs to this card.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    ticker: str
    horizon: int
    source: str
    simulated: bool
    features: tuple[str, ...]
    run_id: str
    version: int
    trained_at: datetime
    trained_from: date
    trained_to: date
    shrinkage: Annotated[float, Field(ge=0, le=1)]
    quantiles: tuple[float, ...]
    forest_sha256: str = ""
    metrics: Metrics

    @model_validator(mode="after")
    def _quantiles_ascend(self) -> Self:
        if len(self.quantiles) != PROBABILITIES.size or np.any(np.diff(self.quantiles) < 0):
            raise ValueError(f"quantiles must be {PROBABILITIES.size} ascending numbers")
        return self

    def forecast(self, expected: float, log_ratio: float, level: float) -> Forecast:
        """The forecast from the model's two outputs.

        Args:
            expected: return over the horizon in units of `level * sqrt(horizon)`.
            log_ratio: log of the forecast width over `level * sqrt(horizon)`.
            level: volatility level of the same bars, daily.
        """
        unit = level * float(np.sqrt(self.horizon))
        return forecast(self.horizon, self.shrinkage * expected * unit, unit * float(np.exp(log_ratio)), self._table)

    @property
    def _table(self) -> FloatArray:
        return np.array(self.quantiles)


def model_name(ticker: str, horizon: int) -> str:
    """Name of the registered model in MLflow; lower case in the BentoML store, which knows no other."""
    return f"forest-{ticker}-{horizon}"
