"""The forecasts that the service would have made without a model, of all sessions side by side."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from configuration import HORIZONS
from features import WINDOW, Moves, volatility_level
from features.moves import SMALLEST_VOLATILITY
from forecasting.baseline import LARGEST_SAMPLE, baseline_forecast
from forecasting.distribution import Forecast, forecast, quantile_table
from market.bars import Bars, FloatArray
from training.learning.dataset import Dataset
from training.scoring.evaluation import Evaluation, collect


def evaluate_served(bars: Bars, data: Dataset, evaluation: Evaluation) -> Evaluation:
    """What `baseline_forecast` says of the bars up to each row of `evaluation`, but for the last digits.

    It looks back over so many bars that whoever asks row by row computes nearly the same widths over and over.
    """
    offset, horizon, first = len(bars) - len(data), data.horizon, int(evaluation.row[0])
    # Bars up to the first row that looks back as far as it may.
    full = max(LARGEST_SAMPLE + horizon + 1, offset + first + 1)
    widths, residuals = _windows(bars, horizon, full) if full <= len(bars) else (np.empty(0), np.empty((0, 0)))

    def made_at(row: int) -> Forecast:
        index = offset + row + 1 - full
        if index < 0:
            return baseline_forecast(bars[: offset + row + 1], horizon)
        return forecast(horizon, 0.0, float(widths[index]), quantile_table(residuals[index], horizon))

    return collect(data, first, made_at)


def _windows(bars: Bars, horizon: int, full: int) -> tuple[FloatArray, FloatArray]:
    """Of the first `full` bars, and of one more each time up to all: the last width, and the residuals of two years.

    Returns:
        Shapes (m,) and (m, LARGEST_SAMPLE), m = len(bars) - full + 1.
    """
    first = full - LARGEST_SAMPLE - horizon - 1  # bar that the first window begins with
    moves = Moves(bars[first:])
    levels = _levels(moves, horizon) * np.sqrt(horizon)
    actual = bars.close[first + 1 + horizon :] / bars.close[first + 1 : -horizon] - 1
    returns = sliding_window_view(actual, LARGEST_SAMPLE)
    return levels[:, -1], returns / levels[:, :-horizon]


def _levels(moves: Moves, horizon: int) -> FloatArray:
    """`volatility_level` of the sessions of each window, which knows nothing from before it.

    Returns:
        Shape (m, LARGEST_SAMPLE + horizon).
    """
    sessions = LARGEST_SAMPLE + horizon
    whole = sliding_window_view(volatility_level(moves, horizon, moves.count - 1), sessions).copy()
    begun = WINDOW - 2  # sessions of a window whose mean does not yet reach back as far as it may
    values = moves.day_variance
    means = [_means(values, decay, len(whole), begun) for decay in HORIZONS[horizon].volatility_decays]
    whole[:, :begun] = np.maximum(np.sqrt(np.sqrt(means[0] * means[1])), SMALLEST_VOLATILITY)
    return whole


def _means(values: FloatArray, decay: float, windows: int, sessions: int) -> FloatArray:
    """Exponential means of the first `sessions` values of windows that begin with each of the first `windows` values.

    Returns:
        Shape (windows, sessions).
    """
    means, total = np.empty((windows, sessions)), np.zeros(windows)
    for session in range(sessions):
        total = decay * total + (1 - decay) * values[session : session + windows]
        means[:, session] = total / (1 - decay ** (session + 1))
    return means
