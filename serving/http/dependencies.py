"""The parts that endpoints get, by FastAPI's dependencies."""

from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.routing import APIRoute

from configuration import Settings
from serving.container import Container
from serving.contract.validation import check_json_body, check_parameters
from serving.http.middleware.plain_requests import INFERENCE_TYPES


async def _container(request: Request) -> Container:
    container: Container = request.app.state.container()
    return container


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def known_parameters(request: Request) -> None:
    """Raise 422 for a query parameter that the route does not have.

    Raises:
        Problem: 422, naming it.
    """
    route = request.scope["route"]
    known = [parameter.alias for parameter in route.dependant.query_params] if isinstance(route, APIRoute) else []
    check_parameters(request.query_params.multi_items(), known)


async def json_body(request: Request) -> bytes:
    """Return the body of a request that must have one, and in JSON.

    Raises:
        Problem: 415 or 422.
    """
    check_json_body(dict(request.scope["headers"]), example='{"inputs": [...]}', accepted=INFERENCE_TYPES)
    return await request.body()


Parts = Annotated[Container, Depends(_container)]
Configured = Annotated[Settings, Depends(_settings)]
JsonBody = Annotated[bytes, Depends(json_body)]
Horizon = Annotated[int, Query(description="Sessions ahead, one of the configured horizons.")]
