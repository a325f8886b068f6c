"""Pictures that a person looks at in the MLflow UI, as PNG files."""

import io
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator, MaxNLocator, PercentFormatter
from sklearn.pipeline import Pipeline

from features import NAMES, WIDTH_INPUTS, sequence
from forecasting.distribution import INTERVAL_LEVEL
from forecasting.formula import FOREST_RATIO
from forecasting.interval_score import interval_scores
from training.learning import forests
from training.learning.dataset import Dataset
from training.learning.recipe import FittedModel
from training.scoring.evaluation import Evaluation
from training.scoring.scores import BINS

SESSIONS_SHOWN = 252
IMPORTANCE_ROWS, IMPORTANCE_REPEATS = 252, 2
INPUTS_SHOWN = 10
# Labels on an axis that do not overlap.
TICKS = 5


def plots(
    data: Dataset, fitted: FittedModel, evaluation: Evaluation, baselines: Mapping[str, Evaluation], sessions: int = 0
) -> dict[str, bytes]:
    """The pictures of one model by file name; everything in them is out of sample but the importances.

    Args:
        sessions: whose moves the model reads.
    """
    known = evaluation.known()
    return {
        "forecasts.png": _forecasts(data, known),
        "quality.png": _quality(data, fitted, known, {name: one.known() for name, one in baselines.items()}, sessions),
    }


def _forecasts(data: Dataset, known: Evaluation) -> bytes:
    """The last year's intervals around the price, and what it did."""
    figure = Figure(figsize=(11, 5))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.07, top=0.92)
    shown = slice(-SESSIONS_SHOWN, None)
    row = known.row[shown]
    session, close = data.session[row + data.horizon], data.close[row]
    lower, upper, actual = (close * (1 + column[shown]) for column in (known.lower, known.upper, known.actual))
    axes.fill_between(session, lower, upper, alpha=0.25, label=f"{INTERVAL_LEVEL:.0%} interval, made before")
    missed = (actual < lower) | (actual > upper)
    inside = float(np.mean((known.lower <= known.actual) & (known.actual <= known.upper)))
    axes.plot(session, actual, linewidth=1, color="tab:gray", label="close")
    axes.plot(session[missed], actual[missed], ".", color="tab:red", label="close outside")
    _title(
        axes,
        f"{data.ticker}, {data.horizon} session(s) ahead: {np.mean(~missed):.1%} inside in the last {session.size}"
        f" sessions, {inside:.1%} in all {known.row.size} that are scored",
        left=-0.05,
    )
    axes.set_ylabel("price")
    axes.legend()
    return _png(figure)


def _quality(
    data: Dataset, fitted: FittedModel, known: Evaluation, baselines: Mapping[str, Evaluation], sessions: int
) -> bytes:
    figure = Figure(figsize=(11, 8))
    figure.suptitle(f"{data.ticker}, {data.horizon} session(s) ahead, {known.row.size} sessions out of sample")
    panels = figure.subplots(2, 2)
    # A layout that is computed takes longer than everything that is drawn.
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.05, top=0.91, wspace=0.38, hspace=0.27)
    _predicted_against_actual(panels[0, 0], known)
    _calibration(panels[0, 1], known)
    _score_by_year(panels[1, 0], data, known, baselines)
    _importance(panels[1, 1], data, fitted, sessions)
    return _png(figure)


def _predicted_against_actual(axes: Axes, known: Evaluation) -> None:
    axes.plot(100 * known.median, 100 * known.actual, ".", markersize=3, alpha=0.5)
    axes.axhline(0, color="tab:gray", linewidth=0.5)
    _title(axes, "Median forecast against what happened")
    axes.set(xlabel="median, %", ylabel="return, %")


def _calibration(axes: Axes, known: Evaluation) -> None:
    order = np.argsort(known.probability_up, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if part.size]
    stated = [float(known.probability_up[part].mean()) for part in bins]
    happened = [float(np.mean(known.actual[part] > 0)) for part in bins]
    errors = [float(np.sqrt(share * (1 - share) / part.size)) for share, part in zip(happened, bins, strict=True)]
    axes.errorbar(stated, happened, yerr=errors, fmt="o", capsize=3)
    axes.axline((0.5, 0.5), slope=1, color="tab:gray", linewidth=0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _title(axes, "Calibration of the probability of a rise")
    axes.set(xlabel="stated", ylabel="happened")


def _score_by_year(axes: Axes, data: Dataset, known: Evaluation, baselines: Mapping[str, Evaluation]) -> None:
    year = data.session[known.row].astype("datetime64[Y]").astype(int) + 1970
    years = np.unique(year)
    everyone = {"model": known, **baselines}
    for index, (name, one) in enumerate(everyone.items()):
        score = interval_scores(one.lower, one.upper, one.actual)
        means = [float(score[year == each].mean()) for each in years]
        axes.bar(years + (index - 1.5) * 0.2, means, width=0.2, label=name)
    axes.set_xticks(years)
    _title(axes, "Interval score by year, lower is better")
    axes.legend(fontsize="small")


def _importance(axes: Axes, data: Dataset, fitted: FittedModel, sessions: int) -> None:
    recent = slice(max(data.known - IMPORTANCE_ROWS, 0), data.known)
    losses = _losses(fitted.model.estimators_[FOREST_RATIO], data, recent, sessions)
    shown = sorted(losses, key=losses.__getitem__)[-INPUTS_SHOWN:]
    axes.barh(shown, [losses[name] for name in shown])
    _title(axes, "Inputs of the width: loss of R² when permuted")


def _title(axes: Axes, text: str, *, left: float = -0.1) -> None:
    """A title, and labels `left` of the axes and below, at places of their own, with few marks on the axes.

    To find a place beside all marks lays out everything once more, and marks take most of the time of a picture.
    """
    axes.set_title(text, y=1.0)
    axes.xaxis.set_label_coords(0.5, -0.09)
    axes.yaxis.set_label_coords(left, 0.5)
    for axis in (axes.xaxis, axes.yaxis):
        if type(axis.get_major_locator()) is AutoLocator:
            axis.set_major_locator(MaxNLocator(TICKS))


def _losses(estimator: Pipeline, data: Dataset, rows: slice, sessions: int) -> dict[str, float]:
    """By how much R² falls, by input, when an input is permuted; the mean of some permutations."""
    given, target = data.model_inputs(rows, sessions), data.log_ratio[rows]
    groups, generator = _groups(data.inputs.shape[1], given.shape[1], sessions), np.random.default_rng(0)
    tables = [given]
    for columns in groups.values():
        for _ in range(IMPORTANCE_REPEATS):
            shuffled = given.copy()
            shuffled[:, columns] = given[generator.permutation(len(given))][:, columns]
            tables.append(shuffled)
    # One call for all of them, because each call costs more than its rows.
    found = forests.predict(estimator, np.concatenate(tables)).reshape(len(tables), -1)
    left = np.sum((found - target) ** 2, axis=1) / np.sum((target - target.mean()) ** 2)
    losses = (left[1:] - left[0]).reshape(len(groups), IMPORTANCE_REPEATS).mean(axis=1)
    return dict(zip(groups, losses.tolist(), strict=True))


def _groups(first: int, width: int, sessions: int) -> dict[str, list[int]]:
    """The columns that are permuted together, by name; those of the sequences begin with `first`."""
    groups = {NAMES[index]: [index] for index in WIDTH_INPUTS}
    if sessions:
        groups |= {
            f"{name}, {sessions} sessions": list(range(first + place, width, len(sequence.NAMES)))
            for place, name in enumerate(sequence.NAMES)
        }
    return groups


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80)
    return file.getvalue()
