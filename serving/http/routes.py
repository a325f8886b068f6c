"""The HTTP surface beside BentoML's own: it translates, other parts decide."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute

from configuration import Settings
from serving.container import Container
from serving.contract.problems import MEDIA_TYPE, Problem, unprocessable
from serving.contract.schemas import (
    Health,
    ModelStatus,
    PerformanceMetrics,
    PerformanceSummary,
    Prediction,
    Predictions,
    Question,
    Retrained,
    TickerInformation,
    WarmUpStatus,
)
from serving.http.auth import guard
from serving.http.fast_path import bypasses_cache
from serving.models.open_inference import SERVER
from serving.telemetry import metrics

DISCLAIMER = "Forecasts are statistics about the past. They are no investment advice."
PROBLEM: dict[str, Any] = {MEDIA_TYPE: {"schema": {"type": "object"}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "Not one of the configured tickers", "content": PROBLEM},
    422: {"description": "Not a ticker, or a horizon that is not configured", "content": PROBLEM},
    503: {"description": "No price from anywhere", "content": PROBLEM},
}
REFUSALS: dict[int | str, dict[str, Any]] = PROBLEMS | {
    401: {"description": "No key, or a wrong one", "content": PROBLEM},
    403: {"description": "Not from this machine, and no key is configured", "content": PROBLEM},
    503: {"description": "Nobody is there to train", "content": PROBLEM},
}

Horizon = Annotated[int, Query(description="Sessions ahead.")]
Parts = Callable[[], Container]


def make_app(settings: Settings, stack: Parts) -> FastAPI:
    """The application that is mounted beside the native API.

    Args:
        stack: gives the parts of the running service; called once it runs.
    """
    app = FastAPI(
        title="Stock prediction",
        description=DISCLAIMER,
        version="0.1.0",
        docs_url=None,
        redoc_url=None,
    )
    for router in (_predictions(stack), _inference(stack), _models(settings, stack)):
        app.include_router(router, dependencies=[Depends(_check_parameters)])
    # Load balancers and scrapers add parameters of their own.
    app.include_router(_service(settings, stack))
    app.include_router(_documentation(app))
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    return app


def _check_parameters(request: Request) -> None:
    """Nothing when the route knows every parameter behind the question mark.

    Raises:
        Problem: 422 for one that it would ignore, which may be a misspelt one.
    """
    route = request.scope["route"]
    known = [parameter.alias for parameter in route.dependant.query_params] if isinstance(route, APIRoute) else []
    for name in request.query_params:
        if name not in known:
            which = f"those are {', '.join(known)}" if known else "there are none"
            raise unprocessable(f"{name[:40]!r} is no parameter of this address; {which}")


def _predictions(stack: Parts) -> APIRouter:
    router = APIRouter(tags=["predictions"])

    # `serving.http.fast_path` answers plain requests before they get here, in the same way.
    @router.get(metrics.PREDICT, responses=PROBLEMS, response_model=Prediction)
    async def predict(ticker: str, request: Request, horizon: Horizon = 1) -> Response:
        """Where the price closes `horizon` sessions ahead, and how sure that is.

        `Cache-Control: no-cache` has features and model computed for this request alone.
        """
        fresh = bypasses_cache(request.scope["headers"])
        predictor = stack().predictor
        found = await predictor.answer(ticker, horizon, fresh=fresh)
        predictor.served(found.answer, "bypass" if fresh else found.layer)
        return Response(found.answer.body, media_type="application/json", headers={"X-Cache": found.layer})

    # BentoML answers this path itself, before any route here, with the same predictor; here it is documented.
    @router.post("/predict", responses=PROBLEMS)
    async def predict_many(question: Question) -> Predictions:
        """Predictions for several tickers; one that fails becomes a problem and spoils no other."""
        return await stack().predictor.predict_many(question.tickers, question.horizon)

    return router


def _inference(stack: Parts) -> APIRouter:
    router = APIRouter(prefix="/v2", tags=["open inference protocol"])
    model, version = "/models/{name}", "/models/{name}/versions/{version}"

    @router.post(f"{model}/infer", responses=PROBLEMS)
    @router.post(f"{version}/infer", responses=PROBLEMS)
    async def infer(name: str, request: Request, version: str | None = None) -> Response:
        """Rows of inputs through a forest, as MLServer and Triton answer it."""
        body = await stack().inference.infer(name, await request.body(), version)
        return Response(body, media_type="application/json")

    @router.get(f"{model}/ready", responses=PROBLEMS)
    @router.get(f"{version}/ready", responses=PROBLEMS)
    async def ready(name: str, version: str | None = None) -> Response:
        """Whether the forest answers."""
        stack().inference.ready(name, version)
        return JSONResponse({"name": name, "ready": True})

    @router.get(model, responses=PROBLEMS)
    @router.get(version, responses=PROBLEMS)
    async def metadata(name: str, version: str | None = None) -> Response:
        """What goes in and what comes out."""
        return JSONResponse(stack().inference.metadata(name, version))

    @router.post("/repository/index")
    async def index(request: Request) -> Response:
        """Every model, ready or not; with `{"ready": true}` those that are."""
        return JSONResponse(stack().inference.index(await request.body()))

    @router.get("")
    async def server() -> Response:
        """What this server is."""
        return JSONResponse(SERVER)

    @router.get("/health/live")
    @router.get("/health/ready")
    async def live() -> Response:
        """Whether it answers at all: so it does."""
        return JSONResponse({"live": True, "ready": True})

    return router


def _models(settings: Settings, stack: Parts) -> APIRouter:
    router = APIRouter(prefix="/model", tags=["models"])

    @router.get("/status/{ticker}", responses=PROBLEMS)
    async def model_status(ticker: str, horizon: Horizon = 1) -> ModelStatus:
        """The model of a ticker, its scores, and whether it should be trained again."""
        return await stack().status.model(ticker, horizon)

    @router.post("/retrain/{ticker}", status_code=202, responses=REFUSALS, dependencies=[Depends(guard(settings))])
    async def retrain(
        ticker: str, response: Response, horizon: Annotated[int | None, Query(description="All without it.")] = None
    ) -> Retrained:
        """Queue a training on the newest bars; one at a time for each ticker."""
        queued = await stack().retraining.ask(ticker, horizon)
        response.headers["Location"] = f"/model/retrain/{queued.job_id}"
        return queued

    @router.get("/retrain/{job_id}", responses=PROBLEMS)
    async def retrained(job_id: str) -> Retrained:
        """What became of a training."""
        return await stack().retraining.outcome(job_id)

    return router


def _service(settings: Settings, stack: Parts) -> APIRouter:
    router = APIRouter(tags=["service"])

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

    @router.get("/performance/metrics")
    async def performance_metrics() -> PerformanceMetrics:
        """The last quarter of an hour in figures, over all workers."""
        return await stack().figures.metrics()

    @router.get("/performance/summary")
    async def performance_summary() -> PerformanceSummary:
        """The figures that matter most, and a word for them."""
        return await stack().figures.summary()

    @router.get("/metrics", response_class=Response)
    async def prometheus() -> Response:
        """For Prometheus, over all workers."""
        return Response(await asyncio.to_thread(stack().exposition), media_type=metrics.MEDIA_TYPE)

    return router


def _documentation(app: FastAPI) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index() -> Response:
        """In place of BentoML's own page, which reports to a third party."""
        return RedirectResponse("/docs")

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
