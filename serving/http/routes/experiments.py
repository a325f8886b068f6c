"""Experiments: what is tested beside the champions, and how it does."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from serving.contract.experiments import ExperimentAnswer, ExperimentDetails
from serving.contract.problems import not_found
from serving.experiments.desk import Action, ExperimentDesk
from serving.http.auth import check_permission
from serving.http.dependencies import Parts
from serving.http.routes.responses import problems

NO_SUCH = problems({404: "No such experiment"})
MOVE_PROBLEMS = NO_SUCH | problems(
    {
        401: "No key, or a wrong one",
        403: "Not from this machine, and no key is configured",
        409: "It has no challenger that could be promoted",
        422: "Not an action",
        503: "No worker is there to promote",
    }
)

router = APIRouter(prefix="/experiments", tags=["models"])

Name = Annotated[str, Path(description="As configured in `serving.experiments`.")]


async def _desk(container: Parts) -> ExperimentDesk:
    if container.experiment_desk is None:
        raise not_found("There is no such experiment; `serving.experiments` is empty.")
    return container.experiment_desk


Desk = Annotated[ExperimentDesk, Depends(_desk)]


@router.get("")
async def experiments(container: Parts) -> list[ExperimentAnswer]:
    """The configured experiments, and where they stand."""
    return container.experiment_desk.all() if container.experiment_desk else []


@router.get("/{name}", responses=NO_SUCH)
async def experiment(name: Name, desk: Desk) -> ExperimentDetails:
    """One experiment: its challengers, and which arm forecasts better as far as that is known."""
    return await desk.of(name)


@router.post("/{name}/{action}", responses=MOVE_PROBLEMS, dependencies=[Depends(check_permission)])
async def move(name: Name, action: Action, desk: Desk) -> ExperimentDetails:
    """Start an experiment that was stopped, with new evidence; stop it; or promote its challengers, which ends it.

    Once it is stopped the champions answer everywhere within a second.
    """
    return await desk.move(name, action)
