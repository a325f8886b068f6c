"""Forecasts of the past as they would have been made then."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecasting.baseline import LARGEST_SAMPLE, SMALLEST_SAMPLE
from forecasting.calibration import Calibration
from forecasting.distribution import quantile_table
from forecasting.formula import EXPECTED
from market.bars import FloatArray
from training.errors import TooFewSessions
from training.learning.dataset import Dataset
from training.learning.training_config import TrainingConfig

# Rows learnt from before the first test.
FIRST_TRAINING = 252

# Mean and standard deviation of the shrinkage before any residual is known; those of a few hundred sessions move it
# little, because a slope estimated from them alone is mostly noise.
PRIOR_SHRINKAGE, PRIOR_ERROR = 0.1, 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Outputs for the rows `first` to n of a data set, m = n - first of them, of models that knew only the past.

    Attributes:
        first: row of the data set that the first output belongs to.
        expected: shape (m,), expected return in units.
        log_ratio: shape (m,), log of the width in units, on a session without reports.
        echo: shape (m,), what is added to it where report dates are not known.
    """

    first: int
    expected: FloatArray
    log_ratio: FloatArray
    echo: FloatArray

    def widths(self, data: Dataset) -> FloatArray:
        """Widths in units, shape (m,); a report that is known of is not in them."""
        covered = data.reports.chances.covered[self.first :]
        return np.exp(self.log_ratio + np.where(covered, 0.0, self.echo))

    def widths_without_dates(self) -> FloatArray:
        """Widths in units as if no report date were known, shape (m,)."""
        return np.exp(self.log_ratio + self.echo)


def walk_forward(data: Dataset, config: TrainingConfig) -> Outputs:
    """Fit again every `config.refit_every` sessions on all rows whose return was known then.

    The last `config.tested` rows are forecast, up to the next refit; all after the first FIRST_TRAINING without it. The
    refits stand at the same sessions either way, so that two executions share their folds.

    Raises:
        TooFewSessions: too few rows to learn from and then to calibrate on.
    """
    starts = refit_rows(data, config)
    blocks = zip(*(_block(data, config, int(start)) for start in starts), strict=True)
    return Outputs(int(starts[0]), *(np.concatenate(columns) for columns in blocks))


def refit_rows(data: Dataset, config: TrainingConfig) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Rows from which on a new fit forecasts; it has learnt from what was known on the row before.

    Raises:
        TooFewSessions: too few rows to learn from and then to calibrate on.
    """
    needed = FIRST_TRAINING + SMALLEST_SAMPLE + 2 * data.horizon
    if len(data) < needed:
        raise TooFewSessions(
            f"{data.ticker}: {len(data)} sessions with all inputs, but {needed} are needed at horizon {data.horizon};"
            " fetch a longer history"
        )
    return _starts(len(data), config)


def first_output(rows: int, config: TrainingConfig) -> int:
    """The first of `rows` rows that a walk-forward forecasts; `rows` where there are too few for any."""
    starts = _starts(rows, config)
    return int(starts[0]) if starts.size else rows


def _starts(rows: int, config: TrainingConfig) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """The rows at which it fits again."""
    starts = np.arange(FIRST_TRAINING, rows, config.refit_every)
    if config.tested is None:
        return starts
    return starts[max(int(np.searchsorted(starts, rows - config.tested, side="right")) - 1, 0) :]


def _block(data: Dataset, config: TrainingConfig, start: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Outputs for the rows from `start` on; as many rows before it as the horizon are left out of the fit."""
    fitted = config.fit(data, start - data.horizon)
    rows = np.arange(start, start + config.refit_every)
    # Always as many rows, the last one repeated where the history ends: linear algebra rounds by the shape it is
    # given, and a row must not change when bars are added after it.
    rows = np.minimum(rows, len(data) - 1)
    inputs = data.inputs[rows]
    outputs = fitted.predict(data.model_inputs(rows, config.recipe.sessions))
    made = slice(None, len(data) - start)
    log_ratio, echo = fitted.formula.log_ratio(outputs, inputs), fitted.formula.echo(inputs)
    return outputs[made, EXPECTED], log_ratio[made], echo[made]


def calibrate(data: Dataset, outputs: Outputs, now: int) -> Calibration:
    """Calibrate on the outputs whose return was known at row `now`, which stand at rows up to `now - horizon`."""
    return calibrator(data, outputs)(now)


def calibrator(data: Dataset, outputs: Outputs) -> Callable[[int], Calibration]:
    """`calibrate` for many rows, each time with what was known at the row.

    The quantiles are those of ordinary residuals: reports have an effect of their own. Where the known dates are too
    old for any to be expected, all is as if there were none: a report may then fall on any session.
    """
    known = slice(outputs.first, None)
    all_units = data.actual[known] / data.unit[known]
    widths = {True: outputs.widths(data), False: outputs.widths_without_dates()}

    def made_at(now: int) -> Calibration:
        rows = slice(outputs.first, now - data.horizon + 1)
        count = rows.stop - rows.start
        units, expected = all_units[:count], outputs.expected[:count]
        shrinkage = shrinkage_of(expected, units, data.horizon)
        covered = bool(data.reports.chances.covered[now])
        residuals = (units - shrinkage * expected) / widths[covered][:count]
        ordinary = residuals[~data.reports.near[rows]] if covered else residuals
        if ordinary.size < SMALLEST_SAMPLE:
            ordinary = residuals
        quantiles = quantile_table(ordinary[-LARGEST_SAMPLE:], data.horizon)
        return Calibration(shrinkage, quantiles, data.reports.reaction(now))

    return made_at


def shrinkage_of(expected: FloatArray, units: FloatArray, horizon: int) -> float:
    """Share of the expected return to use: the slope of returns on it, drawn to a small prior, 0 to 1.

    Args:
        expected: shape (n,), expected returns in units.
        units: shape (n,), the returns that followed, in units; those over
            `horizon` sessions overlap, which multiplies their error.

    Source: the posterior mean of a normal prior and a normal error, as in any text on Bayesian regression.
    """
    energy = float(expected @ expected)
    if expected.size < SMALLEST_SAMPLE or energy == 0:
        return PRIOR_SHRINKAGE
    slope = float(expected @ units) / energy
    prior, evidence = 1 / PRIOR_ERROR**2, energy / (horizon * float(np.mean(units**2)))
    return min(max((PRIOR_SHRINKAGE * prior + slope * evidence) / (prior + evidence), 0.0), 1.0)
