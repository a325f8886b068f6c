"""The table of a comparison: one line for each recipe and horizon."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.comparison.differences import Difference, difference
from training.comparison.scoring import Scored

AVERAGED = ("interval_score", "crps", "coverage", "direction_accuracy", "seconds", "onnx_bytes")


@dataclass(frozen=True, slots=True)
class Line:
    """One recipe at one horizon, over all tickers that could be scored.

    Attributes:
        means: of AVERAGED over the tickers.
        gain: over the reference; null for the reference itself.
    """

    recipe: str
    horizon: int
    tickers: int
    means: dict[str, float]
    gain: Difference | None


def lines_of(recipes: Sequence[str], horizon: int, scored: Sequence[Scored]) -> list[Line]:
    """One line for each recipe that could be scored at this horizon; the first of `recipes` is the reference."""
    by_recipe = {name: [one for one in scored if (one.recipe, one.horizon) == (name, horizon)] for name in recipes}
    lines = []
    for name, found in by_recipe.items():
        if found:
            means = {key: float(np.mean([one.metrics[key] for one in found])) for key in AVERAGED}
            gain = difference(found, by_recipe[recipes[0]], horizon) if name != recipes[0] else None
            lines.append(Line(name, horizon, len(found), means, gain))
    return lines


def table(lines: Sequence[Line]) -> str:
    """The lines as a CSV file; the gain is empty for the reference."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("recipe", "horizon", "tickers", *AVERAGED, "gain", "gain_lower", "gain_upper"))
    for line in lines:
        gain = (line.gain.share, line.gain.lower, line.gain.upper) if line.gain else ("", "", "")
        writer.writerow((line.recipe, line.horizon, line.tickers, *(line.means[name] for name in AVERAGED), *gain))
    return text.getvalue()


def figures(lines: Sequence[Line]) -> dict[str, float]:
    """What MLflow's list of runs says of a comparison: scores and gains by recipe and horizon."""
    scores = {f"{line.recipe}_{line.horizon}_interval_score": line.means["interval_score"] for line in lines}
    gains = {f"{line.recipe}_{line.horizon}_gain_percent": 100 * line.gain.share for line in lines if line.gain}
    return scores | gains
