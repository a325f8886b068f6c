"""Whether a provider may be asked: its open or closed state, and what it has refused for single tickers.

A provider that does not answer costs one time-out, not one for each ticker: it is then left alone until its quota's
reset or for a cool-down, after which one request tries it while the others still go past.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from market.errors import (
    BadKey,
    InvalidBars,
    Malformed,
    MarketError,
    NoData,
    Paused,
    PremiumOnly,
    ProviderError,
    QuotaSpent,
    TooFast,
    UnknownTicker,
    Unreachable,
)

COOL_DOWN = 30.0  # after the first failure; doubled with each further one
LONGEST_COOL_DOWN = 600.0
BAD_KEY_PAUSE = 3600.0
TOO_FAST_PAUSE = 5.0
REFUSAL_LIFE = 86400.0  # of "unknown ticker" and its like
TROUBLE_LIFE = 300.0  # of an answer that could not be used, for its ticker alone
MALFORMED_IN_A_ROW = 3  # then it is the provider's trouble, not the ticker's

log = logging.getLogger(__name__)


class CircuitBreaker:
    """State of one provider in this process.

    Args:
        name: of the provider.
        now: Unix seconds.
    """

    def __init__(self, name: str, now: Callable[[], float] = time.time) -> None:
        self._name = name
        self._now = now
        self._open_until = 0.0
        self._reason = ""
        self._failures = 0
        self._malformed = 0
        self._trying = False
        self._refused: dict[tuple[str, str], tuple[float, str]] = {}

    @property
    def state(self) -> Literal["closed", "open"]:
        """Open: it is not asked."""
        return "open" if self._now() < self._open_until else "closed"

    @contextmanager
    def asking(self, ticker: str, what: str) -> Iterator[None]:
        """Around one question; learns from how it ends.

        Raises:
            Paused: it must not be asked now.
        """
        self._admit(ticker, what)
        self._trying = self._failures > 0
        try:
            yield
        except (ProviderError, InvalidBars) as error:
            self._learn(ticker, what, error)
            raise
        else:
            self._failures = self._malformed = 0
        finally:
            self._trying = False

    def _admit(self, ticker: str, what: str) -> None:
        now = self._now()
        if now < self._open_until:
            raise Paused(f"{self._name}: not asked for another {self._open_until - now:.0f} s: {self._reason}")
        if self._trying:
            raise Paused(f"{self._name}: another request is trying whether it answers again")
        until, reason = self._refused.get((ticker, what), (0.0, ""))
        if now < until:
            raise Paused(f"{self._name}: not asked again for {ticker}: {reason}")

    def _learn(self, ticker: str, what: str, error: MarketError) -> None:
        match error:
            case Unreachable():
                if self.state == "open":
                    return  # asked before it was found dead: the same failure, not one more
                self._failures += 1
                self._pause(min(COOL_DOWN * 2 ** (self._failures - 1), LONGEST_COOL_DOWN), error)
            case QuotaSpent():
                self._pause(max(error.resets_at.timestamp() - self._now(), 0), error)
            case TooFast():
                self._pause(TOO_FAST_PAUSE, error)
            case BadKey():
                self._pause(BAD_KEY_PAUSE, error)
            case UnknownTicker() | NoData() | PremiumOnly():
                self._refuse(ticker, what, error, REFUSAL_LIFE)
            case Malformed():
                self._malformed += 1
                if self._malformed >= MALFORMED_IN_A_ROW:
                    self._pause(COOL_DOWN, error)
                self._refuse(ticker, what, error, TROUBLE_LIFE)
            case _:
                self._refuse(ticker, what, error, TROUBLE_LIFE)

    def _pause(self, seconds: float, error: MarketError) -> None:
        self._open_until = max(self._open_until, self._now() + seconds)
        self._reason = str(error)
        log.warning("%s: not asked for %.0f s: %s", self._name, seconds, error)

    def _refuse(self, ticker: str, what: str, error: MarketError, life: float) -> None:
        self._refused[ticker, what] = (self._now() + life, str(error))
