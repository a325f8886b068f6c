"""The features of one version are the same numbers for ever, so that a model never serves on others than its own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configuration import HORIZONS
from features import NAMES, VERSION, features_and_level
from market.bars import Bars

GOLDEN = Path(__file__).with_name("golden.json")


def made_bars() -> Bars:
    """Bars made of sines, the same on every machine, with clusters of volatility and a gap on volume each quarter."""
    step = np.arange(300.0)
    change = (0.01 + 0.008 * np.sin(step / 17)) * np.sin(step * 1.7) + 0.06 * (step % 63 == 40)
    close = 50 * np.exp(np.cumsum(change))
    opened = close * np.exp(-0.6 * change)
    spread = 0.004 + 0.003 * np.cos(step / 5)
    high, low = np.maximum(opened, close) * (1 + spread), np.minimum(opened, close) * (1 - spread)
    session = np.datetime64("2020-01-06") + (step // 5 * 7 + step % 5).astype(np.int64)
    volume = np.round(1e6 * (1 + 0.3 * np.sin(step / 3) + 2 * (step % 63 == 40)))
    return Bars("MADE", "files", session, opened, high, low, close, volume)


def computed() -> dict[str, Any]:
    found: dict[str, Any] = {"version": VERSION, "names": list(NAMES)}
    for horizon in HORIZONS:
        inputs, level = features_and_level(made_bars(), horizon, rows=50)
        rows = np.column_stack((inputs, level))[[0, 9, 49]]
        found[f"horizon {horizon}"] = [[float(f"{value:.7g}") for value in row] for row in rows]
    return found


def test_their_numbers_change_only_with_the_version() -> None:
    """After an intended change raise `features.VERSION` and run this file as a module, which writes the numbers."""
    golden, found = json.loads(GOLDEN.read_text()), computed()
    assert (golden.pop("version"), golden.pop("names")) == (found.pop("version"), found.pop("names"))
    assert golden.keys() == found.keys()
    for name, rows in golden.items():
        assert found[name] == [pytest.approx(row, rel=1e-5, abs=1e-6) for row in rows]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(computed(), indent=1) + "\n")
