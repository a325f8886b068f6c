"""Whether a provider may be asked: its circuit breaker, and what it has refused for single tickers.

A provider that does not answer costs one time-out, not one for each ticker: it is then left alone until its quota's
reset or for a cool-down, after which one request probes it while the others go to the next provider.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from concurrency.circuit_breaker import CircuitBreaker, CircuitOpen, State
from market.clock import Clock
from market.errors import (
    BadKey,
    Broken,
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
from market.providers.foreseen import foreseen

COOL_DOWN_SECONDS = 30.0
LONGEST_COOL_DOWN_SECONDS = 600.0
BAD_KEY_SECONDS = 3600.0
TOO_FAST_SECONDS = 5.0
REFUSED_SECONDS = 86400.0  # after "unknown ticker", "no data" or "premium only", for the ticker alone
UNUSABLE_SECONDS = 300.0  # an answer that could not be used, for its ticker alone
MALFORMED_IN_A_ROW = 3  # then it is the provider's trouble, not the ticker's

log = structlog.get_logger(__name__)


class ProviderCircuitBreaker:
    """State of one provider in this process; each type of error says for how long it is not asked, and for what.

    Args:
        name: of the provider.
    """

    def __init__(self, name: str, clock: Clock | None = None) -> None:
        self._name = name
        self._clock = clock or Clock()
        self._circuit = CircuitBreaker(
            cool_down=COOL_DOWN_SECONDS, longest_cool_down=LONGEST_COOL_DOWN_SECONDS, now=self._clock.elapsed
        )
        self._reason = ""
        self._malformed_in_a_row = 0
        self._refused: dict[tuple[str, str], tuple[float, str]] = {}

    @property
    def state(self) -> State:
        """Whether the provider is asked."""
        return self._circuit.state

    @contextmanager
    def asking(self, ticker: str, what: str) -> Iterator[None]:
        """Around one question; learns from how it ends.

        Raises:
            Paused: it must not be asked now.
        """
        is_probe = self._admit(ticker, what)
        try:
            with foreseen(self._name, ticker):
                yield
        except (ProviderError, InvalidBars) as error:
            self._learn(ticker, what, error)
            raise
        else:
            self._circuit.succeed()
            self._malformed_in_a_row = 0
        finally:
            if is_probe:
                self._circuit.end_probe()

    def _admit(self, ticker: str, what: str) -> bool:
        until, reason = self._refused.get((ticker, what), (float("-inf"), ""))
        if self._clock.elapsed() < until:
            raise Paused(f"{self._name}: not asked again for {ticker}: {reason}")
        try:
            return self._circuit.admit()
        except CircuitOpen as error:
            raise Paused(f"{self._name}: {error}: {self._reason}") from None

    def _learn(self, ticker: str, what: str, error: MarketError) -> None:
        match error:
            case Unreachable() if self._circuit.state == "open":
                pass  # asked before the circuit opened: the same failure, not one more
            case Unreachable():
                self._circuit.fail()
                self._note_pause(error)
            case QuotaSpent():
                self._pause(max(error.resets_at.timestamp() - self._clock.now(), 0), error)
            case TooFast():
                self._pause(TOO_FAST_SECONDS, error)
            case BadKey():
                self._pause(BAD_KEY_SECONDS, error)
            case UnknownTicker() | NoData() | PremiumOnly():
                self._refuse(ticker, what, error, REFUSED_SECONDS)
            case Malformed() | Broken():
                self._malformed_in_a_row += 1
                if self._malformed_in_a_row >= MALFORMED_IN_A_ROW:
                    self._pause(COOL_DOWN_SECONDS, error)
                self._refuse(ticker, what, error, UNUSABLE_SECONDS)
            case _:
                self._refuse(ticker, what, error, UNUSABLE_SECONDS)

    def _pause(self, seconds: float, error: MarketError) -> None:
        self._circuit.pause(seconds)
        self._note_pause(error)

    def _note_pause(self, error: MarketError) -> None:
        self._reason = str(error)
        seconds = round(self._circuit.seconds_open, 1)
        log.warning("provider.paused", provider=self._name, seconds=seconds, reason=self._reason)

    def _refuse(self, ticker: str, what: str, error: MarketError, seconds: float) -> None:
        self._refused[ticker, what] = (self._clock.elapsed() + seconds, str(error))
