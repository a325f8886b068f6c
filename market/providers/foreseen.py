"""Whatever else a provider's code raises is that provider's failure, and nobody else's."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from market.errors import Broken, MarketError

log = structlog.get_logger(__name__)


@contextmanager
def foreseen(provider: str, ticker: str) -> Iterator[None]:
    """Around one question.

    Raises:
        MarketError: as the code inside raises it; Broken in place of any other exception. That one's text is neither
            passed on nor logged, for it may hold the key.
    """
    try:
        yield
    except MarketError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, the next provider may answer
        kind, last = type(error).__name__, traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        log.error("provider.broken", provider=provider, ticker=ticker, error=kind, at=place)  # noqa: TRY400
        raise Broken(f"{provider}: asking for {ticker} failed unforeseen: {kind} at {place}") from None
