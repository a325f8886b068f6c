"""The width from a model's outputs: numbers on its card, the same code in training and serving."""

from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from features import ECHO
from features.matrix import FeatureMatrix
from market.bars import FloatArray

# Columns of a model's output.
EXPECTED, FOREST_RATIO, RIDGE_RATIO = 0, 1, 2
OUTPUTS = 3

# Inputs beyond all those trained on widen the interval in proportion to their novelty, up to this factor.
LARGEST_WIDENING = 3.0
# Stands for the spread of an input that never changed.
SMALLEST_SCALE = 1e-6
FIFTHS = (0.2, 0.4, 0.6, 0.8)


class TrainingInputs(BaseModel):
    """The spread of the inputs a model was trained on, which tells how new others are to it.

    Attributes:
        mean, scale: shape (k,), of the inputs a model was trained on.
        limit: largest root mean squared distance from the mean among them, in scales.
        fifths: shape (k, 4), the bounds between fifths of each input; empty on cards from before they were kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    limit: Annotated[float, Field(gt=0)]
    fifths: tuple[tuple[float, ...], ...] = ()

    def novelty(self, inputs: FeatureMatrix) -> FloatArray:
        """Distance of each row from the mean over `limit`, shape (n,); a row above 1 is beyond all those trained on."""
        return distances(inputs, *self.arrays) / self.limit

    @cached_property
    def arrays(self) -> tuple[FloatArray, FloatArray]:
        """Mean and scale as arrays of shape (k,)."""
        return np.array(self.mean), np.array(self.scale)


class Formula(BaseModel):
    """From outputs to a log ratio of the width over the level.

    Attributes:
        mean: of the log ratio in training.
        lowest, highest: bounds of the ridge's output, since a linear model extrapolates.
        trust: share of the learned deviation from the mean that is used.
        echo_weight: added to the log of the width per unit of the input `echo`, where report dates are not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    lowest: float
    highest: float
    trust: Annotated[float, Field(ge=0, le=1)]
    echo_weight: float
    training_inputs: TrainingInputs

    def log_ratio(self, outputs: FloatArray, inputs: FeatureMatrix, novelty: FloatArray | None = None) -> FloatArray:
        """Log of the width over the level on a session without reports.

        Args:
            outputs: shape (n, 3), of the model.
            inputs: shape (n, k), given to it.
            novelty: shape (n,), of the inputs; computed from them without it.

        Returns:
            Shape (n,).
        """
        if novelty is None:
            novelty = self.training_inputs.novelty(inputs)
        ridge = np.minimum(np.maximum(outputs[:, RIDGE_RATIO], self.lowest), self.highest)
        learned = (outputs[:, FOREST_RATIO] + ridge) / 2
        widening = np.log(np.minimum(np.maximum(novelty, 1), LARGEST_WIDENING))
        return np.asarray(self.mean + self.trust * (learned - self.mean) + widening)

    def echo(self, inputs: FeatureMatrix) -> FloatArray:
        """What is added to it where report dates are not known, for the reports that the bars hint at, shape (n,)."""
        return np.asarray(self.echo_weight * inputs[:, ECHO], dtype=np.float64)


def training_inputs(inputs: FeatureMatrix) -> TrainingInputs:
    """Describe the inputs a model is trained on, shape (n, k)."""
    mean, scale = inputs.mean(axis=0, dtype=np.float64), inputs.std(axis=0, dtype=np.float64)
    scale = np.maximum(scale, SMALLEST_SCALE)
    limit = max(float(distances(inputs, mean, scale).max()), SMALLEST_SCALE)
    fifths = np.quantile(inputs, FIFTHS, axis=0).T.astype(np.float64)
    return TrainingInputs(
        mean=tuple(mean.tolist()), scale=tuple(scale.tolist()), limit=limit, fifths=tuple(map(tuple, fifths.tolist()))
    )


def distances(inputs: FeatureMatrix, mean: FloatArray, scale: FloatArray) -> FloatArray:
    """Root mean squared distance of each row from `mean` in units of `scale`, shape (n,).

    Args:
        mean, scale: shape (k,), or one row for each of the inputs.
    """
    return np.asarray(np.sqrt(np.add.reduce(((inputs - mean) / scale) ** 2, axis=1) / mean.shape[-1]))
