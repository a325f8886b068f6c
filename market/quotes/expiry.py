"""How long a quote serves, and from when on it is stale."""

from datetime import datetime, timedelta

from configuration import quota_window
from market.calendar.sessions import Sessions
from market.providers.quotas.quota import DAY_SECONDS, Usage
from market.quotes.quote import Quote


def next_request(
    quote: Quote, sessions: Sessions, ttl: float, *, tickers: int, windows: tuple[str, ...], usage: Usage
) -> datetime:
    """When a quote is asked for again.

    After `ttl` seconds, or later where the provider's windows do not afford that for all tickers: of a window under a
    day, one request for each ticker is kept for its bars and the rest is shared out evenly; of a day's window, what is
    left is spread over the rest of the running session, with one request for each ticker kept for after its close.
    After the close such a quote is final until the next opening.

    Args:
        quote: just fetched, or fetched earlier.
        tickers: that share the quota.
        windows: of the provider, such as `25/day`.
        usage: of the provider.
    """
    fetched_at = quote.fetched_at or quote.at
    seconds = max([ttl, *(_share(window, tickers) for window in windows)])
    if usage.limit_today is None or usage.limit_today / tickers >= DAY_SECONDS / ttl:
        return fetched_at + timedelta(seconds=seconds)
    left = usage.limit_today - usage.used_today
    running = sessions.running(fetched_at)
    if running is not None:
        rest = (sessions.closes(running) - fetched_at).total_seconds()
        share = rest * tickers / max(left - tickers, 1)
        return fetched_at + timedelta(seconds=min(max(seconds, share), max(rest, seconds)))
    if sessions.begun(quote.at) >= sessions.last_complete(fetched_at):
        following = sessions.opens(sessions.after(sessions.last_complete(fetched_at), 1))
        return max(fetched_at + timedelta(seconds=seconds), following)
    return fetched_at + timedelta(seconds=max(seconds, DAY_SECONDS * tickers / max(left, 1)))


def _share(window: str, tickers: int) -> float:
    """Seconds between two requests for one ticker that a window under a day affords."""
    limit, length = quota_window(window)
    if length >= DAY_SECONDS:
        return 0.0
    return length * tickers / (limit - tickers if limit > 2 * tickers else limit)


def is_stale(quote: Quote, sessions: Sessions, ttl: float, moment: datetime) -> bool:
    """Whether a quote is older than the calendar says it should be.

    It is when it is from before a session that opened more than `ttl` seconds ago, or when a session ran since it was
    fetched and `ttl` seconds have passed.
    """
    latest, lives = sessions.begun(moment), timedelta(seconds=ttl)
    if sessions.begun(quote.at) < latest:
        return moment - sessions.opens(latest) > lives
    fetched_at = quote.fetched_at or quote.at
    ran = sessions.running(fetched_at) is not None or sessions.running(moment) is not None
    return ran and moment - fetched_at > lives


def fresh_until(quote: Quote, sessions: Sessions, ttl: float, moment: datetime) -> datetime:
    """Until when a quote that is not stale at `moment` stays so, at most `ttl` seconds from then."""
    fetched_at = quote.fetched_at or quote.at
    lives = timedelta(seconds=ttl)
    if sessions.running(fetched_at) is not None or sessions.running(moment) is not None:
        return fetched_at + lives
    following = sessions.opens(sessions.after(sessions.last_complete(moment), 1))
    return min(max(moment, fetched_at) + lives, max(following, fetched_at + lives))
