"""What is known of one ticker beside its prediction, and what the page is configured with."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from forecasting.model_store import default_roots
from serving.contract.details import (
    BarsAnswer,
    NewsAnswer,
    OutcomesAnswer,
    PageSettings,
    ReportsAnswer,
    TrackRecordAnswer,
    VersionsAnswer,
    WidthAnswer,
)
from serving.contract.risk import RiskAnswer, RiskRequest
from serving.contract.schemas import Retrained
from serving.contract.validation import Day, check_json_body
from serving.details.bars import last_bars
from serving.details.coming_reports import coming_reports
from serving.details.news import escaped, recent_news
from serving.details.outcomes import past_forecasts, whole_record
from serving.details.risk import risk_of
from serving.details.versions import published_versions
from serving.details.width import explain_width
from serving.http.dependencies import Configured, Horizon, Parts
from serving.http.responses import json_response
from serving.http.routes.responses import NOT_SERVED, problems

MOST_SESSIONS = 2000
MOST_JOBS = 100
MOST_DAYS = 90
POSITIONS = '{"positions": [{"ticker": "AAPL", "quantity": 100}]}'

PROBLEMS = problems(
    {404: NOT_SERVED, 422: "Not a ticker, or a horizon that is not configured", 503: "No price from anywhere"}
)
RISK_PROBLEMS = problems(
    {
        413: "The body is larger than serving.max_body_bytes",
        415: "The body is not JSON",
        422: "Not a list of positions, or a horizon that is not configured",
    }
)
NEWS_PROBLEMS = problems({404: NOT_SERVED, 422: "Not a ticker, or not a number of days"})
BARS_PROBLEMS = PROBLEMS | problems({403: "`serving.raw_prices` is off"})

router = APIRouter()


@router.get("/bars/{ticker}", tags=["predictions"], responses=BARS_PROBLEMS)
async def bars(
    ticker: str,
    container: Parts,
    settings: Configured,
    sessions: Annotated[int, Query(ge=1, le=MOST_SESSIONS, description="How many, the last of them.")] = 250,
) -> BarsAnswer:
    """The last daily bars with report dates; 403 where `serving.raw_prices` is off."""
    return await last_bars(settings, container.market, ticker, sessions)


@router.get("/reports", tags=["predictions"], responses=problems({422: "Not a number of days"}))
async def reports(
    container: Parts,
    settings: Configured,
    days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="How many days ahead.")] = 14,
) -> ReportsAnswer:
    """The quarterly reports of the next two weeks, or of so many days."""
    return await asyncio.to_thread(coming_reports, settings, container.market, days)


@router.get("/news/{ticker}", tags=["predictions"], responses=NEWS_PROBLEMS, response_model=NewsAnswer)
async def news(
    ticker: str,
    container: Parts,
    settings: Configured,
    *,
    days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="How many days back.")] = 7,
    as_of: Annotated[Day | None, Query(description="A day, UTC, whose end is the end of the news.")] = None,
) -> Response:
    """What was written about the company: how much, about results or not, in which tone, and the newest articles.

    In the answer's JSON `<`, `>` and `&` are escaped, so that it can stand in a page. No model uses news.
    """
    answer = await recent_news(settings, container.market, ticker, days, as_of)
    return json_response(escaped(answer.model_dump_json().encode()))


@router.get("/interval/{ticker}", tags=["predictions"], responses=PROBLEMS)
async def interval(ticker: str, container: Parts, settings: Configured, horizon: Horizon = 1) -> WidthAnswer:
    """Why the interval is as wide as it is: the level of recent volatility, and what the model and a report add."""
    return await explain_width(
        settings, container.market, container.predictor, ticker, horizon, models=container.models
    )


async def positions_body(request: Request) -> None:
    """Check that there is a body, in JSON.

    Raises:
        Problem: 415 or 422.
    """
    check_json_body(dict(request.scope["headers"]), example=POSITIONS)


@router.post("/risk", tags=["predictions"], responses=RISK_PROBLEMS, dependencies=[Depends(positions_body)])
async def risk(body: RiskRequest, container: Parts, settings: Configured) -> RiskAnswer:
    """Value at risk and expected shortfall of a list of positions.

    Each ticker's return has the distribution of its prediction; together they fall as they fell in the last two years.
    """
    return await risk_of(settings, container.market, container.predictor, body)


@router.get("/track-record", tags=["models"])
async def whole_track_record(container: Parts, settings: Configured) -> TrackRecordAnswer:
    """How the served predictions did, over all tickers, with the hash that nothing before can be changed without."""
    return await whole_record(settings, container.market, container.track_record)


@router.get("/track-record/{ticker}", tags=["models"], responses=PROBLEMS)
async def track_record(ticker: str, container: Parts, settings: Configured, horizon: Horizon = 1) -> OutcomesAnswer:
    """Forecasts that were served, and what came."""
    return await past_forecasts(settings, container.market, container.track_record, ticker, horizon)


@router.get("/model/versions/{ticker}", tags=["models"], responses=PROBLEMS)
async def versions(ticker: str, container: Parts, settings: Configured, horizon: Horizon = 1) -> VersionsAnswer:
    """Published versions of a model with their scores, from the model store."""
    serving = container.champions.get(ticker.upper(), horizon)
    found = await asyncio.to_thread(published_versions, settings, default_roots(settings), serving, ticker, horizon)
    return found.model_copy(update={"answering_challenger": container.answering_challenger(found.ticker, horizon)})


@router.get("/model/retrain", tags=["models"], responses=problems({422: "Not a number of trainings"}))
async def trainings(
    container: Parts, limit: Annotated[int, Query(ge=1, le=MOST_JOBS, description="How many.")] = 20
) -> list[Retrained]:
    """The last trainings, the newest first; those that ended more than a week ago are forgotten."""
    return await asyncio.to_thread(container.retraining.recent, limit)


@router.get("/page/settings", tags=["service"])
async def page_settings(settings: Configured) -> PageSettings:
    """What the page is configured with."""
    return PageSettings.of(settings)
