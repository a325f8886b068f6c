"""What Prometheus is told about prices: how many are old, and what is left of each provider's quota."""

import asyncio

import structlog
from prometheus_client.metrics_core import GaugeMetricFamily

from market.market import Market, ProviderUsage

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 15.0


class MarketFigures:
    """Looks at the quotas now and then, since a scrape may not wait for them; costs nothing for each ticker."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._usage: dict[str, ProviderUsage] = {}

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def look(self) -> None:
        """Remember the quotas as they are now; what cannot be read keeps its last value."""
        try:
            self._usage = await self._market.usage()
        except Exception:
            log.exception("quota.unreadable")

    def figures(self) -> list[GaugeMetricFamily]:
        """Gauges of this moment."""
        stale = GaugeMetricFamily("stocks_stale_tickers", "Tickers in memory whose bars lack a published session.")
        stale.add_metric([], self._market.stale_tickers())
        broken = GaugeMetricFamily("stocks_broken_price_files", "Files of prices that are missing or cannot be read.")
        broken.add_metric([], len(self._market.local_faults()))
        used = GaugeMetricFamily(
            "stocks_provider_requests", "Requests to a provider in the last 24 hours.", labels=["provider"]
        )
        limit = GaugeMetricFamily(
            "stocks_provider_requests_limit", "Requests that a provider allows in 24 hours.", labels=["provider"]
        )
        for provider, usage in self._usage.items():
            used.add_metric([provider], usage["used_today"])
            if usage["limit_today"] is not None:
                limit.add_metric([provider], usage["limit_today"])
        return [stale, broken, used, limit]
