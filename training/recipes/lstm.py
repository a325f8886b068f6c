"""A small LSTM on the moves of the last 60 sessions and ridge regressions, learnt from all tickers and shared."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from features import NAMES, PRICE_INPUTS, WIDTH_INPUTS
from features.sequence import NAMES as MOVES
from features.sequence import SESSIONS, width
from market.bars import FloatArray
from training.learning.dataset import Dataset
from training.learning.pooled_recipe import PooledRecipe, pooled
from training.learning.recipe import FittedModel, fit_examples, on
from training.onnx_conversion.recurrent import add_recurrent_nodes

# Stands for the spread of a target that never changes.
SMALLEST_SCALE = 1e-7
SEQUENCE = tuple(range(len(NAMES), width(len(NAMES), SESSIONS)))


class Lstm(PooledRecipe):
    """One layer, whose last state says the width; a ridge regression is averaged with it in logs.

    Attributes:
        hidden: size of the state.
        epochs: passes over all rows.
        batch_size: rows in a step.
        learning_rate: of the first step; it falls to zero along a cosine.
        weight_decay: of each step, as a share of the learning rate.
        ridge_alpha, expected_alpha: penalties of the regressions of the width and of the return.
    """

    model_type: ClassVar[str] = "lstm"
    sessions: ClassVar[int] = SESSIONS
    library: ClassVar[str] = "equinox"
    group: ClassVar[str] = "lstm"
    rounding: ClassVar[float] = 10.0

    hidden: Annotated[PositiveInt, Field(le=256)]
    epochs: Annotated[PositiveInt, Field(le=1000)]
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    ridge_alpha: PositiveFloat
    expected_alpha: PositiveFloat

    def fit_pool(self, pool: Sequence[Dataset], known_on: np.datetime64, seed: int) -> FittedModel:
        """Fit a network and two ridge regressions."""
        return fit_examples(
            pooled(pool, known_on, self.sessions),
            expected=on(PRICE_INPUTS, StandardScaler(), Ridge(alpha=self.expected_alpha)),
            log_ratio=on(SEQUENCE, Recurrent(self, seed)),
            bounded_log_ratio=on(WIDTH_INPUTS, StandardScaler(), Ridge(alpha=self.ridge_alpha)),
        )


class Recurrent(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is published without types
    """The network as scikit-learn's pipelines take it.

    Attributes:
        weights_: what was learnt, as the training library names it.
        mean_, scale_: of the target, in which the network counts.
    """

    def __init__(self, recipe: Lstm, seed: int) -> None:
        """Learn as `recipe` says."""
        self.recipe = recipe
        self.seed = seed

    def fit(self, inputs: FloatArray, target: FloatArray) -> "Recurrent":
        """Learn from sequences, shape (n, sessions times moves)."""
        self.mean_, self.scale_ = float(target.mean()), float(np.maximum(target.std(), SMALLEST_SCALE))
        scaled = ((target - self.mean_) / self.scale_).astype(np.float32)
        self.weights_ = network().train(as_sequences(inputs), scaled, self.recipe, self.seed)
        return self

    def predict(self, inputs: FloatArray) -> FloatArray:
        """Say the target, shape (n,), by the training library itself."""
        found: FloatArray = self.mean_ + self.scale_ * network().outputs(self.weights_, as_sequences(inputs))
        return found


def as_sequences(inputs: FloatArray) -> Any:
    """Shape (n, sessions, moves), float32, of rows that have them side by side."""
    return np.asarray(inputs, dtype=np.float32).reshape(len(inputs), -1, len(MOVES))


def network() -> Any:
    """The module that needs the training library, which takes a second to import."""
    from training.recipes.recurrent import network as found  # noqa: PLC0415  # optional group `lstm`

    return found


def _convert(scope: Any, operator: Any, container: Any) -> None:
    model: Recurrent = operator.raw_operator
    add_recurrent_nodes(scope, operator, container, model.weights_, (model.mean_, model.scale_))


update_registered_converter(Recurrent, "Recurrent", calculate_linear_regressor_output_shapes, _convert)
