"""Forecasts of the past as they would have been made then."""

from dataclasses import dataclass

import numpy as np

from forecasting.distribution import table
from market.bars import FloatArray
from training.dataset import Dataset
from training.errors import TooFewSessions
from training.forest import EXPECTED, LOG_RATIO, fit_forest

# Rows learnt from before the first test, and misses collected before the first interval.
FIRST_TRAINING = 400
FIRST_MISSES = 120
# Misses that shape the distribution: two years.
MEMORY = 504


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What models that knew only the past said for the rows `first` to n of a data set, m = n - first of them.

    Attributes:
        first: row of the data set that the first output belongs to.
        expected: shape (m,), expected return in units.
        log_ratio: shape (m,), log of the width in units.
    """

    first: int
    expected: FloatArray
    log_ratio: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What past misses say: how much of the expected return to believe, and how the misses are spread.

    Attributes:
        shrinkage: 0 to 1.
        quantiles: shape (len(PROBABILITIES),), of misses in units of the forecast width.
    """

    shrinkage: float
    quantiles: FloatArray


def walk_forward(data: Dataset, refit_every: int, seed: int, tested: int | None = None) -> Outputs:
    """Fit again every `refit_every` sessions on all rows whose return was known then.

    Args:
        tested: number of last rows to forecast; all after the first FIRST_TRAINING without it.

    Raises:
        TooFewSessions: fewer than FIRST_TRAINING + FIRST_MISSES rows.
    """
    needed = FIRST_TRAINING + FIRST_MISSES + 2 * data.horizon
    if len(data) < needed:
        raise TooFewSessions(
            f"{data.ticker}: {len(data)} sessions with all inputs, but {needed} are needed at horizon {data.horizon};"
            " fetch a longer history"
        )
    first = FIRST_TRAINING if tested is None else max(FIRST_TRAINING, len(data) - tested)
    blocks = []
    for start in range(first, len(data), refit_every):
        learnt = slice(0, start - data.horizon)
        model = fit_forest(data.inputs[learnt], data.actual[learnt], data.unit[learnt], seed)
        blocks.append(model.predict(data.inputs[start : start + refit_every]))
    outputs = np.concatenate(blocks)
    return Outputs(first, outputs[:, EXPECTED], outputs[:, LOG_RATIO])


def calibrate(data: Dataset, outputs: Outputs, now: int) -> Calibration:
    """Calibrate on the outputs whose return was known at row `now`, which stand at rows up to `now - horizon`."""
    rows = slice(outputs.first, now - data.horizon + 1)
    count = rows.stop - rows.start
    units = data.actual[rows] / data.unit[rows]
    expected, ratio = outputs.expected[:count], np.exp(outputs.log_ratio[:count])
    shrinkage = _shrinkage(expected, units)
    misses = (units - shrinkage * expected) / ratio
    return Calibration(shrinkage, table(misses[-MEMORY:]))


def _shrinkage(expected: FloatArray, units: FloatArray) -> float:
    """The factor on the expected return that would have had the least squared error, between 0 and 1."""
    energy = float(expected @ expected)
    return float(np.clip(expected @ units / energy, 0, 1)) if energy > 0 else 0.0
