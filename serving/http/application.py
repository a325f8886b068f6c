"""The HTTP surface beside BentoML's own."""

from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from itertools import groupby

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match

from configuration import Settings
from serving import VERSION
from serving.container import Container
from serving.contract.problems import Problem, not_found, translate, unprocessable
from serving.http.api_keys import ApiKeys
from serving.http.dependencies import known_parameters
from serving.http.openapi import describe
from serving.http.prediction import problem_response
from serving.http.routes import details, documentation, events, experiments, inference, models, monitoring, predictions
from serving.page import routes as page

ROOMS = (predictions, details, inference, models, experiments, monitoring, events, documentation, page)
DISCLAIMER = "Forecasts are statistics about the past. They are no investment advice."


def make_application(settings: Settings, container: Callable[[], Container]) -> FastAPI:
    """Make the application that answers what BentoML does not.

    Args:
        container: gives the parts of the running service; called once requests come in.
    """
    application = FastAPI(
        title="Stock prediction",
        description=DISCLAIMER,
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(known_parameters)],
        exception_handlers={
            Problem: _answer_problem,
            RequestValidationError: _answer_invalid,
            HTTPException: _answer_refused,
        },
    )
    application.state.container = container
    application.state.settings = settings
    application.state.api_keys = ApiKeys(settings.security)
    for room in ROOMS:
        application.include_router(room.router)
    application.openapi = cache(lambda: describe(application, settings))  # type: ignore[method-assign]  # FastAPI's way
    return application


async def _answer_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return problem_response(error, request.url.path)


async def _answer_invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    # Of positions with an amount the kind stands in the path too, and has its name.
    parts = (f"{'.'.join(str(part) for part, _ in groupby(one['loc']))}: {one['msg']}" for one in error.errors())
    return await _answer_problem(request, unprocessable("; ".join(parts)))


async def _answer_refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTPStatus.NOT_FOUND:
        return await _answer_problem(
            request, not_found("there is nothing at this address; GET /docs lists what there is")
        )
    headers = [(name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items()]
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = [(b"allow", ", ".join(sorted(_allowed(request))).encode())]
    return await _answer_problem(request, translate(error.status_code, headers, str(error.detail).encode()))


def _allowed(request: Request) -> set[str]:
    """The methods of all routes at this address, of which the framework names those of the first alone."""
    routes = [route for room in ROOMS for route in room.router.routes if isinstance(route, APIRoute)]
    fitting = [route.methods for route in routes if route.matches(request.scope)[0] != Match.NONE]
    found = {method for methods in fitting for method in methods or ()}
    return found | ({"HEAD"} if "GET" in found else set())
