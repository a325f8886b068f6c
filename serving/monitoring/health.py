"""Whether the service is healthy, and every reason why it is not."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from configuration import Settings
from market.errors import MarketError
from market.market import History, Market
from serving.caching.redis_cache import RedisCache
from serving.contract.schemas import Health, PriceKind
from serving.models.champions import Champions
from serving.models.forest_client import ForestClient
from serving.monitoring.listing import shortened
from training_queue.database import QueueUnavailable

# Tickers whose prices are looked at by each check, and how many of them side by side.
MOST_LOOKED_AT, LOOKED_AT_ONCE = 20, 4


class HealthCheck:
    """Looks at everything that is configured or there, and says what is broken or old."""

    def __init__(
        self,
        settings: Settings,
        market: Market,
        champions: Champions,
        *,
        redis_cache: RedisCache,
        forests: ForestClient,
        trainer_problem: Callable[[], str],
        unpublished: Callable[[], Sequence[tuple[str, int]]],
        others: Sequence[Callable[[], Sequence[str]]] = (),
        refused_elsewhere: Callable[[], Mapping[tuple[str, int], str]] = dict,
    ) -> None:
        """Wire the parts.

        Args:
            trainer_problem: why nothing can be trained; empty when a trainer lives or none should.
            unpublished: models whose champion is not published yet; may raise QueueUnavailable.
            others: each gives further reasons; may wait for the disk or raise QueueUnavailable.
            refused_elsewhere: why other workers refuse models, by ticker and horizon; may wait for the disk.
        """
        self._settings = settings
        self._market = market
        self._champions = champions
        self._redis_cache = redis_cache
        self._forests = forests
        self._trainer_problem = trainer_problem
        self._unpublished = unpublished
        self._others = others
        self._refused_elsewhere = refused_elsewhere

    async def check(self) -> Health:
        """Healthy, or degraded with reasons; and the kind of the prices that are served."""
        histories = await self._histories()
        faults = [f"prices are not read anew: {fault}" for fault in shortened(self._market.local_faults())]
        reasons = [*_price_problems(histories), *faults, *self._simulated_instead_of_real(histories)]
        if self._redis_cache.configured and not await self._redis_cache.working():
            redis = f"Redis at {self._redis_cache.place} is configured and {self._redis_cache.problem}"
            reasons.append(f"{redis}; everything is computed in each process")
        if not await self._forests.answer():
            reasons.append(self._forests.problem)
        if problem := self._trainer_problem():
            reasons.append(problem)
        reasons += await asyncio.to_thread(self._on_disk)
        return Health(status="degraded" if reasons else "healthy", prices=_kind(histories), reasons=reasons)

    async def _histories(self) -> dict[str, History | None]:
        """Of thousands of tickers those that memory holds stand for all: to look at every one takes minutes."""
        tickers, places = self._settings.tickers, asyncio.Semaphore(LOOKED_AT_ONCE)
        first = tickers[:MOST_LOOKED_AT]
        found = dict(zip(first, await asyncio.gather(*(self._history(one, places) for one in first)), strict=True))
        held = {ticker: self._market.held(ticker) for ticker in tickers[MOST_LOOKED_AT:]}
        return found | {ticker: history for ticker, history in held.items() if history is not None}

    async def _history(self, ticker: str, places: asyncio.Semaphore) -> History | None:
        try:
            async with places:
                return await self._market.history(ticker)
        except MarketError:
            return None

    def _simulated_instead_of_real(self, histories: Mapping[str, History | None]) -> list[str]:
        """A reason when prices are invented although real ones are configured, or models expect them."""
        simulated = [ticker for ticker, history in histories.items() if history is not None and history.bars.simulated]
        if not simulated:
            return []
        names = ", ".join(shortened(simulated))
        if real := _real_providers(self._settings):
            return [f"prices are simulated although {', '.join(real)} is configured: {names}"]
        if any(not published.card.simulated for published in self._champions.serving()):
            return [f"prices are simulated, so the models of real prices do not answer: {names}"]
        return []

    def _on_disk(self) -> list[str]:
        """What is asked of files."""
        reasons: list[str] = []
        unreadable = ""
        for look in (self._not_published, *self._others):
            try:
                reasons += look()
            except QueueUnavailable as error:
                unreadable = f"the list of trainings cannot be read: {error}"
        refusals = {**self._refused_elsewhere(), **self._champions.refusals()}
        refused = [f"model refused: {refusal}" for refusal in shortened([*refusals.values()])]
        return [*([unreadable] if unreadable else []), *reasons, *refused]

    def _not_published(self) -> list[str]:
        return [
            f"the champion is not published yet: {ticker} at horizon {horizon}"
            for ticker, horizon in self._unpublished()
        ]


def _price_problems(histories: Mapping[str, History | None]) -> list[str]:
    late = [ticker for ticker, history in histories.items() if history is not None and history.stale]
    missing = [ticker for ticker, history in histories.items() if history is None]
    return [
        *([f"prices are older than the last session: {', '.join(shortened(late))}"] if late else []),
        *([f"no prices: {', '.join(shortened(missing))}"] if missing else []),
    ]


def _kind(histories: Mapping[str, History | None]) -> PriceKind:
    """The least true kind among the tickers; without any price there is none that is not stale."""
    known = [history for history in histories.values() if history is not None]
    if any(history.bars.simulated for history in known):
        return "simulated"
    return "stale" if not known or any(history.stale for history in known) else "real"


def _real_providers(settings: Settings) -> list[str]:
    """Providers of real prices that can be asked: those without their key cannot."""
    market = settings.market
    able = {
        "alpha_vantage": market.alpha_vantage.api_key is not None,
        "tiingo": market.tiingo.api_key is not None,
        "yahoo": market.yahoo.enabled,
        "files": market.files.directory is not None,
    }
    return [name for name in market.providers if able.get(name, False)]
