"""Predictions."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from serving.contract.predictions import Prediction
from serving.contract.validation import PROBABILITIES, Asked, Day
from serving.http import prediction
from serving.http.dependencies import Horizon, Parts
from serving.http.routes.responses import PREDICTION_PROBLEMS
from serving.telemetry import metrics

HIGHEST_PRICE = 1e9

router = APIRouter(tags=["predictions"])


# The dispatcher calls the same function for plain requests, without FastAPI.
@router.get(metrics.PREDICT, responses=PREDICTION_PROBLEMS, response_model=Prediction)
async def predict(
    ticker: str,
    request: Request,
    container: Parts,
    *,
    horizon: Horizon = 1,
    quantiles: Annotated[
        str | None,
        Query(
            json_schema_extra={"pattern": PROBABILITIES},
            description="Probabilities, comma separated, at most 20: the prices that the close stays below with each.",
            examples=["0.05,0.5,0.95"],
        ),
    ] = None,
    above: Annotated[
        float | None,
        Query(gt=0, le=HIGHEST_PRICE, description="A price: the probability that the close is above it."),
    ] = None,
    as_of: Annotated[
        Day | None,
        Query(description="A day of the past, UTC: what would have been said at its end.", examples=["2023-06-30"]),
    ] = None,
) -> Response:
    """Where the price closes `horizon` sessions ahead, and how sure that is.

    `Cache-Control: no-cache` has features and model computed for this request alone.
    """
    asked = Asked.of(quantiles, above)
    if as_of is not None:
        return prediction.served_response(await container.past.answer(ticker, horizon, as_of, asked))
    return await prediction.predict(container.predictor, ticker, horizon, request.scope["headers"], asked)
