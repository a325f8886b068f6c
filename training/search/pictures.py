"""The trials of a search at a glance, as a PNG file."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter


def history(scores: Sequence[float], configured: float) -> bytes:
    """Score of each trial, the best so far, and that of the configured hyperparameters."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    number = np.arange(1, len(scores) + 1)
    axes.plot(number, scores, "o", markersize=4, label="trial")
    axes.step(number, np.maximum.accumulate(scores), where="post", label="best so far")
    axes.axhline(configured, color="tab:gray", linewidth=0.8, label="configured")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.set(xlabel="trial", title="Gain over the last 252 returns' quantiles, before the scored sessions")
    axes.legend()
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80)
    return file.getvalue()
