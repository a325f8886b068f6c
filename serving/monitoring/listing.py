"""Lists of names in answers, short however many tickers there are."""

from collections.abc import Sequence

MOST_NAMED = 20


def shortened(names: Sequence[str]) -> list[str]:
    """The first names, and how many more there are."""
    if len(names) <= MOST_NAMED:
        return list(names)
    return [*names[:MOST_NAMED], f"and {len(names) - MOST_NAMED} more"]
