"""Forecasts of several models at once: the arithmetic of `ModelCard.forecast`, bit for bit, one row for each."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from features import ECHO
from features.matrix import FeatureMatrix
from forecasting.calibration import Calibration
from forecasting.distribution import Forecast, central, chance_of_rise, mixed
from forecasting.formula import EXPECTED, FOREST_RATIO, LARGEST_WIDENING, RIDGE_RATIO, Formula, distances
from forecasting.reports.schedule import FilingChances
from market.bars import FloatArray

# Pairs of a model and what is known of reports, which stays the same for a session: a megabyte and a half.
REMEMBERED = 1024


class Outlook(NamedTuple):
    """What a model's residuals say of a session before anything is known of its inputs.

    Attributes:
        quantiles: shape (len(PROBABILITIES),), ascending, of Z.
        central: shape (3,), of Z.
        covered: whether enough report dates are known.
    """

    quantiles: FloatArray
    central: FloatArray
    covered: bool


class Constants:
    """The numbers of a card, as arrays; equal to itself alone.

    Attributes:
        numbers: in the order in which `forecast_all` takes them apart.
        mean, scale: of the inputs that it was trained on, shape (k,).
    """

    __slots__ = ("calibration", "horizon", "mean", "numbers", "scale")

    def __init__(self, horizon: int, formula: Formula, calibration: Calibration) -> None:
        self.horizon = horizon
        self.calibration = calibration
        self.mean, self.scale = formula.training_inputs.arrays
        self.numbers = (
            *(formula.training_inputs.limit, formula.mean, formula.lowest, formula.highest, formula.trust),
            *(formula.echo_weight, calibration.shrinkage, float(np.sqrt(horizon))),
        )


class Question(NamedTuple):
    """A model, and what is known of coming reports, one row."""

    constants: Constants
    reports: FilingChances | None


def forecast_all(
    questions: Sequence[Question], outputs: FloatArray, inputs: FeatureMatrix, levels: FloatArray
) -> list[Forecast]:
    """The forecast that each card makes of its own row.

    Args:
        questions: n of them, at least one.
        outputs: shape (n, 3), of the models.
        inputs: shape (n, k), given to them.
        levels: shape (n,), volatility levels of the same bars, daily.

    Raises:
        ValueError: a card is of other inputs.
    """
    cards = [one.constants for one in questions]
    outlooks = [_outlook(*question) for question in questions]
    limit, mean, lowest, highest, trust, echo_weight, shrinkage, root = np.array([card.numbers for card in cards]).T

    novelty = distances(inputs, np.stack([one.mean for one in cards]), np.stack([one.scale for one in cards])) / limit
    ridge = np.minimum(np.maximum(outputs[:, RIDGE_RATIO], lowest), highest)
    learned = (outputs[:, FOREST_RATIO] + ridge) / 2
    log_ratio = mean + trust * (learned - mean) + np.log(np.minimum(np.maximum(novelty, 1), LARGEST_WIDENING))
    echo = echo_weight.astype(np.float32) * inputs[:, ECHO]
    log_ratio = np.where([one.covered for one in outlooks], log_ratio, log_ratio + echo)

    unit = levels * root
    centre, width = shrinkage * outputs[:, EXPECTED] * unit, np.exp(log_ratio) * unit
    horizons, extrapolating = [card.horizon for card in cards], (novelty > 1).tolist()
    return _read(outlooks, centre, width, horizons, extrapolating)


def _read(
    outlooks: Sequence[Outlook],
    centre: FloatArray,
    width: FloatArray,
    horizons: Sequence[int],
    extrapolating: Sequence[bool],
) -> list[Forecast]:
    """Read each forecast from its distribution, as `distribution.forecast` does."""
    quantiles = [one.quantiles for one in outlooks]
    middle = centre[:, np.newaxis] + width[:, np.newaxis] * np.stack([one.central for one in outlooks])
    returns = centre[:, np.newaxis] + width[:, np.newaxis] * np.stack(quantiles)
    lower, median, upper = middle.T.tolist()
    rises = map(chance_of_rise, centre.tolist(), width.tolist(), quantiles, median)
    return [*map(Forecast, horizons, median, lower, upper, rises, extrapolating, map(tuple, returns.tolist()))]


@lru_cache(maxsize=REMEMBERED)
def _outlook(constants: Constants, reports: FilingChances | None) -> Outlook:
    calibration = constants.calibration
    reaction = calibration.reaction
    chance = reports.within(constants.horizon, reaction.same_session) if reports else 0.0
    quantiles = mixed(calibration.quantiles, chance, reaction.widening(constants.horizon))
    return Outlook(quantiles, central(quantiles), bool(reports is not None and reports.covered[0]))
