"""The service that one would write without this project: FastAPI, uvicorn, a memory cache, pandas, ta, scikit-learn.

Written as FastAPI's own documentation teaches it, and with care, so that the comparison means something: models and
bars are loaded once, answers are declared as a response model and cached for a minute, a middleware adds the time they
took, CPU work leaves the event loop, uvloop and httptools serve, the access log is off.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import ta
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel

import configuration
from market.bars import COLUMNS
from market.market import Market

MEMORY_TTL = 60.0
WINDOW = 250


class Outlook(BaseModel):
    """Where the price is going."""

    price_target: float
    change_percent: float
    direction: str
    horizon: int


class Answer(BaseModel):
    """What a client gets."""

    ticker: str
    current_price: float
    prediction: Outlook
    timestamp: float


RESULTS: dict[str, tuple[float, Answer]] = {}
FRAMES: dict[str, pd.DataFrame] = {}
MODELS: dict[str, Any] = {}


def inputs(frame: pd.DataFrame) -> pd.DataFrame:
    """The last row of the indicators that `ta` and pandas have; as many columns as the models want."""
    close, high, low, volume = frame["close"], frame["high"], frame["low"], frame["volume"]
    change = close.pct_change()
    columns = {
        "change_1": change,
        "change_5": close.pct_change(5),
        "sma_5": close / ta.trend.sma_indicator(close, 5),
        "sma_20": close / ta.trend.sma_indicator(close, 20),
        "ema_12": close / ta.trend.ema_indicator(close, 12),
        "rsi": ta.momentum.rsi(close),
        "macd": ta.trend.macd_diff(close),
        "atr": ta.volatility.average_true_range(high, low, close) / close,
        "bollinger": ta.volatility.bollinger_wband(close),
        "volume": volume / volume.rolling(20).mean(),
        "volatility": change.rolling(20).std(),
        "range": (high - low) / close,
    }
    return pd.DataFrame(columns).iloc[[-1]].astype(np.float32)


def predict(ticker: str) -> Answer:
    """The answer for one ticker."""
    frame, model = FRAMES[ticker], MODELS[ticker]
    row = inputs(frame).to_numpy()
    outputs = model.predict(np.resize(row, (1, model.n_features_in_)))[0]
    price = float(frame["close"].iloc[-1])
    change = float(outputs[0]) / 100
    outlook = Outlook(
        price_target=price * (1 + change),
        change_percent=100 * change,
        direction="bullish" if change >= 0 else "bearish",
        horizon=1,
    )
    return Answer(ticker=ticker, current_price=price, prediction=outlook, timestamp=time.time())


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Load everything before the first request."""
    configuration.anchor()
    settings = configuration.load()
    mlflow.set_tracking_uri(settings.tracking_uri)
    market = Market.open(settings)
    for ticker in settings.tickers:
        bars = (await market.history(ticker)).bars[-WINDOW:]
        FRAMES[ticker] = pd.DataFrame({name: getattr(bars, name) for name in COLUMNS}, index=bars.session)
        versions = mlflow.MlflowClient().search_model_versions(f"name='forest-{ticker}-1'")
        newest = max(versions, key=lambda version: int(version.version))
        MODELS[ticker] = mlflow.sklearn.load_model(f"models:/{newest.name}/{newest.version}")
    await market.close()
    yield


app = FastAPI(lifespan=lifespan)


@app.middleware("http")
async def add_time(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """How long it took, as a header."""
    started = time.perf_counter()
    response = await call_next(request)
    response.headers["X-Response-Time"] = f"{time.perf_counter() - started:.3f}"
    return response


@app.get("/predict/{ticker}")
async def predict_route(ticker: str, request: Request) -> Answer:
    """From the cache for a minute, else computed in a thread."""
    ticker = ticker.upper()
    if ticker not in MODELS:
        raise HTTPException(404)
    fresh = request.headers.get("cache-control") == "no-cache"
    known = RESULTS.get(ticker)
    if known is None or fresh or known[0] < time.monotonic():
        known = (time.monotonic() + MEMORY_TTL, await asyncio.to_thread(predict, ticker))
        RESULTS[ticker] = known
    return known[1]


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", access_log=False)
