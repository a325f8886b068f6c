from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from configuration import Settings
from serving.monitoring.warm_up import WarmUp

MakeWarmUp = Callable[[], WarmUp]


@pytest.fixture
def make_warm_up(settings: Settings, parts: Any) -> MakeWarmUp:
    return lambda: WarmUp(settings, parts.champions, parts.predictor)


async def test_the_warm_up_loads_every_model_and_asks_every_ticker_once(
    make_warm_up: MakeWarmUp, parts: Any, publish: Any
) -> None:
    publish("AAPL")
    warm_up = make_warm_up()
    assert warm_up.status().started_at is None

    await warm_up.run()

    told = warm_up.status()
    assert told.models_loaded == 1
    assert told.errors == []
    assert told.duration_seconds is not None
    assert all(parts.predictor.in_memory(ticker, 1) for ticker in ("AAPL", "MSFT", "TSLA"))


@pytest.mark.parametrize("real", [True, False])
async def test_the_log_says_when_prices_are_invented(
    make_warm_up: MakeWarmUp,
    parts: Any,
    make_bars: Any,
    real: bool,  # noqa: FBT001
) -> None:
    if real:
        parts.market.bars = {ticker: make_bars(ticker, "files") for ticker in parts.market.bars}

    with capture_logs() as lines:
        await make_warm_up().run()

    assert [line["log_level"] for line in lines if line["event"] == "prices.simulated"] == ["warning"] * (not real)


async def test_a_ticker_without_prices_is_an_error_of_the_warm_up_and_stops_nothing(
    make_warm_up: MakeWarmUp, parts: Any
) -> None:
    del parts.market.bars["MSFT"]
    warm_up = make_warm_up()

    await warm_up.run()

    assert [error.split(":")[0] for error in warm_up.status().errors] == ["MSFT"]
    assert parts.predictor.in_memory("TSLA", 1) is not None


async def test_a_bug_in_one_tickers_warm_up_stops_nothing(make_warm_up: MakeWarmUp, parts: Any) -> None:
    parts.market.broken = RuntimeError("a bug")
    warm_up = make_warm_up()

    await warm_up.run()

    assert warm_up.status().errors == [f"{ticker}: RuntimeError: a bug" for ticker in ("AAPL", "MSFT", "TSLA")]


async def test_models_trained_since_the_start_are_counted(make_warm_up: MakeWarmUp, parts: Any, publish: Any) -> None:
    publish("AAPL")
    warm_up = make_warm_up()
    await warm_up.run()
    publish("MSFT", trained_at=datetime.now(UTC) + timedelta(seconds=1))
    await parts.champions.look()

    assert warm_up.status().models_trained == 1
