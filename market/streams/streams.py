"""The streams of one process: its own while it is their owner, else what the owner shows."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import structlog

from market.calendar.sessions import Sessions
from market.clock import Clock
from market.quotes.quote import Quote
from market.streams.board import Board
from market.streams.connection import Patience
from market.streams.following import Pauses, follow
from market.streams.latest_prices import LatestPrices
from market.streams.live_prices import NoReport, OnPrice, StreamReport
from market.streams.ownership import Ownership
from market.streams.price_stream import PriceStream

TURN_SECONDS = 0.1  # between two looks at the board, or at what its owner has to show
HOLD_SECONDS = 0.5  # between two tries to become, or to stay, the owner
BEAT_SECONDS = 1.0  # at most between two words of the owner
LIVE_SECONDS = 3.0  # without a word, after which the owner is taken for dead
RESTART_SECONDS = 10.0  # after an error that nothing expects
EARLY = timedelta(seconds=60)  # before the opening, when streams are connected

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How patient a process is with providers, and how long it pauses between connections."""

    patience: Patience
    pauses: Pauses


class Streams:
    """Streamed prices for one process.

    Args:
        providers: in the order in which their prices are preferred.
        sessions: streams are connected while one of them runs.
    """

    def __init__(
        self,
        providers: Sequence[PriceStream],
        board: Board,
        ownership: Ownership,
        sessions: Sessions,
        *,
        clock: Clock | None = None,
        rhythm: Rhythm | None = None,
    ) -> None:
        self._providers = providers
        self._board = board
        self._ownership = ownership
        self._sessions = sessions
        self._clock = clock or Clock()
        self._rhythm = rhythm or Rhythm(Patience(), Pauses())
        self._listeners: list[OnPrice] = []
        self._quotes: Mapping[str, Quote] = {}
        self._beat = ""
        self._beat_seen_at = self._held_at = self._written_at = float("-inf")
        self._prices: LatestPrices | None = None
        self._following: list[asyncio.Task[None]] = []
        self._beats = (f"{uuid.uuid4()}-{number}" for number in count())
        self._is_changed = False
        self._report: StreamReport = NoReport()

    @property
    def is_owner(self) -> bool:
        """Whether this process has the connections."""
        return self._prices is not None

    def latest(self, ticker: str) -> Quote | None:
        """The newest price without a gap before it; None where there is none, or its owner is dead."""
        if self._clock.elapsed() - self._beat_seen_at > LIVE_SECONDS:
            return None
        return self._quotes.get(ticker)

    def on_price(self, tell: OnPrice) -> None:
        """Have `tell` called with a ticker whenever its price changed."""
        self._listeners.append(tell)

    def report_to(self, report: StreamReport) -> None:
        """Have `report` told from now on, instead of nobody."""
        self._report = report

    async def run(self) -> None:
        """Follow the streams, or their owner, until cancelled."""
        try:
            while True:
                try:
                    await self._turn()
                except Exception:
                    log.exception("stream.turn_failed")
                await asyncio.sleep(TURN_SECONDS)
        finally:
            await self._stop()
            self._ownership.release()

    async def _turn(self) -> None:
        now = self._clock.elapsed()
        if not self._is_trading():
            await self._stop()
            return
        if now - self._held_at >= HOLD_SECONDS:
            self._held_at = now
            owns = await asyncio.to_thread(self._ownership.hold)
            if owns and self._prices is None:
                self._start()
            elif not owns:
                await self._stop()
        if self._prices is not None:
            await self._show(self._prices, now)
        else:
            await self._look(now)

    def _is_trading(self) -> bool:
        moment = self._clock.moment
        return any(self._sessions.running(at) is not None for at in (moment, moment + EARLY))

    def _start(self) -> None:
        log.info("stream.owned", providers=[provider.name for provider in self._providers])
        prices = LatestPrices([provider.name for provider in self._providers], self._clock, self._tell, self._report)
        rhythm = self._rhythm
        self._prices, self._quotes = prices, prices.shown
        self._following = [
            asyncio.create_task(follow(provider, prices, self._clock, rhythm.patience, rhythm.pauses))
            for provider in self._providers
        ]
        self._report.owns(is_owner=True)

    async def _stop(self) -> None:
        if self._prices is None:
            return
        following, self._following = self._following, []
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        self._prices, self._quotes = None, {}
        self._report.owns(is_owner=False)
        log.info("stream.left")

    async def _show(self, prices: LatestPrices, now: float) -> None:
        """Show what has changed, and at least once a second that this process lives."""
        if failed := next((task for task in self._following if task.done()), None):
            log.error("stream.failed", exc_info=failed.exception())
            self._held_at = now + RESTART_SECONDS
            await self._stop()
            return
        prices.sweep()
        self._beat_seen_at = now
        if self._is_changed or now - self._written_at >= BEAT_SECONDS:
            self._is_changed, self._written_at = False, now
            await asyncio.to_thread(self._board.write, next(self._beats), dict(prices.shown))

    async def _look(self, now: float) -> None:
        """Take over what the owner shows."""
        found = await asyncio.to_thread(self._board.read)
        if found is None or found[0] == self._beat:
            return
        before = self._quotes
        is_first = not self._beat
        self._beat = found[0]
        # An unchanged price stays the same object, by which others see that nothing is to be made anew.
        self._quotes = {
            ticker: before[ticker] if before.get(ticker) == quote else quote for ticker, quote in found[1].items()
        }
        if is_first:
            return  # it may have been there since long ago: the next beat shows whether its owner lives
        self._beat_seen_at = now
        for ticker, quote in self._quotes.items():
            if before.get(ticker) is not quote:
                self._tell(ticker)

    def _tell(self, ticker: str) -> None:
        self._is_changed = True
        for tell in self._listeners:
            tell(ticker)
