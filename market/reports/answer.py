"""What a source of report dates answers, and what it is."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from market.reports.dates import Timing


@dataclass(frozen=True, slots=True)
class ReportDate:
    """One date, as a source gave it.

    Attributes:
        filed_on: day on the exchange's clock, datetime64[D].
    """

    filed_on: np.datetime64
    timing: Timing


@dataclass(frozen=True, slots=True)
class ReportAnswer:
    """What a source knows of one ticker.

    Attributes:
        past: reports that were published.
        announced: the next one, where the source tells it.
    """

    past: tuple[ReportDate, ...] = ()
    announced: ReportDate | None = None


class ReportProvider(Protocol):
    """Asks one source. Every call may raise a `ProviderError`, and nothing else."""

    @property
    def name(self) -> str:
        """As in the configuration, and in `source` of the reports."""

    async def reports(self, ticker: str, known_until: np.datetime64 | None) -> ReportAnswer:
        """What the source knows; reports up to `known_until` are stored and may be left out."""

    async def close(self) -> None:
        """Close the connections."""
