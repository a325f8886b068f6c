import json
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from configuration import Settings
from serving.contract.problems import MEDIA_TYPE, Problem
from serving.http.middleware.envelope import Envelope
from serving.telemetry.timing import stage


async def fine(_request: Request) -> Response:
    with stage("work"):
        return PlainTextResponse("fine")


async def foreign(request: Request) -> Response:
    """An error as BentoML or Starlette writes it."""
    bodies: dict[str, Any] = {
        "array": [{"loc": ["tickers", 0], "msg": "too short"}, {"msg": "missing"}, "and more"],
        "error": {"error": "something broke"},
        "detail": {"detail": "no such thing"},
        "string": "overloaded",
    }
    status = int(request.path_params["status"])
    body = bodies[request.query_params.get("body", "error")]
    return JSONResponse(body, status, {"allow": "GET", "x-inner": "1"})


async def plain(_request: Request) -> Response:
    return PlainTextResponse("Method Not Allowed", 405, {"allow": "POST"})


async def ours(_request: Request) -> Response:
    problem = Problem(HTTPStatus.NOT_FOUND, "not here")
    return Response(problem.render("/ours"), 404, media_type=MEDIA_TYPE)


async def broken(_request: Request) -> Response:
    raise RuntimeError("a secret detail")


async def breaks_late(_request: Request) -> Response:
    async def body() -> Any:
        yield b"half an answer"
        raise RuntimeError("too late for a problem")

    return StreamingResponse(body())


APP = Starlette(
    routes=[
        Route("/fine", fine),
        Route("/foreign/{status}", foreign),
        Route("/plain", plain),
        Route("/ours", ours),
        Route("/broken", broken),
        Route("/late", breaks_late),
    ]
)


Get = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def get(settings: Settings) -> Get:
    envelope = Envelope(APP, settings)

    async def ask(path: str, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(envelope)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path, headers=headers)

    return ask


async def test_every_answer_says_how_long_it_took(get: Get) -> None:
    for path in ("/fine", "/plain", "/nowhere", "/broken", "/ours"):
        answer = await get(path)

        assert re.fullmatch(r"\d+\.\d{3}", answer.headers["x-response-time"]), path
        assert re.search(r"\btotal;dur=\d", answer.headers["server-timing"]), path


async def test_server_timing_names_the_steps(get: Get) -> None:
    assert "work;dur=" in (await get("/fine")).headers["server-timing"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("array", "tickers.0: too short; missing; and more"),
        ("error", "something broke"),
        ("detail", "no such thing"),
        ("string", "overloaded"),
    ],
)
async def test_errors_of_others_become_problem_details(get: Get, body: str, detail: str) -> None:
    answer = await get(f"/foreign/500?body={body}")

    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": detail,
        "instance": "/foreign/500",
    }


async def test_validation_that_bentoml_answers_with_400_is_422(get: Get) -> None:
    answer = await get("/foreign/400?body=array")

    assert answer.status_code == answer.json()["status"] == 422


@pytest.mark.parametrize("status", [429, 503])
async def test_overload_says_when_to_come_back(get: Get, status: int) -> None:
    assert int((await get(f"/foreign/{status}")).headers["retry-after"]) > 0


async def test_a_wrong_method_keeps_the_allowed_ones(get: Get) -> None:
    answer = await get("/plain")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["detail"] == "Method Not Allowed"


async def test_a_problem_of_ours_passes_unchanged(get: Get) -> None:
    assert (await get("/ours")).json()["detail"] == "not here"


async def test_an_exception_becomes_a_500_that_gives_nothing_away(get: Get) -> None:
    answer = await get("/broken")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "secret" not in json.dumps(answer.json())


async def test_an_answer_that_breaks_half_way_is_cut_off(get: Get) -> None:
    with pytest.raises(RuntimeError, match="too late"):
        await get("/late")


async def test_what_is_not_http_passes_through(settings: Settings) -> None:
    seen = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    await Envelope(app, settings)({"type": "lifespan"}, nothing, nothing)

    assert seen == ["lifespan"]
