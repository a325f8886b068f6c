"""Which published model answers for a ticker and horizon right now."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog
from prometheus_client.metrics_core import GaugeMetricFamily

from forecasting.model_store import PublishedModel, UnreadableModel, newest_folder, read_published_model
from serving.telemetry import metrics

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0
# New models that are opened in one call; others wait for their answers meanwhile.
TRIED_AT_ONCE = 32

Key = tuple[str, int]
Try = Callable[[PublishedModel], Awaitable[None]]
Swapped = Callable[[str, int], None]


class Champions:
    """Follows the model store; a new model takes over only after it has given an answer.

    One reference is replaced, so a request in flight ends with the model it began with, card and forest alike.

    Attributes:
        has_looked: whether the store was looked through at least once; until then a model that is missing may be there.
    """

    def __init__(self, roots: Sequence[Path], keys: Sequence[Key], attempt: Try) -> None:
        """Follow `keys` in `roots`; `attempt` raises for a model that cannot answer."""
        self._roots = roots
        self._keys = keys
        self._attempt = attempt
        self._swapped: list[Swapped] = []
        self._serving: dict[Key, PublishedModel] = {}
        self._refused: dict[Key, tuple[Path, str]] = {}
        self.has_looked = False

    def get(self, ticker: str, horizon: int) -> PublishedModel | None:
        """The model that answers, if there is one."""
        return self._serving.get((ticker, horizon))

    def refusal(self, ticker: str, horizon: int) -> str | None:
        """Why the newest published model does not serve, when it does not."""
        refused = self._refused.get((ticker, horizon))
        return refused[1] if refused else None

    def refusals(self) -> list[str]:
        """Why newest models do not serve."""
        return [reason for _, reason in self._refused.values()]

    def serving(self) -> list[PublishedModel]:
        """All models that answer."""
        return list(self._serving.values())

    def figures(self) -> list[GaugeMetricFamily]:
        """Versions of the models that answer; one that was replaced is not among them."""
        info = GaugeMetricFamily(
            "stocks_model_info", "Models that answer, by version.", labels=["ticker", "horizon", "version"]
        )
        for (ticker, horizon), published in self._serving.items():
            info.add_metric([ticker, str(horizon), str(published.card.version)], 1)
        return [info]

    def on_swap(self, tell: Swapped) -> None:
        """Have `tell` called with ticker and horizon whenever a model has taken over."""
        self._swapped.append(tell)

    async def follow(self) -> None:
        """Look for new models until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Take over what was published since the last look."""
        newest = await asyncio.to_thread(lambda: [newest_folder(self._roots, *key) for key in self._keys])
        new = [(key, folder) for key, folder in zip(self._keys, newest, strict=True) if self._is_new(key, folder)]
        for start in range(0, len(new), TRIED_AT_ONCE):
            chunk = new[start : start + TRIED_AT_ONCE]
            await asyncio.gather(*(self._take_over(key, folder) for key, folder in chunk if folder is not None))
        self.has_looked = True

    def _is_new(self, key: Key, folder: Path | None) -> bool:
        serving, refused = self._serving.get(key), self._refused.get(key)
        known = (serving and serving.folder == folder) or (refused and refused[0] == folder)
        return folder is not None and not known

    async def _take_over(self, key: Key, folder: Path) -> None:
        try:
            published = read_published_model(folder)
            await self._attempt(published)
        except UnreadableModel as error:
            log.error("model refused", ticker=key[0], horizon=key[1], problem=str(error))  # noqa: TRY400
            metrics.SWAPS.labels("refused").inc()
            self._refused[key] = (folder, str(error))
            return
        except Exception:
            log.exception("model not tried yet", ticker=key[0], horizon=key[1])
            return
        self._serving[key] = published
        self._refused.pop(key, None)
        for tell in self._swapped:
            tell(*key)
        metrics.SWAPS.labels("serving").inc()
        log.info("model serving", ticker=key[0], horizon=key[1], version=published.card.version)
