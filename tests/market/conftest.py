"""What the tests of prices share: the calendar, made-up series, providers in memory, servers that play real ones."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

import configuration
from concurrency.process_turns import ProcessTurns
from configuration import Settings
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.clock import Clock
from market.errors import UnknownTicker
from market.history.sqlite_store import HistoryStore
from market.market import Market
from market.providers.circuit_breaker import ProviderCircuitBreaker
from market.providers.provider import LimitedProvider
from market.providers.simulated import Simulated
from market.quotes.quote import Quote
from market.series import Adjustment, Series
from tests.redis_servers import Server

MONDAY_EVENING = datetime(2024, 3, 11, 23, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Sessions:
    return Sessions.open("XNYS", tmp_path_factory.mktemp("calendar"))


@pytest.fixture(scope="session")
def real_bars() -> Path:
    directory = os.environ.get("STOCKS_TEST_BARS", "")
    if not directory or not Path(directory).is_dir():
        pytest.skip("STOCKS_TEST_BARS names no directory of real bars")
    return Path(directory)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("ALPHA_VANTAGE_API_KEY", "TIINGO_API_KEY", "REDIS_URL", "STOCKS_CONFIGURATION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path))
    return configuration.load()


class MovedClock(Clock):
    """Both clocks, standing until they are moved; the time of day can be set apart from the other."""

    def __init__(self, start: datetime) -> None:
        self._hands = {"now": start.timestamp(), "elapsed": 1000.0}
        super().__init__(lambda: self._hands["now"], lambda: self._hands["elapsed"])

    _hands: dict[str, float]

    def forward(self, seconds: float) -> None:
        self._hands = {name: value + seconds for name, value in self._hands.items()}

    def set_to(self, moment: datetime) -> None:
        """Set the time of day alone, as a person or a time server does."""
        self._hands["now"] = moment.timestamp()


@pytest.fixture
def clock() -> MovedClock:
    """Monday 2024-03-11, three hours after the close."""
    return MovedClock(MONDAY_EVENING)


MakeSeries = Callable[..., Series]


@pytest.fixture
def make_series(sessions: Sessions) -> MakeSeries:
    """A quiet series that ends with a given session."""

    def make(
        ticker: str = "AAPL",
        *,
        last: str = "2024-03-11",
        count: int = 300,
        source: str = "tiingo",
        adjustment: Adjustment = Adjustment.TRADED,
        price: float = 100.0,
        **more: Any,
    ) -> Series:
        session = sessions.between(np.datetime64("2015-01-02"), np.datetime64(last))[-count:]
        # The same bar on the same date, however long the series.
        drawn = np.array([np.random.default_rng(int(day)).standard_normal(4) for day in session.astype(int)])
        close = price * np.exp(0.01 * drawn[:, 0])
        opened = price * np.exp(0.01 * drawn[:, 1])
        high, low = np.maximum(opened, close) * 1.004, np.minimum(opened, close) * 0.996
        volume = np.round(1e6 * np.exp(0.1 * drawn[:, 2]))
        return Series(Bars(ticker, source, session, opened, high, low, close, volume), adjustment, **more)

    return make


@dataclass
class FakeProvider:
    """Answers from memory; an answer that is an exception is raised."""

    name: str
    bars_of: dict[str, Series | Exception] = field(default_factory=dict)
    quotes_of: dict[str, Quote | Exception] = field(default_factory=dict)
    is_local: bool = False
    full_history: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    since: list[object] = field(default_factory=list)
    before: Callable[[], Any] | None = None
    closed: bool = False

    async def series(self, ticker: str, since: np.datetime64 | None = None) -> Series:
        self.asked.append(("bars", ticker))
        self.since.append(since)
        answer = await self._answer(self.bars_of.get(ticker))
        assert isinstance(answer, Series)
        if since is None:
            return answer
        first = int(np.searchsorted(answer.bars.session, since))
        adj_close = None if answer.adj_close is None else answer.adj_close[first:]
        return Series(answer.bars[first:], answer.adjustment, answer.splits, answer.dividends, adj_close)

    async def quote(self, ticker: str) -> Quote:
        self.asked.append(("quote", ticker))
        answer = await self._answer(self.quotes_of.get(ticker))
        assert isinstance(answer, Quote)
        return answer

    async def close(self) -> None:
        self.closed = True

    async def _answer(self, answer: object) -> object:
        if self.before is not None:
            await self.before()
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            raise UnknownTicker(f"{self.name}: does not know it")
        return answer

    def count(self, what: str) -> int:
        return sum(kind == what for kind, _ in self.asked)


@pytest.fixture
def provider() -> type[FakeProvider]:
    return FakeProvider


MakeMarket = Callable[..., Market]


@pytest.fixture
def make_market(sessions: Sessions, clock: MovedClock, tmp_path: Path) -> MakeMarket:
    """A market over providers in memory, on a clock that stands."""

    def make(*providers: Any, simulated: bool = False, home: Path | None = None, **options: Any) -> Market:
        breakers = [None if each.is_local else ProviderCircuitBreaker(each.name, clock) for each in providers]
        limited = [LimitedProvider(*each) for each in zip(providers, breakers, strict=True)]
        if simulated:
            limited.append(LimitedProvider(Simulated(sessions, lambda: clock.moment)))
        settings: dict[str, Any] = {"history_ttl": 86400.0, "quote_ttl": 300.0} | options
        settings.setdefault("turns", ProcessTurns((home or tmp_path) / "turns", 60.0))
        return Market(limited, HistoryStore(home or tmp_path), sessions, clock=clock, **settings)

    return make


@dataclass(frozen=True)
class Played:
    """One answer of the server: after a while, and perhaps broken."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    raw: bytes | None = None
    """Sent as it is in place of a whole answer; empty closes the connection."""


class ProviderServer:
    """Plays a provider on a free port of this machine; each question takes the next answer, the last one stays."""

    def __init__(self) -> None:
        self.answers: list[Played] = []
        self.routes: dict[str, Played] = {}
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._released = threading.Event()
        played = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                played.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def play(self, *answers: Played) -> None:
        self.answers = list(answers)

    def queries(self) -> list[dict[str, str]]:
        return [{key: values[0] for key, values in parse_qs(urlsplit(path).query).items()} for path in self.paths]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.paths.append(handler.path)
        self.headers.append(dict(handler.headers))
        route = next((answer for part, answer in self.routes.items() if part in handler.path), None)
        played = route or (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        self._released.wait(played.delay)
        try:
            if played.raw is not None:
                handler.close_connection = True
                handler.wfile.write(played.raw)
                return
            handler.send_response(played.status)
            for name, value in (("Content-Length", str(len(played.body))), *played.headers):
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(played.body)
        except OSError:
            handler.close_connection = True  # the client has given up

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    playing = ProviderServer()
    yield playing
    playing.close()


@pytest.fixture
def played() -> type[Played]:
    return Played


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Server]:
    """A redis-server of our own, which may be stopped and started again."""
    server = Server(tmp_path / "redis").start()
    yield server
    server.stop()
