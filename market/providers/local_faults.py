"""What is wrong with files on this machine: nobody but a person mends it, so it is a warning, once for each reason."""

from collections.abc import Iterable

import structlog

log = structlog.get_logger(__name__)


class LocalFaults:
    """The last fault of each local provider and ticker, until it is mended."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[str, str], str] = {}

    def note(self, provider: str, ticker: str, reason: str) -> None:
        """Log a fault that is new."""
        if self._reasons.get((provider, ticker)) != reason:
            self._reasons[provider, ticker] = reason
            log.warning("provider.failed", ticker=ticker, provider=provider, reason=reason)

    def forget(self, providers: Iterable[str], ticker: str) -> None:
        """What `providers` have of a ticker is in order, or another has it."""
        for provider in providers:
            if self._reasons.pop((provider, ticker), None):
                log.info("provider.mended", ticker=ticker, provider=provider)

    def reasons(self) -> list[str]:
        """One for each file that is not in order."""
        return [*self._reasons.values()]
