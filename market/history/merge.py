"""A stored series and an update with its newest bars: whether they fit, and the two as one."""

import numpy as np

from market.bars import COLUMNS, Bars
from market.series import Series

LARGEST_CORRECTION = 5e-3  # relative change of a close; a larger one is another adjustment


def merged(stored: Series, update: Series) -> Series | None:
    """`stored` with the newer and corrected bars of `update`; None when they do not fit together.

    They do not when no session is in both, when a close differs by more than a correction (prices were adjusted since),
    or when a new split came.
    """
    common, in_stored, in_update = np.intersect1d(stored.bars.session, update.bars.session, return_indices=True)
    if not common.size or update.adjustment is not stored.adjustment:
        return None
    if np.any(np.abs(update.bars.close[in_update] / stored.bars.close[in_stored] - 1) > LARGEST_CORRECTION):
        return None
    if any(stored.splits.get(session) != ratio for session, ratio in update.splits.items()):
        return None
    if (stored.adj_close is None) is not (update.adj_close is None):
        return None
    return _joined(stored, update)


def _joined(stored: Series, update: Series) -> Series:
    before = int(np.searchsorted(stored.bars.session, update.bars.session[0]))
    columns = {
        name: np.concatenate((getattr(stored.bars, name)[:before], getattr(update.bars, name))) for name in COLUMNS
    }
    session = np.concatenate((stored.bars.session[:before], update.bars.session))
    bars = Bars(stored.ticker, stored.source, session, **columns)
    adj_close = None
    if stored.adj_close is not None and update.adj_close is not None:
        adj_close = np.concatenate((stored.adj_close[:before], update.adj_close))
    splits, dividends = {**stored.splits, **update.splits}, {**stored.dividends, **update.dividends}
    return Series(bars, stored.adjustment, splits, dividends, adj_close)


def are_equal(one: Series, other: Series) -> bool:
    """Whether two series agree in every bar, adjusted close and split."""
    if one is other:
        return True
    if (one.source, one.adjustment, len(one.bars)) != (other.source, other.adjustment, len(other.bars)):
        return False
    if not all(np.array_equal(getattr(one.bars, name), getattr(other.bars, name)) for name in ("session", *COLUMNS)):
        return False
    if one.adj_close is None or other.adj_close is None:
        return one.adj_close is other.adj_close and one.splits == other.splits
    return bool(np.array_equal(one.adj_close, other.adj_close)) and one.splits == other.splits


def changed_part(update: Series, stored: Series | None) -> Series:
    """`update` without the bars at its beginning that are stored with the same values."""
    if stored is None:
        return update
    _, in_stored, in_update = np.intersect1d(stored.bars.session, update.bars.session, return_indices=True)
    equal = np.all(
        [getattr(stored.bars, name)[in_stored] == getattr(update.bars, name)[in_update] for name in COLUMNS], axis=0
    )
    unchanged = int(np.argmin(np.append(equal, False)))
    if unchanged == len(update.bars):
        unchanged -= 1  # one bar stays, to carry the time of the fetch
    adj_close = None if update.adj_close is None else update.adj_close[unchanged:]
    return Series(update.bars[unchanged:], update.adjustment, dict(update.splits), dict(update.dividends), adj_close)
