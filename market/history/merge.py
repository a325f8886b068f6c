"""A stored series and the tail that a later fetch brought: whether they fit, and the two as one."""

import numpy as np

from market.bars import COLUMNS, Bars
from market.series import Series

CORRECTED = 5e-3  # relative change of a close that is a correction; a larger one is another adjustment


def continued(stored: Series, tail: Series) -> Series | None:
    """`stored` with the newer and corrected bars of `tail`; None when they do not fit together.

    They do not when no session is in both, when a close differs by more than a correction (prices were adjusted since),
    or when a new split came.
    """
    common, ours, theirs = np.intersect1d(stored.bars.session, tail.bars.session, return_indices=True)
    if not common.size or tail.adjustment is not stored.adjustment:
        return None
    if np.any(np.abs(tail.bars.close[theirs] / stored.bars.close[ours] - 1) > CORRECTED):
        return None
    if any(stored.splits.get(session) != ratio for session, ratio in tail.splits.items()):
        return None
    if (stored.adj_close is None) is not (tail.adj_close is None):
        return None
    return _joined(stored, tail)


def _joined(stored: Series, tail: Series) -> Series:
    kept = int(np.searchsorted(stored.bars.session, tail.bars.session[0]))
    columns = {name: np.concatenate((getattr(stored.bars, name)[:kept], getattr(tail.bars, name))) for name in COLUMNS}
    session = np.concatenate((stored.bars.session[:kept], tail.bars.session))
    bars = Bars(stored.ticker, stored.source, session, **columns)
    adj_close = None
    if stored.adj_close is not None and tail.adj_close is not None:
        adj_close = np.concatenate((stored.adj_close[:kept], tail.adj_close))
    splits, dividends = {**stored.splits, **tail.splits}, {**stored.dividends, **tail.dividends}
    return Series(bars, stored.adjustment, splits, dividends, adj_close)


def same(one: Series, other: Series) -> bool:
    """Whether two series say the same in every bar and event."""
    if one is other:
        return True
    if (one.source, one.adjustment, len(one.bars)) != (other.source, other.adjustment, len(other.bars)):
        return False
    if not all(np.array_equal(getattr(one.bars, name), getattr(other.bars, name)) for name in ("session", *COLUMNS)):
        return False
    if one.adj_close is None or other.adj_close is None:
        return one.adj_close is other.adj_close and one.splits == other.splits
    return bool(np.array_equal(one.adj_close, other.adj_close)) and one.splits == other.splits


def newer(tail: Series, stored: Series | None) -> Series:
    """`tail` without the bars at its beginning that are stored just so."""
    if stored is None:
        return tail
    _, ours, theirs = np.intersect1d(stored.bars.session, tail.bars.session, return_indices=True)
    equal = np.all([getattr(stored.bars, name)[ours] == getattr(tail.bars, name)[theirs] for name in COLUMNS], axis=0)
    unchanged = int(np.argmin(np.append(equal, False)))
    if unchanged == len(tail.bars):
        unchanged -= 1  # one bar stays, to carry the time of the fetch
    adj_close = None if tail.adj_close is None else tail.adj_close[unchanged:]
    events = {name: dict(getattr(tail, name)) for name in ("splits", "dividends")}
    return Series(tail.bars[unchanged:], tail.adjustment, events["splits"], events["dividends"], adj_close)
