"""Out-of-sample forecasts as a file of one row each, for people and for later comparison."""

import csv
import io
from collections.abc import Iterator

import numpy as np

from market.calendar.sessions import Sessions
from training.learning.dataset import Dataset
from training.scoring.evaluation import Evaluation

COLUMNS = (
    "ticker",
    "horizon",
    "made_on",
    "target_on",
    "close",
    "median_return",
    "lower_return",
    "upper_return",
    "probability_up",
    "actual_return",
)


def rows(data: Dataset, evaluation: Evaluation, sessions: Sessions) -> Iterator[tuple[str, ...]]:
    """One row of COLUMNS for each forecast, numbers in full precision; the return is empty while unknown."""
    for index, row in enumerate(evaluation.row):
        target = _target(data, int(row), sessions)
        numbers = (
            data.close[row],
            evaluation.median[index],
            evaluation.lower[index],
            evaluation.upper[index],
            evaluation.probability_up[index],
        )
        actual = evaluation.actual[index]
        yield (
            data.ticker,
            str(data.horizon),
            str(data.session[row]),
            str(target),
            *(repr(float(number)) for number in numbers),
            repr(float(actual)) if np.isfinite(actual) else "",
        )


def write(data: Dataset, evaluation: Evaluation, sessions: Sessions) -> str:
    """The text of a CSV file with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(data, evaluation, sessions))
    return text.getvalue()


def read(text: str) -> tuple["np.ndarray[tuple[int], np.dtype[np.datetime64]]", Evaluation]:
    """Made-on sessions and forecasts of a file that `write` made; their `row` counts from 0.

    Raises:
        ValueError: it is not such a file.
    """
    header, *lines = list(csv.reader(io.StringIO(text)))
    if tuple(header) != COLUMNS or not lines:
        raise ValueError("not a file of forecasts")
    columns = dict(zip(header, zip(*lines, strict=True), strict=True))
    median, lower, upper, probability_up, actual = (
        np.array([float(value or "nan") for value in columns[name]]) for name in COLUMNS[5:]
    )
    made_on = np.array(columns["made_on"], dtype="datetime64[D]")
    return made_on, Evaluation(np.arange(len(lines)), median, lower, upper, probability_up, actual)


def _target(data: Dataset, row: int, sessions: Sessions) -> np.datetime64:
    """The session the forecast is for: the history's own where it reaches so far, else the calendar's."""
    if row + data.horizon < len(data):
        return np.datetime64(data.session[row + data.horizon], "D")
    return sessions.after(data.session[row], data.horizon)
