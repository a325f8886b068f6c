"""The models' inputs as one computes them in a notebook and then serves them: columns of a pandas frame, and `ta`."""

from typing import Any

import numpy as np
import pandas as pd
from ta.momentum import ROCIndicator, RSIIndicator
from ta.trend import SMAIndicator

from features import NAMES

# One value a session; pandas' own types do not know what numpy's functions make of them.
Series = Any

DECAYS = {1: (0.85, 0.97), 5: (0.90, 0.985), 21: (0.94, 0.993)}
SMALLEST = 1e-4
NEARNESS = 1 - np.abs(np.arange(-5, 6)) / 6


def inputs_and_level(frame: Any, horizon: int) -> tuple[pd.DataFrame, Series]:
    """All inputs of all sessions, and the volatility level.

    Args:
        frame: `open`, `high`, `low`, `close` and `volume` by session.
        horizon: sessions ahead.
    """
    close, volume = frame["close"], frame["volume"]
    change = close.pct_change()
    size, gap = change.abs(), (frame["open"] / close.shift() - 1).abs()
    span, body = np.log(frame["high"] / frame["low"]), np.log(close / frame["open"])
    variance = np.maximum(0.5 * span**2 - (2 * np.log(2) - 1) * body**2, SMALLEST**2)
    day = variance + gap**2
    fast, slow = (day.ewm(alpha=1 - decay).mean() for decay in DECAYS[horizon])
    level = np.maximum((fast * slow) ** 0.25, SMALLEST)
    log_volume = np.log(np.maximum(volume, 1))
    mean_5, mean_20 = (SMAIndicator(close, sessions).sma_indicator() for sessions in (5, 20))
    columns: dict[str, Series] = {
        "change_1": ROCIndicator(close, 1).roc() / 100,
        "change_5": ROCIndicator(close, 5).roc() / 100,
        "close_to_mean_5": close / mean_5,
        "close_to_mean_20": close / mean_20,
        "mean_5_to_mean_20": mean_5 / mean_20,
        "rsi_14": RSIIndicator(close, 14).rsi(),
        "volume_to_mean_20": volume / SMAIndicator(volume, 20).sma_indicator(),
        "volatility_20": change.rolling(20).std(),
        "high_low_range": (frame["high"] - frame["low"]) / close,
        "last_move": np.minimum(size / level, 5),
        "log_volume_surge": log_volume - log_volume.rolling(20).mean(),
        "log_largest_move_22": _log_ratio(size.rolling(22).max(), level),
        "days_ahead": pd.Series(np.where(frame.index.day_of_week >= 4, 3.0, 1.0), frame.index),  # noqa: PLR2004  # Friday
        "echo": _echo(gap, day, log_volume),
    }
    for sessions in (1, 5, 22):
        columns[f"log_range_{sessions}"] = _log_ratio(np.sqrt(variance.rolling(sessions).mean()), level)
    for sessions in (5, 22, 66):
        columns[f"log_move_{sessions}"] = _log_ratio(size.rolling(sessions).mean(), level)
    for sessions in (5, 22):
        columns[f"log_gap_{sessions}"] = _log_ratio(gap.rolling(sessions).mean(), level)
    for sessions in (1, 5):
        mean = change.rolling(sessions).mean()
        columns[f"loss_{sessions}"] = (mean * np.sqrt(sessions) / level).clip(-5, 0)
    return pd.DataFrame(columns)[list(NAMES)].astype(np.float32), level


def _log_ratio(size: Series, level: Series) -> Series:
    return np.log(np.maximum(size, SMALLEST) / level)


def _echo(gap: Series, day: Series, log_volume: Series) -> Series:
    surge = (log_volume - _usual(log_volume.iloc[1:])).clip(0, 1)
    score = np.tanh((gap / np.sqrt(np.maximum(_usual(day), 1e-8)) - 0.5).clip(0, 3) * surge).fillna(0)
    event = np.maximum(score - 4 * _usual(score.iloc[1:]).fillna(0), 0).fillna(0)
    event.iloc[:41] = 0
    total, reached = pd.Series(0.0, gap.index), pd.Series(0, gap.index)
    for quarter in (63, 126, 189):
        near = pd.concat([event.shift(quarter - 1 + 5 - place) * NEARNESS[place] for place in range(11)], axis=1)
        exists = pd.Series(np.arange(gap.size) + 1 - quarter - 5 >= 41, gap.index)  # noqa: PLR2004  # sessions it needs
        total += near.max(axis=1).where(exists, 0)
        reached += exists
    return total / reached.clip(lower=1)


def _usual(values: Series) -> Series:
    return values.rolling(20).mean().shift()
