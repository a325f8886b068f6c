"""What every recipe provides, and what most of them share: how three estimators become one model."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from onnx import ModelProto
from pydantic import BaseModel, ConfigDict
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline

from configuration import HORIZONS
from features import NAMES
from features.matrix import FeatureMatrix
from forecasting.formula import Formula, training_inputs
from market.bars import FloatArray, SessionArray
from training.learning import forests
from training.learning.dataset import Dataset

if TYPE_CHECKING:
    from training.learning.pooled_recipe import PooledRecipe

# Returns beyond this many units are clipped to it before the expected return is fitted, as outliers.
LARGEST_UNITS = 3.0
# Quantiles of the log ratio in training that the linear output is held between.
LINEAR_BOUNDS = (0.01, 0.99)

# Version of ONNX's operators for trees that skl2onnx and the converters of other libraries both write.
TREES_OPSET = 3


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A fitted model and the formula that reads its outputs.

    Attributes:
        model: three outputs, the columns of `forecasting.formula`: the expected return in units, and the log ratio of
            the width twice, the second of which is held between bounds.
    """

    model: MultiOutputRegressor
    formula: Formula

    def predict(self, inputs: FeatureMatrix) -> FloatArray:
        """Outputs of the model, shape (n, 3), for inputs of shape (n, k)."""
        return np.array([forests.predict(estimator, inputs) for estimator in self.model.estimators_]).T


@dataclass(frozen=True, slots=True, eq=False)
class SharedModels:
    """What a recipe has learnt from the pooled data sets of all tickers, m times.

    Attributes:
        known_on: shape (m,), ascending: the session on which everything that a model learnt from was known.
        models: m of them; the last one learnt from all there is.
    """

    known_on: SessionArray
    models: tuple[FittedModel, ...]


class Recipe(BaseModel, ABC):
    """How a model of one ticker and horizon is fitted; the fields are its hyperparameters with their bounds.

    A subclass in `training/recipes/NAME.py` is configured by `training.recipes.NAME`.

    Attributes:
        model_type: kind of model, as answers name it.
        sessions: last ones whose moves the model reads beside the inputs, at most `features.sequence.SESSIONS`.
        library, group: package that it needs of an optional group, which `make GROUP` installs; empty for none.
        rounding: how much more than usual the ONNX file may differ from the model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    model_type: ClassVar[str]
    sessions: ClassVar[int] = 0
    library: ClassVar[str] = ""
    group: ClassVar[str] = ""
    rounding: ClassVar[float] = 1.0

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

    def pooled_parts(self) -> "tuple[PooledRecipe, ...]":
        """The recipes in this one that learn from the data sets of all tickers, each of another name."""
        return ()

    @property
    def looks_back(self) -> int:
        """Rows before those of a fit on which earlier fits are scored, for the sake of that fit."""
        return 0

    def sharing(self, models: Mapping[str, SharedModels]) -> Self:  # noqa: ARG002  # most learn from one ticker alone
        """This recipe with what its pooled parts have learnt, by their names."""
        return self

    def to_onnx(self, fitted: FittedModel, inputs: FeatureMatrix) -> ModelProto:
        """The model with input `X` (rows, k) and output `variable` (rows, 3), both float32.

        Args:
            inputs: shape (n, k), of which the types and the width are taken.
        """
        from skl2onnx import get_latest_tested_opset_version, to_onnx  # noqa: PLC0415  # half a second, for who converts

        opsets = {"": get_latest_tested_opset_version(), "ai.onnx.ml": TREES_OPSET}
        graph: ModelProto = to_onnx(fitted.model, inputs[:1], target_opset=opsets)
        return graph


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is learnt from: n rows of one ticker or of several.

    Attributes:
        inputs: shape (n, k), which the moves of the last sessions may follow.
        units: shape (n,), the returns in units, within LARGEST_UNITS.
        log_ratio: shape (n,), of the width.
    """

    horizon: int
    inputs: FeatureMatrix
    units: FloatArray
    log_ratio: FloatArray

    @classmethod
    def of(cls, data: Dataset, rows: int, sessions: int = 0) -> "Examples":
        """The first `rows` rows of one ticker, all of whose returns are known.

        Args:
            sessions: whose moves follow the inputs.
        """
        units = np.clip(data.actual[:rows] / data.unit[:rows], -LARGEST_UNITS, LARGEST_UNITS)
        return cls(data.horizon, data.model_inputs(slice(rows), sessions), units, data.log_ratio[:rows])

    def formula(self) -> Formula:
        """What reads the outputs of a model that has learnt from them."""
        lowest, highest = np.quantile(self.log_ratio, LINEAR_BOUNDS)
        return Formula(
            mean=float(self.log_ratio.mean()),
            lowest=float(lowest),
            highest=float(highest),
            trust=HORIZONS[self.horizon].correction_trust,
            echo_weight=HORIZONS[self.horizon].echo_weight,
            training_inputs=training_inputs(self.inputs[:, : len(NAMES)]),
        )


def fit_estimators(data: Dataset, rows: int, **estimators: Pipeline) -> FittedModel:
    """Fit one estimator for each output on the first `rows` rows of one ticker, as `fit_examples` does."""
    return fit_examples(Examples.of(data, rows), **estimators)


def fit_examples(
    examples: Examples, *, expected: Pipeline, log_ratio: Pipeline, bounded_log_ratio: Pipeline
) -> FittedModel:
    """Fit one estimator for each output, as one model that is registered, converted and served whole.

    Args:
        expected: of the return in units.
        log_ratio: of the log ratio of the width.
        bounded_log_ratio: the same, held between LINEAR_BOUNDS of what was seen, because it may extrapolate.
    """
    model = MultiOutputRegressor(Ridge())
    model.estimators_ = [
        forests.fit(expected, examples.inputs, examples.units),
        forests.fit(log_ratio, examples.inputs, examples.log_ratio),
        forests.fit(bounded_log_ratio, examples.inputs, examples.log_ratio),
    ]
    model.n_features_in_ = examples.inputs.shape[1]
    return FittedModel(model, examples.formula())


def on(inputs: Sequence[int], *steps: Any) -> Pipeline:
    """A pipeline of `steps` that is given these columns of the feature matrix alone."""
    return make_pipeline(ColumnTransformer([("inputs", "passthrough", list(inputs))]), *steps)
