"""What Prometheus is told about the streams of prices, by the process that has them."""

import time
from collections.abc import Sequence

from serving.telemetry import metrics
from serving.telemetry.batches import counter


class PriceStreamFigures:
    """Counts each provider's messages and reconnects.

    Args:
        providers: that are configured; each has its counters from the beginning.
    """

    def __init__(self, providers: Sequence[str]) -> None:
        self._messages = {name: counter(metrics.PRICE_STREAM_MESSAGES, name) for name in providers}
        self._reconnects = {name: counter(metrics.PRICE_STREAM_RECONNECTS, name) for name in providers}

    def owns(self, *, is_owner: bool) -> None:
        """This process has the connections, or has them no more."""
        metrics.PRICE_STREAM_OWNER.set(is_owner)

    def received(self, provider: str) -> None:
        """A message that could be read, heartbeats included."""
        self._messages[provider].count += 1
        metrics.PRICE_STREAM_NEWEST.labels(provider).set(time.time())

    def interrupted(self, provider: str) -> None:
        """The stream has ended, and will be made again."""
        self._reconnects[provider].count += 1
