"""What is unusual about bars, in the log: once in a process, however often the bars are loaded."""

from functools import lru_cache

import structlog

from market.history.history import History
from market.history.quality import Finding, Kind

EXPECTED = (Kind.JUMP, Kind.SPLIT, Kind.STALE, Kind.SHORT)  # logged as information, the others as warnings

log = structlog.get_logger(__name__)


def log_findings(history: History) -> None:
    """Log every finding that is new in this process; what is unusual about invented prices is no news."""
    if not history.bars.simulated:
        for finding in history.findings:
            _log_once(history.bars.ticker, finding)


@lru_cache(maxsize=4096)
def _log_once(ticker: str, finding: Finding) -> None:
    write = log.info if finding.kind in EXPECTED else log.warning
    write("bars.finding", ticker=ticker, kind=finding.kind.value, finding=finding.text)
