"""What every recipe provides, and what most of them share: how three estimators become one model."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from onnx import ModelProto
from pydantic import BaseModel, ConfigDict
from skl2onnx import to_onnx
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline

from configuration import HORIZONS
from features.matrix import FeatureMatrix
from forecasting.formula import Formula, training_inputs
from training.learning.dataset import Dataset

# Returns beyond this many units are clipped to it before the expected return is fitted, as outliers.
LARGEST_UNITS = 3.0
# Quantiles of the log ratio in training that the linear output is held between.
LINEAR_BOUNDS = (0.01, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A fitted model and the formula that reads its outputs.

    Attributes:
        model: three outputs, the columns of `forecasting.formula`: the expected return in units, and the log ratio of
            the width twice, the second of which is held between bounds.
    """

    model: MultiOutputRegressor
    formula: Formula


class Recipe(BaseModel, ABC):
    """How a model of one ticker and horizon is fitted; the fields are its hyperparameters with their bounds.

    A subclass in `training/recipes/NAME.py` is configured by `training.recipes.NAME`.

    Attributes:
        model_type: kind of model, as answers name it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    model_type: ClassVar[str]

    @classmethod
    def configured(cls, section: Mapping[str, Any], other: "Callable[[str], Recipe]") -> Self:  # noqa: ARG003
        """The recipe with the hyperparameters of its section.

        Args:
            other: makes another configured recipe from its name, for those that are made of several.
        """
        return cls(**section)

    @property
    def name(self) -> str:
        """Name of its file and of its section of the configuration."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def parameters(self) -> dict[str, Any]:
        """The hyperparameters by name, as MLflow lists them."""
        return self.model_dump()

    @abstractmethod
    def fit(self, data: Dataset, rows: int, seed: int) -> FittedModel:
        """Fit on the first `rows` rows of `data`, all of whose returns are known."""

    def to_onnx(self, fitted: FittedModel, inputs: FeatureMatrix) -> ModelProto:
        """The model with input `X` (rows, k) and output `variable` (rows, 3), both float32.

        Args:
            inputs: shape (n, k), of which the types and the width are taken.
        """
        graph: ModelProto = to_onnx(fitted.model, inputs[:1])
        return graph


def fit_estimators(
    data: Dataset, rows: int, *, expected: Pipeline, log_ratio: Pipeline, bounded_log_ratio: Pipeline
) -> FittedModel:
    """Fit one estimator for each output, as one model that is registered, converted and served whole.

    Args:
        data: its first `rows` rows are learnt from.
        expected: of the return in units.
        log_ratio: of the log ratio of the width.
        bounded_log_ratio: the same, held between LINEAR_BOUNDS of what was seen, because it may extrapolate.
    """
    inputs, target = data.inputs[:rows], data.log_ratio[:rows]
    units = np.clip(data.actual[:rows] / data.unit[:rows], -LARGEST_UNITS, LARGEST_UNITS)
    model = MultiOutputRegressor(Ridge())
    model.estimators_ = [
        expected.fit(inputs, units),
        log_ratio.fit(inputs, target),
        bounded_log_ratio.fit(inputs, target),
    ]
    model.n_features_in_ = inputs.shape[1]
    return FittedModel(model, _formula(data, inputs, target))


def on(inputs: Sequence[int], *steps: Any) -> Pipeline:
    """A pipeline of `steps` that is given these columns of the feature matrix alone."""
    return make_pipeline(ColumnTransformer([("inputs", "passthrough", list(inputs))]), *steps)


def _formula(data: Dataset, inputs: FeatureMatrix, log_ratio: "np.ndarray[Any, np.dtype[np.float64]]") -> Formula:
    lowest, highest = np.quantile(log_ratio, LINEAR_BOUNDS)
    return Formula(
        mean=float(log_ratio.mean()),
        lowest=float(lowest),
        highest=float(highest),
        trust=HORIZONS[data.horizon].correction_trust,
        echo_weight=HORIZONS[data.horizon].echo_weight,
        training_inputs=training_inputs(inputs),
    )
