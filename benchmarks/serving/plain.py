"""The service that one would write without this project: FastAPI, uvicorn, a memory cache, pandas, ta, scikit-learn.

Written as FastAPI's own documentation teaches it, and with care, so that the comparison means something: models and
bars are loaded once, answers are declared as a response model and cached for a minute, a middleware adds the time they
took, CPU work leaves the event loop, uvloop and httptools serve, the access log is off. Its forecasts are ours: from
the same bars, inputs and trees, by pandas, `ta` and scikit-learn, with the same card.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pandas as pd
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel

import configuration
from benchmarks.serving.peers import fitted
from benchmarks.serving.plain_inputs import inputs_and_level
from features import WINDOW
from forecasting.card import ModelCard
from forecasting.model_store import default_roots, newest_folder, read_published_model
from market.bars import COLUMNS
from market.market import Market

MEMORY_TTL = 60.0


class PricePrediction(BaseModel):
    """Where the price is going."""

    price_target: float
    change_percent: float
    direction: str
    confidence: float
    lower: float
    upper: float
    horizon: int


class Answer(BaseModel):
    """What a client gets."""

    ticker: str
    current_price: float
    prediction: PricePrediction
    timestamp: float


RESULTS: dict[str, tuple[float, Answer]] = {}
FRAMES: dict[str, pd.DataFrame] = {}
MODELS: dict[str, Any] = {}
CARDS: dict[str, ModelCard] = {}


def predict(ticker: str) -> Answer:
    """The answer for one ticker."""
    frame, model, card = FRAMES[ticker], MODELS[ticker], CARDS[ticker]
    inputs, level = inputs_and_level(frame, horizon=1)
    row = inputs.iloc[[-1]].to_numpy()
    found = card.forecast(model.predict(row), row, float(level.iloc[-1]))
    price = float(frame["close"].iloc[-1])
    price_prediction = PricePrediction(
        price_target=price * (1 + found.median),
        change_percent=100 * found.median,
        direction="bullish" if found.median >= 0 else "bearish",
        confidence=max(found.probability_up, 1 - found.probability_up),
        lower=price * (1 + found.lower),
        upper=price * (1 + found.upper),
        horizon=1,
    )
    return Answer(ticker=ticker, current_price=price, prediction=price_prediction, timestamp=time.time())


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Load everything before the first request."""
    configuration.anchor()
    settings = configuration.load()
    market = Market.open(settings)
    for ticker in settings.tickers:
        bars = (await market.history(ticker)).bars[-WINDOW:]
        index = pd.DatetimeIndex(bars.session)
        FRAMES[ticker] = pd.DataFrame({name: getattr(bars, name) for name in COLUMNS}, index)
        folder = newest_folder(default_roots(settings), ticker, 1)
        if folder is None:
            raise RuntimeError(f"{ticker}: there is no model; train it first")
        CARDS[ticker] = read_published_model(folder).card
        MODELS[ticker] = (await asyncio.to_thread(fitted, ticker)).model
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
