"""A browser, services to look at, and what must hold of every page that any test has opened."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from market.bars import Bars
from market.calendar.sessions import Sessions
from market.providers.simulated import FIRST, simulate
from tests.page.replay import replay
from tests.page.services import write_csv
from tests.redis_servers import free_port
from tests.serving.running import Service, start
from training_queue.worker_lock import WorkerLock

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# A busy machine is waited for; nothing that holds takes so long on a quiet one.
PATIENCE_MS = 180_000
# Seconds that a request may take where nothing is told of slow ones.
DEADLINE = "120"
KEY = "a-key-of-the-tests-of-the-page"

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.page)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium that is installed."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, "--disable-sync"])
        yield chromium
        chromium.close()


@dataclass
class Watched:
    """What a page asked for and complained about.

    Attributes:
        refusals_expected: whether a test makes requests fail on purpose, which a browser reports as errors.
    """

    origin: str
    urls: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    refusals_expected: bool = False

    def note_request(self, request: Request) -> None:
        self.urls.append(request.url)

    def note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def check(self) -> None:
        foreign = [url for url in self.urls if not url.startswith(self.origin)]
        assert not foreign, foreign
        refused = "Failed to load resource"
        unexplained = [one for one in self.complaints if not (self.refusals_expected and refused in one)]
        assert not unexplained, unexplained


@dataclass
class Visit:
    """A page that is open, and what is noted of it."""

    page: Page
    watched: Watched
    url: str

    def hush(self) -> None:
        """Have no prediction come unasked, so that a test decides what is answered."""
        self.watched.refusals_expected = True
        self.page.route("**/stream/predictions*", lambda route: route.abort())

    def go(self, place: str = "#/") -> Page:
        """Open a place of the page."""
        self.page.goto(f"{self.url}/{place}")
        return self.page


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Open a page of a service; at the end it must have asked no other host and reported no error."""
    opened: list[Visit] = []

    def make(service: Service, width: int = 1280, height: int = 900, **given: Any) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": height}, **given)
        context.set_default_timeout(PATIENCE_MS)
        page, watched = context.new_page(), Watched(service.url)
        page.on("request", watched.note_request)
        page.on("console", watched.note_message)
        page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        opened.append(Visit(page, watched, service.url))
        return opened[-1]

    yield make
    for one in opened:
        one.page.context.close()
        one.watched.check()


def check_accessibility(page: Page) -> None:
    """Hold the page as it is now to axe-core."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.fixture(scope="session")
def old_bars(sessions: Sessions) -> dict[str, Bars]:
    """Bars of two tickers that end long ago, made here but told as real ones."""
    days = sessions.between(FIRST, np.datetime64("2024-03-08"))[-900:]
    return {ticker: replace(simulate(ticker, days), source="files") for ticker in ("AAPL", "MSFT")}


@contextmanager
def without_trainer(home: Path) -> Iterator[None]:
    """Have no service in `home` train, not even what is asked for: this process counts as its trainer."""
    descriptor = WorkerLock(home).take()
    assert descriptor is not None
    yield
    os.close(descriptor)


@pytest.fixture(scope="module")
def stale(tmp_path_factory: pytest.TempPathFactory, old_bars: dict[str, Bars]) -> Iterator[Service]:
    """Two tickers with old bars from files, past forecasts, a key, an experiment, and no trainer."""
    home = tmp_path_factory.mktemp("home")
    with without_trainer(home):
        service = start_stale(home, tmp_path_factory.mktemp("bars"), old_bars)
        yield service
        service.end()


def start_stale(home: Path, bars: Path, old_bars: dict[str, Bars]) -> Service:
    """A service of `old_bars`, with past forecasts, news, a key and an experiment."""
    for ticker, its_bars in old_bars.items():
        write_csv(bars / f"{ticker}.csv", its_bars)
        replay(home, its_bars, 1, 60)
    news = bars.with_name("news.csv")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    title = "<img src=/x onerror=document.title='run'> & more"
    news.write_text(f"ticker,published_at,title,url,tone\nAAPL,{yesterday},{title},https://example.com/a?b=1&c,0.5\n")
    return start(
        home,
        free_port(),
        STOCKS_TICKERS='["AAPL", "MSFT"]',
        STOCKS_HORIZONS="[1, 5]",
        STOCKS_MARKET__PROVIDERS='["files"]',
        STOCKS_MARKET__FILES__DIRECTORY=str(bars),
        STOCKS_MARKET__FILES__NEWS=str(news),
        STOCKS_TRAINING__ON_START="false",
        STOCKS_SERVING__DEADLINE=DEADLINE,
        STOCKS_SECURITY__API_KEYS=f'["{KEY}"]',
        STOCKS_PAGE__MLFLOW_URL="http://127.0.0.1:5000",
        STOCKS_SERVING__EXPERIMENTS='[{"name": "boosted", "challenger": "boosting", "horizons": [1]}]',
    )
