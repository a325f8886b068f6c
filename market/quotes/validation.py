"""Whether a quote may be shown."""

from market.calendar.sessions import Sessions
from market.errors import HeldBack
from market.history.history import History
from market.quotes.quote import Quote

OUTLIER_MOVE = 0.40  # relative distance from the last close beyond which one provider's word is not enough
AGREEMENT = 0.05  # relative distance within which a second provider confirms
COMPARABLE_SESSIONS = 5  # after which the last close says nothing about a quote any more


def rejection_reason(quote: Quote, history: History, sessions: Sessions, held_back: list[Quote]) -> str | None:
    """Why a quote must not be shown; None when it may.

    It is held back when it is older than the last bar, or 40 % off the last close a few sessions after it; prices are
    adjusted for known splits before. A second provider that says the same is believed.

    Args:
        held_back: quotes of other providers that were rejected a moment ago.
    """
    bars = history.bars
    begun = sessions.begun(quote.at)
    if begun < bars.session[-1]:
        return f"{HeldBack.MARK} {quote.source} quotes {quote.ticker} of {begun}, older than the last close"
    if quote.simulated is not bars.simulated:
        return f"{HeldBack.MARK} {quote.ticker}: of quote and bars one is simulated and the other is not"
    move = quote.price / float(bars.close[-1]) - 1
    if abs(move) < OUTLIER_MOVE or sessions.between(bars.session[-1], begun).size > COMPARABLE_SESSIONS + 1:
        return None
    if any(abs(quote.price / other.price - 1) < AGREEMENT for other in held_back):
        return None
    return f"{HeldBack.MARK} {quote.source} quotes {quote.ticker} {move:+.0%} off the last close, without a known split"
