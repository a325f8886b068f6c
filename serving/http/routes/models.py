"""Models: their state, and their training."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from serving.contract.schemas import ModelStatus, Retrained
from serving.http.auth import check_permission
from serving.http.dependencies import Horizon, Parts
from serving.http.routes.responses import NOT_SERVED, problems

STATUS_PROBLEMS = problems({404: NOT_SERVED, 422: "Not a ticker, or a horizon that is not configured"})
RETRAIN_PROBLEMS = STATUS_PROBLEMS | problems(
    {
        401: "No key, or a wrong one",
        403: "Not from this machine, and no key is configured",
        503: "No worker is there to train",
    }
)
JOB_PROBLEMS = problems({404: "No such job", 503: "The list of trainings cannot be read now"})

router = APIRouter(prefix="/model", tags=["models"])


@router.get("/status/{ticker}", responses=STATUS_PROBLEMS)
async def model_status(ticker: str, container: Parts, horizon: Horizon = 1) -> ModelStatus:
    """The model of a ticker, its scores, and whether it should be trained again."""
    return await container.model_statuses.of(ticker, horizon)


@router.post("/retrain/{ticker}", status_code=202, responses=RETRAIN_PROBLEMS, dependencies=[Depends(check_permission)])
async def retrain(
    ticker: str,
    container: Parts,
    response: Response,
    horizon: Annotated[int | None, Query(description="Sessions ahead; all horizons without it.")] = None,
) -> Retrained:
    """Queue a training on the newest bars; one at a time for each ticker."""
    queued = await container.retraining.ask(ticker, horizon)
    response.headers["Location"] = f"/model/retrain/{queued.job_id}"
    return queued


@router.get("/retrain/{job_id}", responses=JOB_PROBLEMS)
async def retrained(job_id: str, container: Parts) -> Retrained:
    """What became of a training."""
    return await container.retraining.outcome(job_id)
