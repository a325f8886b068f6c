"""Which tickers a canary's challenger answers: always the same, so that one ticker has one answer."""

from collections.abc import Iterable
from hashlib import blake2b
from math import ceil

from configuration import Experiment


def answered_tickers(experiment: Experiment, tickers: Iterable[str]) -> frozenset[str]:
    """The `share` of `tickers`, at least one, whose hashes with the experiment's name come first; none of a shadow."""
    ordered = sorted(tickers, key=lambda ticker: blake2b(f"{experiment.name}:{ticker}".encode()).digest())
    return frozenset(ordered[: ceil(experiment.share * len(ordered))])
