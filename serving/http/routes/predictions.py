"""Predictions."""

from fastapi import APIRouter, Request, Response

from serving.contract.schemas import Prediction
from serving.http import prediction
from serving.http.dependencies import Horizon, Parts
from serving.http.routes.responses import PREDICTION_PROBLEMS
from serving.telemetry import metrics

router = APIRouter(tags=["predictions"])


# The dispatcher calls the same function for plain requests, without FastAPI.
@router.get(metrics.PREDICT, responses=PREDICTION_PROBLEMS, response_model=Prediction)
async def predict(ticker: str, request: Request, container: Parts, horizon: Horizon = 1) -> Response:
    """Where the price closes `horizon` sessions ahead, and how sure that is.

    `Cache-Control: no-cache` has features and model computed for this request alone.
    """
    return await prediction.predict(container.predictor, ticker, horizon, request.scope["headers"])
