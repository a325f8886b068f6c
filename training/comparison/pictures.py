"""A comparison at a glance, as PNG files that stand beside the charts of its run in MLflow."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from forecasting.distribution import INTERVAL_LEVEL
from training.comparison.lines import Line
from training.comparison.scoring import Scored

# Beyond this gain or loss a cell is as dark as it gets.
DARKEST = 0.05


def pictures(lines: Sequence[Line], scored: Sequence[Scored]) -> dict[str, bytes]:
    """The pictures by name."""
    return {"recipes": _recipes(lines), "tickers": _tickers(lines, scored)}


def _recipes(lines: Sequence[Line]) -> bytes:
    """Gain over the reference, coverage, and what each recipe costs; one row of panels for each horizon."""
    horizons = list(dict.fromkeys(line.horizon for line in lines))
    figure = Figure(figsize=(13, 1.5 + 0.45 * len(lines)), layout="constrained")
    rows = figure.subplots(len(horizons), 4, squeeze=False, sharey="row")
    for panels, horizon in zip(rows, horizons, strict=True):
        shown = [line for line in lines if line.horizon == horizon]
        _gains(panels[0], shown)
        panels[0].set_ylabel(f"{horizon} session(s)")
        _coverages(panels[1], shown)
        _bars(panels[2], shown, "seconds", 1, "processor seconds for a model")
        _bars(panels[3], shown, "onnx_bytes", 1000, "kB of the ONNX file")
    return _png(figure)


def _gains(axes: Axes, lines: Sequence[Line]) -> None:
    reference = lines[0].recipe
    for place, line in enumerate(lines):
        gain = line.gain
        if gain is None:
            axes.plot(0, place, "o", color="tab:gray")
            continue
        error = [[gain.share - gain.lower], [gain.upper - gain.share]]
        color = "tab:gray" if not gain.is_proven else "tab:green" if gain.share > 0 else "tab:red"
        axes.errorbar(gain.share, place, xerr=error, fmt="o", capsize=3, color=color)
    axes.axvline(0, color="tab:gray", linewidth=0.8)
    axes.set_yticks(range(len(lines)), [line.recipe for line in lines])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.set_title(f"gain over {reference}, 95 % interval", fontsize="medium")


def _coverages(axes: Axes, lines: Sequence[Line]) -> None:
    axes.plot([line.means["coverage"] for line in lines], range(len(lines)), "o")
    axes.axvline(INTERVAL_LEVEL, color="tab:gray", linewidth=0.8)
    axes.margins(x=0.2)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.set_title(f"{INTERVAL_LEVEL:.0%} interval holds", fontsize="medium")


def _bars(axes: Axes, lines: Sequence[Line], score: str, unit: float, title: str) -> None:
    axes.bar_label(axes.barh(range(len(lines)), [line.means[score] / unit for line in lines]), fmt="%.3g", padding=3)
    axes.margins(x=0.2)
    axes.set_title(title, fontsize="medium")


def _tickers(lines: Sequence[Line], scored: Sequence[Scored]) -> bytes:
    """By which share the interval score of each ticker is lower than the reference's."""
    models = list(dict.fromkeys((line.recipe, line.horizon) for line in lines))
    tickers = list(dict.fromkeys(one.ticker for one in scored))
    means = {(one.recipe, one.horizon, one.ticker): one.metrics["interval_score"] for one in scored}
    reference = lines[0].recipe
    gains = np.array(
        [
            [
                1 - means[recipe, horizon, ticker] / means[reference, horizon, ticker]
                if {(recipe, horizon, ticker), (reference, horizon, ticker)} <= set(means)
                else np.nan
                for ticker in tickers
            ]
            for recipe, horizon in models
        ]
    )
    figure = Figure(figsize=(max(3 + 0.8 * len(tickers), 6), 1.2 + 0.4 * len(models)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(gains, cmap="RdYlGn", vmin=-DARKEST, vmax=DARKEST, aspect="auto")
    axes.set_xticks(range(len(tickers)), tickers)
    axes.set_yticks(range(len(models)), [f"{recipe}, {horizon}" for recipe, horizon in models])
    for (row, column), gain in np.ndenumerate(gains):
        if np.isfinite(gain):
            axes.text(column, row, f"{gain:+.1%}", ha="center", va="center", fontsize="small")
    axes.set_title(f"Gain in the interval score over {reference}; recipe, sessions ahead", fontsize="medium")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80)
    return file.getvalue()
