"""The bar of a session that still runs, made from its quote."""

from datetime import datetime

import numpy as np

from market.adjustment import EXPLAINED_WITHIN, plausible_ratio
from market.bars import Bars
from market.quote import Quote
from market.sessions import Sessions

WINDOW = 21  # complete sessions that say what is typical


def with_provisional(bars: Bars, quote: Quote, sessions: Sessions, now: datetime) -> tuple[Bars, bool]:
    """Append the running session's provisional bar.

    Its close is the quote. Its range and volume are those of a part of the session, which features would take for an
    unusually quiet day; so they are what the last 21 complete sessions make typical:

    - open: the session's own when the quote has it, else the last close (no news overnight);
    - high and low: the body of the bar, extended by the median upper and lower shadow; never inside what was seen;
    - volume: the median volume, so that a ratio to recent volume says "as usual".

    Args:
        bars: split-adjusted to the share as it trades now, complete sessions only.
        quote: as traded.
        sessions: of the exchange.
        now: decides which session is running.

    Returns:
        The bars with the provisional one and True; the bars unchanged and False when no session is running, when the
        quote is not from it, when one of the two is simulated and the other is not, or when the quote looks as if the
        share was split since the last bar.
    """
    running = sessions.running(now)
    if running is None or running <= bars.session[-1] or quote.simulated != bars.simulated:
        return bars, False
    if not sessions.opens(running) <= quote.at <= sessions.closes(running):
        return bars, False
    if plausible_ratio(quote.price / float(bars.close[-1]), EXPLAINED_WITHIN) is not None:
        return bars, False
    return _append(bars, running, quote), True


def _append(bars: Bars, session: np.datetime64, quote: Quote) -> Bars:
    recent = bars[-WINDOW:]
    close = quote.price
    opened = quote.open or float(bars.close[-1])
    body_high, body_low = max(opened, close), min(opened, close)
    upper = float(np.median(recent.high / np.maximum(recent.open, recent.close)))
    lower = float(np.median(recent.low / np.minimum(recent.open, recent.close)))
    high = max(body_high * max(upper, 1.0), quote.high or 0.0)
    low = min(body_low * min(lower, 1.0), quote.low or np.inf)
    last = {"open": opened, "high": high, "low": low, "close": close, "volume": float(np.median(recent.volume))}
    columns = {name: np.append(getattr(bars, name), value) for name, value in last.items()}
    return Bars(bars.ticker, bars.source, np.append(bars.session, session), **columns)
