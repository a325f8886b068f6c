"""The HTTP surface beside BentoML's own: it translates, the predictor and the status decide."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import JSONResponse

from configuration import Settings
from serving.answers import (
    Health,
    ModelStatus,
    Prediction,
    Predictions,
    Question,
    TickerInformation,
    WarmUpStatus,
)
from serving.problems import MEDIA_TYPE, Problem, unprocessable
from serving.stack import Stack

DISCLAIMER = "Forecasts are statistics about the past. They are no investment advice."
PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "Not one of the configured tickers", "content": {MEDIA_TYPE: {}}},
    422: {"description": "Not a ticker, or a horizon that is not configured", "content": {MEDIA_TYPE: {}}},
    503: {"description": "No price from anywhere", "content": {MEDIA_TYPE: {}}},
}

Horizon = Annotated[int, Query(description="Sessions ahead.")]


def make_app(settings: Settings, stack: Callable[[], Stack]) -> FastAPI:
    """The application that is mounted beside the native API.

    Args:
        stack: gives the parts of the running service; called once it runs.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with stack().running():
            yield

    app = FastAPI(
        title="Stock prediction",
        description=DISCLAIMER,
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(_predictions(stack))
    app.include_router(_documentation(app))
    app.include_router(_service(settings, stack))
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    return app


def _predictions(stack: Callable[[], Stack]) -> APIRouter:
    router = APIRouter(tags=["predictions"])

    @router.get("/predict/{ticker}", responses=PROBLEMS)
    async def predict(ticker: str, response: Response, horizon: Horizon = 1) -> Prediction:
        """Where the price closes `horizon` sessions ahead, and how sure that is."""
        response.headers["X-Cache"] = "miss"
        return await stack().predictor.predict(ticker, horizon)

    # BentoML answers this path itself, before any route here, with the same predictor; here it is documented.
    @router.post("/predict", responses=PROBLEMS)
    async def predict_many(question: Question) -> Predictions:
        """Predictions for several tickers; one that fails becomes a problem and spoils no other."""
        return await stack().predictor.predict_many(question.tickers, question.horizon)

    return router


def _documentation(app: FastAPI) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def docs() -> Response:
        """The page comes from BentoML's own copy, so that it works without the internet."""
        return get_swagger_ui_html(
            openapi_url=app.openapi_url or "",
            title=app.title,
            swagger_js_url="/static_content/swagger-ui-bundle.js",
            swagger_css_url="/static_content/swagger-ui.css",
            swagger_favicon_url="/static_content/favicon-light-32x32.png",
        )

    return router


def _service(settings: Settings, stack: Callable[[], Stack]) -> APIRouter:
    router = APIRouter(tags=["service"])

    @router.get("/model/status/{ticker}", responses=PROBLEMS)
    async def model_status(ticker: str, horizon: Horizon = 1) -> ModelStatus:
        """The model of a ticker, its scores, and whether it should be trained again."""
        return await stack().status.model(ticker, horizon)

    @router.get("/tickers")
    async def tickers() -> list[TickerInformation]:
        """Everything that can be asked for."""
        return [
            TickerInformation(
                ticker=ticker,
                horizons=list(settings.horizons),
                currency=settings.currency,
                exchange=settings.exchange,
            )
            for ticker in settings.tickers
        ]

    @router.get("/health")
    async def health() -> Health:
        """Healthy, or degraded with reasons; an answer with status 200 either way."""
        return await stack().status.health()

    @router.get("/warmup/status")
    async def warm_up_status() -> WarmUpStatus:
        """How far the warm-up after the start is."""
        return stack().status.warm_up_status()

    return router


async def _answer_problem(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, Problem):
        raise problem
    body = problem.body(request.url.path)
    return JSONResponse(body, int(problem.status), dict(problem.headers), media_type=MEDIA_TYPE)


async def _answer_invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    parts = (f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors())
    return await _answer_problem(request, unprocessable("; ".join(parts)))
