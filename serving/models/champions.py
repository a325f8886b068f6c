"""Which published model answers for a ticker and horizon right now."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import structlog
from prometheus_client.metrics_core import GaugeMetricFamily

from concurrency.single_flight import SingleFlight
from concurrency.unhurried import unhurried
from forecasting.card import model_name
from forecasting.model_store import Pointers, PublishedModel, UnreadableModel, read_published_model
from serving.models.forest_client import ForestsUnavailable
from serving.telemetry import metrics

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 1.0
# A refused model is tried again after so long: its files may have been copied one by one, or mended.
RETRY_SECONDS = 10.0
# New models that are opened in one call; others wait for their answers meanwhile.
TRIED_AT_ONCE = 8
# New models that one look tries; after a start with more of them, those that are asked for come first.
TRIED_IN_A_LOOK = 256
# A request waits so long for a model to be tried before the baseline answers.
FOUND_WITHIN_SECONDS = 0.5
# New models that are tried without pauses; a service is ready when they are.
MANY = 64
NO_FOLDER = Path()

Key = tuple[str, int]
TryModel = Callable[[PublishedModel], Awaitable[None]]
OnSwap = Callable[[str, int], None]


class Refusal(NamedTuple):
    """A published model that cannot serve, why, and when it is tried again by the monotonic clock."""

    folder: Path
    reason: str
    retry_at: float


class Champions:
    """Follows the model store; a new model takes over only after it has given an answer.

    One reference is replaced, so a request in flight ends with the model it began with, card and forest alike. A model
    that fails while it serves is withdrawn, and takes over again when it answers again.

    Attributes:
        has_looked: whether the store was looked through at least once; until then a model that is missing may be there.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        keys: Sequence[Key],
        attempt: TryModel,
        now: Callable[[], float] = monotonic,
        *,
        name_of: Callable[[str, int], str] = model_name,
        experiment: str = "",
    ) -> None:
        """Follow `keys` in `roots`.

        Args:
            attempt: raises for a model that cannot answer.
            now: seconds of a clock that is never set.
            name_of: gives the name in the store of the model for a ticker and horizon.
            experiment: whose challengers these are; empty for the champions.
        """
        self._keys = keys
        self._attempt = attempt
        self._now = now
        self._name_of = name_of
        self._pointers = Pointers(roots)
        self._log = log.bind(experiment=experiment) if experiment else log
        self._on_swap: list[OnSwap] = []
        self._on_refusal: list[OnSwap] = []
        self._on_many_tried: list[Callable[[], None]] = []
        self._serving: dict[Key, PublishedModel] = {}
        self._refused: dict[Key, Refusal] = {}
        self._untried: dict[Key, Path] = {}
        self._seen: dict[Key, Path | str | None] = {}
        self._unsettled: dict[Key, Path] = {}
        self._trials = SingleFlight[None]()
        self.has_looked = False

    def get(self, ticker: str, horizon: int) -> PublishedModel | None:
        """The model that answers, if there is one."""
        return self._serving.get((ticker, horizon))

    async def find(self, ticker: str, horizon: int) -> PublishedModel | None:
        """The same; where none answers yet and one was published that was not tried, it is tried now."""
        key = ticker, horizon
        if key in self._untried and key not in self._serving:
            with suppress(TimeoutError):  # the trial goes on
                await asyncio.wait_for(self._try(key), FOUND_WITHIN_SECONDS)
        return self._serving.get(key)

    def is_missing(self, ticker: str, horizon: int) -> bool:
        """Whether none was published by the last look, or what was published cannot serve."""
        key = ticker, horizon
        return self.has_looked and (not isinstance(self._seen.get(key), Path) or key in self._refused)

    def refusal(self, ticker: str, horizon: int) -> str | None:
        """Why the newest published model does not serve, when it does not."""
        refused = self._refused.get((ticker, horizon))
        return refused.reason if refused else None

    def refusals(self) -> dict[Key, str]:
        """Why newest models do not serve, by ticker and horizon."""
        return {key: refused.reason for key, refused in self._refused.items()}

    def serving(self) -> list[PublishedModel]:
        """All models that answer."""
        return list(self._serving.values())

    def figures(self) -> list[GaugeMetricFamily]:
        """How many models answer, and the versions of the first; one that was replaced is not among them."""
        info = GaugeMetricFamily(
            "stocks_model_info", "Models that answer, by version.", labels=["ticker", "horizon", "version"]
        )
        for ticker, horizon in self._keys[: metrics.MOST_LABELLED]:
            if published := self._serving.get((ticker, horizon)):
                info.add_metric([ticker, str(horizon), str(published.card.version)], 1)
        count = GaugeMetricFamily("stocks_models", "Models that answer.", labels=["horizon"])
        for horizon, models in Counter(horizon for _, horizon in self._serving).items():
            count.add_metric([str(horizon)], models)
        return [info, count]

    def on_swap(self, tell: OnSwap) -> None:
        """Have `tell` called with ticker and horizon whenever a model has taken over or was withdrawn."""
        self._on_swap.append(tell)

    def on_refusal(self, tell: OnSwap) -> None:
        """Have `tell` called with ticker and horizon whenever a published model turns out not to answer."""
        self._on_refusal.append(tell)

    def on_many_tried(self, tell: Callable[[], None]) -> None:
        """Have `tell` called after each look that tried more than MANY new models."""
        self._on_many_tried.append(tell)

    async def follow(self) -> None:
        """Look for new models until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("models.look_failed")
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def look(self) -> None:
        """Take over what was published since the last look; of very many new models the first TRIED_IN_A_LOOK."""
        for key, found in await asyncio.to_thread(self._changed):
            self._seen[key] = found
            self._unsettled.pop(key, None)
            if isinstance(found, Path):
                self._unsettled[key] = found
            elif found is not None:
                self._refuse(key, NO_FOLDER, found)
        due = {key: folder for key, folder in [*self._unsettled.items()] if self._is_due(key, folder)}
        self._untried = due
        keys = [*due][:TRIED_IN_A_LOOK]
        await self._try_in_turn(keys[:MANY])
        self.has_looked = True
        await self._try_in_turn(keys[MANY:])
        if len(keys) > MANY:
            for tell in self._on_many_tried:
                tell()

    async def recheck(self) -> None:
        """Try every model that serves, and withdraw those that no longer answer."""
        self._untried = {key: published.folder for key, published in self._serving.items()} | self._untried
        await self._try_in_turn([*self._serving])

    def withdraw(self, published: PublishedModel, reason: str) -> None:
        """Serve a model no longer, because it failed for `reason`."""
        key = published.card.ticker, published.card.horizon
        if self._serving.get(key) == published:
            del self._serving[key]
            if isinstance(newest := self._seen.get(key), Path):
                self._unsettled[key] = newest
            self._refuse(key, published.folder, reason)
            self._tell(key)

    def behind(self, _published: PublishedModel) -> PublishedModel | None:
        """What answers in place of a champion that cannot: no other model."""
        return None

    async def _try_in_turn(self, keys: Sequence[Key]) -> None:
        """Few at a time, and where there are many with pauses as long as the work, which requests would wait for."""
        for start in range(0, len(keys), TRIED_AT_ONCE):
            began = self._now()
            await asyncio.gather(*(self._try(key) for key in keys[start : start + TRIED_AT_ONCE]))
            if len(self._untried) > MANY:
                await asyncio.sleep(self._now() - began)

    async def _try(self, key: Key) -> None:
        """Try the newest model of a ticker and horizon, once for all who wait for it."""
        await self._trials.join(f"{key}", lambda: self._try_now(key))

    async def _try_now(self, key: Key) -> None:
        folder = self._untried.get(key)
        if folder is not None:
            await self._take_over(key, folder)
            if self._untried.get(key) == folder:
                del self._untried[key]

    def _changed(self) -> list[tuple[Key, Path | str | None]]:
        """What is another than the last look saw: a folder, why it is not known, or null where none is published."""
        keys = unhurried(self._keys) if self.has_looked else self._keys
        newest = ((key, self._newest(key)) for key in keys)
        return [(key, found) for key, found in newest if found != self._seen.get(key)]

    def _newest(self, key: Key) -> Path | str | None:
        """The folder of the newest model, or why it is not known."""
        try:
            return self._pointers.newest(self._name_of(*key))
        except OSError as error:
            return f"{error.filename}: {error.strerror}, so the newest model is not known; let the service read it"
        except ValueError as error:
            return f"{self._name_of(*key)}: the store's pointer to the newest model cannot be read: {error}"

    def _is_due(self, key: Key, folder: Path) -> bool:
        serving, refused = self._serving.get(key), self._refused.get(key)
        if serving and serving.folder == folder:
            self._refused.pop(key, None)
            del self._unsettled[key]
            return False
        return refused is None or refused.folder != folder or self._now() >= refused.retry_at

    async def _take_over(self, key: Key, folder: Path) -> None:
        try:
            published = await asyncio.to_thread(read_published_model, folder)
            await self._attempt(published)
        except ForestsUnavailable:
            return  # said once by who asks them; the next look tries again
        except Exception as error:  # noqa: BLE001  # whatever it is concerns this model alone
            current = self._serving.get(key)
            reason = str(error) if isinstance(error, UnreadableModel) else f"{folder}: {type(error).__name__}: {error}"
            if current is not None and current.folder == folder:
                self.withdraw(current, reason)
            else:
                self._refuse(key, folder, reason)
            return
        self._refused.pop(key, None)
        if self._serving.get(key) == published:
            return
        self._serving[key] = published
        self._tell(key)
        metrics.SERVING.inc()
        self._log.info("model.serving", ticker=key[0], horizon=key[1], version=published.card.version)

    def _refuse(self, key: Key, folder: Path, reason: str) -> None:
        known = self._refused.get(key)
        self._refused[key] = Refusal(folder, reason, self._now() + RETRY_SECONDS)
        if known is None or (known.folder, known.reason) != (folder, reason):
            self._log.error("model.refused", ticker=key[0], horizon=key[1], problem=reason)
            metrics.REFUSED_MODELS.inc()
            for tell in self._on_refusal:
                tell(*key)

    def _tell(self, key: Key) -> None:
        for tell in self._on_swap:
            tell(*key)
