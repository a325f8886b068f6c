"""The bar of a session that still runs, or whose bar no provider has yet, made from its quote."""

from datetime import timedelta

import numpy as np

from market.bars import Bars
from market.calendar.sessions import Sessions
from market.quotes.quote import Quote
from market.splits import EXPLAINED_WITHIN, plausible_ratio

WINDOW = 21  # complete sessions that say what is typical
EXTENDED = timedelta(hours=4)  # of trading after the close; what trades later belongs to the next session


def with_provisional(bars: Bars, quote: Quote, sessions: Sessions) -> tuple[Bars, bool]:
    """Append the provisional bar of the session that a quote is from.

    While it runs, and after its close until a provider has its bar: without it the forecast would be for a session
    that is over. Its close is the quote. Its range and volume are those of a part of the session, which features would
    take for an unusually quiet day; so they are what the last 21 complete sessions make typical:

    - open: the session's own when the quote has it, else the last close (no news overnight);
    - high and low: the body of the bar, extended by the median upper and lower shadow; never inside what was seen;
    - volume: the median volume, so that a ratio to recent volume says "as usual".

    Args:
        bars: split-adjusted to the share as it trades now, complete sessions only.
        quote: as traded.
        sessions: of the exchange.

    Returns:
        The bars with the provisional one and True; the bars unchanged and False when they hold that session, when the
        quote is from before its opening or long after its close, when one of the two is simulated and the other is
        not, or when the quote looks as if the share was split since the last bar.
    """
    session = sessions.begun(quote.at)
    if session <= bars.session[-1] or quote.simulated != bars.simulated:
        return bars, False
    if not sessions.opens(session) <= quote.at <= sessions.closes(session) + EXTENDED:
        return bars, False
    if plausible_ratio(quote.price / float(bars.close[-1]), EXPLAINED_WITHIN) is not None:
        return bars, False
    return _append(bars, session, quote), True


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
