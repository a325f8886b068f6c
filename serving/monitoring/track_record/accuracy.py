"""How predictions turned out: their returns, and the scores of many."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from market.bars import Bars
from serving.contract.performance import Accuracy
from serving.monitoring.track_record.served_predictions import Noted


def realized_return(bars: Bars, made_on: str, target_on: str) -> float | None:
    """Simple return between two sessions; None unless both are among `bars`."""
    days = [np.datetime64(date.fromisoformat(text)) for text in (made_on, target_on)]
    first, last = np.searchsorted(bars.session, days)
    if last >= len(bars) or bars.session[first] != days[0] or bars.session[last] != days[1]:
        return None
    return float(bars.close[last] / bars.close[first] - 1)


def accuracy_of(pairs: Sequence[tuple[Noted, float]]) -> Accuracy:
    """The score of predictions with their returns; there must be one at least."""
    inside = [noted.lower <= actual <= noted.upper for noted, actual in pairs]
    misses = [abs(noted.median - actual) for noted, actual in pairs]
    right = [(noted.median >= 0) == (actual > 0) for noted, actual in pairs]
    return Accuracy(
        count=len(pairs),
        coverage=sum(inside) / len(pairs),
        mean_absolute_error=sum(misses) / len(pairs),
        direction_accuracy=sum(right) / len(pairs),
    )


def accuracy_together(scores: Sequence[Accuracy]) -> Accuracy:
    """The score of all the outcomes that several scores are of."""
    counts = [one.count for one in scores]

    def mean(name: str) -> float:
        return float(np.average([getattr(one, name) for one in scores], weights=counts))

    return Accuracy(
        count=sum(counts),
        coverage=mean("coverage"),
        mean_absolute_error=mean("mean_absolute_error"),
        direction_accuracy=mean("direction_accuracy"),
    )
