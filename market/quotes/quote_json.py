"""A quote as text, for stores."""

import json
from datetime import UTC, datetime

from market.quotes.quote import Quote

FIELDS = ("ticker", "price", "source", "open", "high", "low", "volume")


def quote_to_json(quote: Quote) -> str:
    """What the provider said, without what was judged of it here."""
    return json.dumps({name: getattr(quote, name) for name in FIELDS} | {"at": quote.at.isoformat()})


def quote_from_json(text: str, fetched_at: float) -> Quote:
    """A quote as `quote_to_json` wrote it.

    Raises:
        ValueError, TypeError, KeyError, Malformed: the text is something else.
    """
    fields = json.loads(text)
    fields["at"] = datetime.fromisoformat(fields["at"])
    return Quote(**fields, fetched_at=datetime.fromtimestamp(fetched_at, UTC))
