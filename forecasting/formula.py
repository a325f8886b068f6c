"""How a model's outputs become a centre and a width: numbers on its card, the same code in training and serving."""

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

# Strange inputs widen the interval in proportion, up to this.
WIDEST = 3.0
# Stands for the spread of an input that never changed.
SMALLEST_SCALE = 1e-6


class Familiarity(BaseModel):
    """How far inputs usually lie from their mean, so that strange ones are known.

    Attributes:
        mean, scale: shape (k,), of the inputs a model was trained on.
        limit: largest root mean squared distance from the mean among them, in scales.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    limit: Annotated[float, Field(gt=0)]

    def novelty(self, inputs: FeatureMatrix) -> FloatArray:
        """Distance of each row from the mean over `limit`, shape (n,); above 1 is beyond everything trained on."""
        return distances(inputs, *self._arrays) / self.limit

    @cached_property
    def _arrays(self) -> tuple[FloatArray, FloatArray]:
        return np.array(self.mean), np.array(self.scale)


class Formula(BaseModel):
    """From outputs to a log ratio of the width over the level.

    Attributes:
        mean: of the log ratio in training.
        lowest, highest: between which a linear model's extrapolations are held.
        trust: share of the learned deviation from the mean that is believed.
        echo_weight: of the input `echo` on the log of the width.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    lowest: float
    highest: float
    trust: Annotated[float, Field(ge=0, le=1)]
    echo_weight: float
    familiarity: Familiarity

    def log_ratio(self, outputs: FloatArray, inputs: FeatureMatrix, novelty: FloatArray | None = None) -> FloatArray:
        """Log of the width over the level.

        Args:
            outputs: shape (n, 3), of the model.
            inputs: shape (n, k), given to it.
            strangeness: shape (n,), of the inputs, when it is known.

        Returns:
            Shape (n,).
        """
        if novelty is None:
            novelty = self.familiarity.novelty(inputs)
        ridge = np.minimum(np.maximum(outputs[:, RIDGE_RATIO], self.lowest), self.highest)
        learned = (outputs[:, FOREST_RATIO] + ridge) / 2
        widening = np.log(np.minimum(np.maximum(novelty, 1), WIDEST))
        return np.asarray(
            self.mean + self.trust * (learned - self.mean) + self.echo_weight * inputs[:, ECHO] + widening
        )


def familiarity(inputs: FeatureMatrix) -> Familiarity:
    """That of the inputs a model is trained on, shape (n, k)."""
    mean, scale = inputs.mean(axis=0, dtype=np.float64), inputs.std(axis=0, dtype=np.float64)
    scale = np.maximum(scale, SMALLEST_SCALE)
    limit = max(float(distances(inputs, mean, scale).max()), SMALLEST_SCALE)
    return Familiarity(mean=tuple(mean.tolist()), scale=tuple(scale.tolist()), limit=limit)


def distances(inputs: FeatureMatrix, mean: FloatArray, scale: FloatArray) -> FloatArray:
    """Root mean squared distance of each row from `mean` in units of `scale`, shape (n,)."""
    return np.asarray(np.sqrt(np.add.reduce(((inputs - mean) / scale) ** 2, axis=1) / mean.size))
