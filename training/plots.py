"""Pictures that a person looks at in the MLflow UI."""

import numpy as np
from matplotlib.figure import Figure

from forecasting.distribution import INTERVAL_LEVEL
from training.pipeline import Trained

SESSIONS_SHOWN = 252


def predicted_against_actual(trained: Trained) -> Figure:
    """The last year of out-of-sample intervals with what happened."""
    data, known = trained.data, trained.evaluation.known()
    shown = slice(-SESSIONS_SHOWN, None)
    session = data.session[known.row[shown]]
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    axes = figure.subplots()
    lower, upper, actual = (100 * column[shown] for column in (known.lower, known.upper, known.actual))
    axes.fill_between(session, lower, upper, alpha=0.25, label=f"{INTERVAL_LEVEL:.0%} interval")
    axes.plot(session, 100 * known.median[shown], linewidth=1, label="median forecast")
    missed = (actual < lower) | (actual > upper)
    for chosen, colour, label in ((~missed, "tab:gray", "happened"), (missed, "tab:red", "happened outside")):
        axes.plot(session[chosen], actual[chosen], ".", markersize=4, color=colour, label=label)
    axes.set_title(
        f"{data.ticker}: return over {data.horizon} session(s), made out of sample, {np.mean(~missed):.1%} inside"
    )
    axes.set_ylabel("return, %")
    axes.legend(ncols=4, fontsize="small")
    return figure
