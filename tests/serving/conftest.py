"""What the tests of serving share: prices that are made here, small forests, a model store."""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic, time
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import configuration
from concurrency.micro_batcher import MicroBatcher
from configuration import Settings
from features import NAMES, VERSION
from forecasting.card import CARD_FILE, FOREST_FILE, ModelCard
from forecasting.distribution import PROBABILITIES
from forecasting.formula import Formula, TrainingInputs
from forecasting.metrics import Metrics
from forecasting.model_store import LATEST_FILE, PublishedModel
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.errors import NoPrices
from market.market import History
from market.providers.simulated import simulate
from market.quotes.quote import Quote
from market.reports.dates import ReportDates
from serving.caching.redis_cache import RedisCache
from serving.contract.predictions import Prediction
from serving.models.champions import Champions
from serving.models.onnx_sessions import OnnxSessions
from serving.predictions.cached import CachedPredictor
from serving.predictions.forecast_cache import ForecastCache
from serving.predictions.forecaster import Forecaster
from serving.predictions.predictor import Predictor, model_tag, try_model
from tests.redis_servers import free_port, plain
from tests.serving.running import Service, start
from training_queue.worker_lock import WorkerLock

METRICS = Metrics(
    val_mae=0.0119,
    val_rmse=0.0163,
    baseline_mae=0.012,
    direction_accuracy=0.52,
    coverage=0.9,
    interval_score=0.08,
    training_time=1.5,
    train_samples=1000,
    val_samples=500,
)

MakeSettings = Callable[..., Settings]
MakeBars = Callable[..., Bars]
Publish = Callable[..., PublishedModel]
Outputs = tuple[float, float, float]


@pytest.fixture
def make_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSettings:
    """Settings with values laid over the defaults, given as `section__name=value`, and a home of their own."""

    def make(**given: Any) -> Settings:
        monkeypatch.setenv("STOCKS_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home" / "bentoml"))
        for name in ("REDIS_URL", "STOCKS_CONFIGURATION"):
            monkeypatch.delenv(name, raising=False)
        for name, value in given.items():
            text = value if isinstance(value, str) else json.dumps(value)
            monkeypatch.setenv(f"STOCKS_{name.upper()}", text)
        return configuration.load()

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Three tickers, two horizons."""
    return make_settings(tickers=["AAPL", "MSFT", "TSLA"], horizons=[1, 5])


@pytest.fixture
def weekdays() -> Sessions:
    """Every weekday is a session, half past nine to four in winter's New York, from 2018 to a year ahead."""
    days = np.arange(np.datetime64("2018-01-01"), np.datetime64(datetime.now(UTC).date()) + 400)
    kept = days[np.is_busday(days)]
    midnight = kept.astype("datetime64[s]").astype(np.int64)
    open_at, close_at = ((midnight + seconds).astype("datetime64[s]") for seconds in (52200, 75600))
    return Sessions(kept, open_at, close_at)


@pytest.fixture
def make_bars(weekdays: Sessions) -> MakeBars:
    """Bars of a ticker up to the last complete session or `ends`, from `source`."""

    def make(ticker: str = "AAPL", source: str = "simulated", ends: date | None = None, count: int = 400) -> Bars:
        last = np.datetime64(ends) if ends else weekdays.last_complete(datetime.now(UTC))
        bars = simulate(ticker, weekdays.between(np.datetime64("2018-01-02"), last))[-count:]
        return replace(bars, source=source)

    return make


def forest_bytes(below: Outputs, above: Outputs) -> bytes:
    """An ONNX forest of one tree: `below` where the first input is at most 0, else `above`."""
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["X"],
        ["variable"],
        domain="ai.onnx.ml",
        n_targets=3,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[0.0, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0] * 6,
        target_nodeids=[1, 1, 1, 2, 2, 2],
        target_ids=[0, 1, 2, 0, 1, 2],
        target_weights=[*below, *above],
    )
    inputs = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, len(NAMES)])
    outputs = helper.make_tensor_value_info("variable", TensorProto.FLOAT, [None, 3])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    graph = helper.make_graph([node], "forest", [inputs], [outputs])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The folder of published models that a service with the home of `settings` follows."""
    return tmp_path / "home" / "bentoml" / "models"


@pytest.fixture
def publish(store: Path) -> Publish:
    """Publish a model as training does: files first, then the pointer to them."""
    return Publisher(store)


class Publisher:
    """Writes entries as the BentoML model store lays them out."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(
        self,
        ticker: str = "AAPL",
        horizon: int = 1,
        *,
        version: int = 1,
        below: Outputs = (0.1, 0.0, 0.0),
        above: Outputs = (0.1, 0.0, 0.0),
        corrupt: bool = False,
        experiment: str = "",
        forest: bytes = b"",
        **card_fields: Any,
    ) -> PublishedModel:
        forest = forest or forest_bytes(below, above)
        card = make_card(ticker, horizon, version, forest_sha256=hashlib.sha256(forest).hexdigest(), **card_fields)
        name = f"{f'challenger-{experiment}' if experiment else 'forest'}-{ticker.lower()}-{horizon}"
        folder = self._root / name / f"v{version}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FOREST_FILE).write_bytes(b"\0" if corrupt else forest)
        (folder / CARD_FILE).write_text(card.model_dump_json(), encoding="utf-8")
        pointer = self._root / name / f"{LATEST_FILE}.new"
        pointer.write_text(folder.name, encoding="utf-8")
        pointer.replace(self._root / name / LATEST_FILE)
        return PublishedModel(folder, card)


def raising_forest_bytes() -> bytes:
    """An ONNX model that answers a row of zeros, and raises for every other: its index leaves the table."""
    nodes = [
        helper.make_node("Abs", ["X"], ["absolute"]),
        helper.make_node("ReduceMax", ["absolute"], ["largest"], keepdims=1),
        helper.make_node("Ceil", ["largest"], ["index"]),
        helper.make_node("Cast", ["index"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["whole", "flat"], ["flattened"]),
        helper.make_node("Gather", ["table", "flattened"], ["variable"], axis=0),
    ]
    table = helper.make_tensor("table", TensorProto.FLOAT, [1, 3], [0.0, 0.0, 0.0])
    flat = helper.make_tensor("flat", TensorProto.INT64, [1], [-1])
    inputs = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, len(NAMES)])
    outputs = helper.make_tensor_value_info("variable", TensorProto.FLOAT, [None, 3])
    graph = helper.make_graph(nodes, "raising", [inputs], [outputs], [table, flat])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="session")
def raising_forest() -> bytes:
    """An ONNX model that passes its trial and raises for every real row."""
    return raising_forest_bytes()


def make_card(ticker: str, horizon: int, version: int, **fields: Any) -> ModelCard:
    """A card whose residuals are evenly spread from -2 to 2 forecast widths."""
    given: dict[str, Any] = {
        "source": "simulated",
        "simulated": True,
        "recipe": "forest",
        "model_type": "random_forest",
        "features": NAMES,
        "features_version": VERSION,
        "run_id": f"run-{version}",
        "trained_at": datetime.now(UTC) - timedelta(hours=1),
        "trained_from": date(2018, 1, 2),
        "trained_to": datetime.now(UTC).date() - timedelta(days=1),
        "shrinkage": 0.5,
        "formula": Formula(
            mean=0.0,
            lowest=-1.0,
            highest=1.0,
            trust=1.0,
            echo_weight=0.0,
            training_inputs=TrainingInputs(mean=(0.0,) * len(NAMES), scale=(1.0,) * len(NAMES), limit=1e9),
        ),
        "quantiles": tuple(np.linspace(-2, 2, PROBABILITIES.size)),
        "metrics": METRICS,
    }
    return ModelCard(ticker=ticker, horizon=horizon, version=version, **given | fields)


@pytest.fixture(scope="session")
def publisher() -> type[Publisher]:
    """For tests that publish into a store of their own."""
    return Publisher


class Clock:
    """Stands in for the clocks by which answers age; they go on, and can be put forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def advance(self, seconds: float) -> None:
        self._ahead += seconds

    def monotonic(self) -> float:
        return monotonic() + self._ahead

    def time(self) -> float:
        return time() + self._ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("serving.caching.memory_cache.monotonic", clock.monotonic)
    monkeypatch.setattr("serving.predictions.rendered.time", clock.time)
    return clock


class FakeMarket:
    """Prices from memory that a test changes or breaks; counts what it is asked."""

    def __init__(self, sessions: Sessions, bars: dict[str, Bars]) -> None:
        self.sessions = sessions
        self.bars = bars
        self.reports: dict[str, ReportDates] = {}
        self.stale = False
        self.broken: Exception | None = None
        self.quote_life = 300.0
        self.faults: list[str] = []
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def quote(self, ticker: str) -> Quote:
        self.asked += 1
        await self.gate.wait()
        history = await self.history(ticker)
        now = datetime.now(UTC)
        price = float(history.bars.close[-1])
        source = history.bars.source
        expires_at = now + timedelta(seconds=self.quote_life)
        at = self.sessions.closes(history.bars.session[-1])
        return Quote(ticker, price, at, source, fetched_at=now, expires_at=expires_at)

    async def history(self, ticker: str) -> History:
        if self.broken:
            raise self.broken
        if ticker not in self.bars:
            raise NoPrices(ticker, [])
        return History(self.bars[ticker], datetime.now(UTC), self.stale)

    async def recent(self, ticker: str) -> History:
        return await self.history(ticker)

    def held(self, ticker: str) -> History | None:
        return History(self.bars[ticker], datetime.now(UTC), self.stale) if ticker in self.bars else None

    def local_faults(self) -> list[str]:
        return self.faults

    def reports_of(self, ticker: str) -> ReportDates:
        return self.reports.get(ticker, ReportDates(ticker))

    async def usage(self) -> dict[str, dict[str, int | None]]:
        return {"alpha_vantage": {"used_today": 3, "limit_today": 25}}


@pytest.fixture
def market(weekdays: Sessions, make_bars: MakeBars, settings: Settings) -> FakeMarket:
    """Simulated prices of every configured ticker."""
    return FakeMarket(weekdays, {ticker: make_bars(ticker) for ticker in settings.tickers})


@dataclass
class Parts:
    """A predictor with everything around it, wired by hand."""

    predictor: CachedPredictor
    computing: Predictor
    champions: Champions
    forests: OnnxSessions
    market: FakeMarket
    calls: list[int]
    wanted: list[tuple[str, int]]
    noted: list[Prediction]


MakeParts = Callable[..., Parts]


@pytest.fixture
def make_parts(settings: Settings, market: FakeMarket, store: Path) -> MakeParts:
    """Wire a predictor around the fake market and real forests."""

    def make(shared: RedisCache | None = None, **cache: float) -> Parts:
        changed = settings.model_copy(update={"cache": settings.cache.model_copy(update=cache)})
        shared = shared or RedisCache(None, "test")
        forests, calls = OnnxSessions(64.0), []

        async def call(rows: Any) -> Any:
            calls.append(len(rows))
            return forests.predict(rows)

        ask = MicroBatcher(call).ask

        async def attempt(published: PublishedModel) -> None:
            await try_model(published, ask)

        keys = [(ticker, horizon) for ticker in settings.tickers for horizon in settings.horizons]
        champions = Champions([store], keys, attempt)
        forecasts = ForecastCache(shared, changed.cache.prediction_ttl)
        computing = Predictor(changed, market, champions, Forecaster(call), forecasts)  # type: ignore[arg-type]  # a fake market
        parts = Parts(None, computing, champions, forests, market, calls, [], [])  # type: ignore[arg-type]  # set below
        parts.predictor = CachedPredictor(
            changed,
            computing,
            shared,
            model=lambda ticker, horizon: model_tag(champions.get(ticker, horizon)),
            wanted=lambda ticker, horizon: parts.wanted.append((ticker, horizon)),
            note=lambda prediction, _forecast: parts.noted.append(prediction),
        )
        champions.on_swap(parts.predictor.expire)
        return parts

    return make


@pytest.fixture
def parts(make_parts: MakeParts) -> Parts:
    """Without Redis, everything as it is by default."""
    return make_parts()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis server on a port of its own."""
    with plain(tmp_path_factory.mktemp("redis")) as deployment:
        yield deployment.url


@pytest.fixture(scope="module")
def start_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    """Start services, given their settings as environment variables; all are ended with the module.

    Unless one is started with `trainer=True` its place for a trainer is taken, so that nothing that is asked for gets
    a model meanwhile, and nothing trains beside the test.
    """
    with ExitStack() as stack:

        def make(*, trainer: bool = False, **given: str) -> Service:
            home = tmp_path_factory.mktemp("home")
            if not trainer:
                lock = WorkerLock(home).take()
                assert lock is not None
                stack.callback(os.close, lock)
            service = start(home, free_port(), **{"STOCKS_TRAINING__ON_START": "false"} | given)
            stack.callback(service.end)
            return service

        yield make
