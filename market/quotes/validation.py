"""Whether a quote may be shown, and how long it serves."""

from datetime import datetime, timedelta

from configuration import quota_window
from market.calendar.sessions import Sessions
from market.errors import HeldBack
from market.history.service import History
from market.providers.quota import DAY, Usage
from market.quotes.quote import Quote

OUTLIER = 0.40  # relative distance from the last close beyond which one provider's word is not enough
AGREEMENT = 0.05  # relative distance within which a second provider confirms
COMPARABLE = 5  # sessions after which the last close says nothing about a quote any more


def doubt(quote: Quote, history: History, sessions: Sessions, held: list[Quote]) -> str | None:
    """Why a quote must not be shown; None when it may.

    It is held back when it is older than the last bar, or 40 % off the last close a few sessions after it; prices are
    adjusted for known splits before. A second provider that says the same is believed.
    """
    bars = history.bars
    begun = sessions.begun(quote.at)
    if begun < bars.session[-1]:
        return f"{HeldBack.MARK} {quote.source} quotes {quote.ticker} of {begun}, older than the last close"
    if quote.simulated is not bars.simulated:
        return f"{HeldBack.MARK} {quote.ticker}: the quote and the bars are not of one kind"
    move = quote.price / float(bars.close[-1]) - 1
    recent = sessions.between(bars.session[-1], begun).size <= COMPARABLE + 1
    if abs(move) < OUTLIER or not recent:
        return None
    if any(abs(quote.price / other.price - 1) < AGREEMENT for other in held):
        return None
    return f"{HeldBack.MARK} {quote.source} quotes {quote.ticker} {move:+.0%} off the last close, without a known split"


def life(
    quote: Quote, sessions: Sessions, ttl: float, *, tickers: int, windows: tuple[str, ...], usage: Usage
) -> datetime:
    """Until when a quote serves before it is asked for again.

    At least `ttl` seconds. Longer where the provider's windows do not afford that for all tickers: windows under a day
    are shared out evenly; of a day's window what is left is spread over the rest of the running session, with one
    request for each ticker put by for after its close. After the close such a quote is final until the next opening.

    Args:
        quote: just fetched, or fetched earlier.
        tickers: that share the quota.
        windows: of the provider, such as `25/day`.
        usage: of the provider.
    """
    fetched_at = quote.fetched_at or quote.at
    seconds = ttl
    for limit, length in map(quota_window, windows):
        if length < DAY:
            seconds = max(seconds, length * tickers / limit)
    if usage.limit_today is None or usage.limit_today / tickers >= DAY / ttl:
        return fetched_at + timedelta(seconds=seconds)
    running = sessions.running(fetched_at)
    left = usage.limit_today - usage.used_today
    if running is not None:
        rest = (sessions.closes(running) - fetched_at).total_seconds()
        share = rest * tickers / max(left - tickers, 1)
        return fetched_at + timedelta(seconds=min(max(seconds, share), max(rest, seconds)))
    final = sessions.begun(quote.at) >= sessions.last_complete(fetched_at)
    if final:
        following = sessions.opens(sessions.after(sessions.last_complete(fetched_at), 1))
        return max(fetched_at + timedelta(seconds=seconds), following)
    return fetched_at + timedelta(seconds=max(seconds, DAY * tickers / max(left, 1)))
