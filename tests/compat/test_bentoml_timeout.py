import asyncio
import gc
from typing import Any

import httpx
import pytest
from bentoml._internal.server.http import traffic
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from compat.bentoml_timeout import TimeLimit, install, time_limit
from serving.contract.problems import MEDIA_TYPE, too_late

SECONDS = 0.2
LIMIT = time_limit(too_late)


async def quick(_request: Request) -> Response:
    return PlainTextResponse("quick")


async def never(_request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


async def slowly(_request: Request) -> Response:
    async def body() -> Any:
        yield b"begun, "
        await asyncio.sleep(2 * SECONDS)
        yield b"finished"

    return StreamingResponse(body())


async def own(_request: Request) -> Response:
    raise TimeoutError("of something inside")


APP = Starlette(routes=[Route(f"/{route.__name__}", route) for route in (quick, never, slowly, own)])


@pytest.fixture
def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(LIMIT(APP, SECONDS)), base_url="http://service")


async def test_an_answer_passes(client: httpx.AsyncClient) -> None:
    assert (await client.get("/quick")).text == "quick"


async def test_no_answer_in_time_is_a_problem_that_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.get("/never")
    assert answer.status_code == 504
    assert answer.headers["content-type"] == MEDIA_TYPE, too_late
    assert answer.json()["detail"] == "no answer within 0.2 s; ask again"
    assert answer.json()["instance"] == "/never"


async def test_an_answer_that_has_begun_may_take_its_time(client: httpx.AsyncClient) -> None:
    assert (await client.get("/slowly")).text == "begun, finished"


async def test_a_time_out_of_the_application_is_its_own_affair(client: httpx.AsyncClient) -> None:
    with pytest.raises(TimeoutError, match="of something inside"):
        await client.get("/own")


async def test_nothing_is_kept_of_a_request_that_was_answered() -> None:
    client = httpx.AsyncClient(transport=httpx.ASGITransport(LIMIT(APP, 60.0)), base_url="http://service")
    await client.get("/quick")
    before = timers()
    for _ in range(50):
        await client.get("/quick")
    assert timers() <= before


def timers() -> int:
    """Timers of this loop that somebody still holds and that would do something."""
    gc.collect()
    return sum(isinstance(thing, asyncio.TimerHandle) and not thing.cancelled() for thing in gc.get_objects())


async def test_other_than_requests_are_passed_on() -> None:
    passed = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        passed.append(scope["type"])

    await LIMIT(app, SECONDS)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # neither is used
    assert passed == ["lifespan"]


def test_bentoml_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "TimeoutMiddleware", traffic.TimeoutMiddleware)
    install(too_late)
    from bentoml._internal.server.base_app import BaseAppFactory  # noqa: PLC0415

    class Factory(BaseAppFactory):
        name = "any"

    (used,) = Factory(timeout=SECONDS).middlewares
    assert isinstance(used.cls, type)
    assert issubclass(used.cls, TimeLimit)


def test_a_release_without_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(traffic, "TimeoutMiddleware")
    with pytest.raises(RuntimeError, match=r"compat/bentoml_timeout\.py replaces it"):
        install(too_late)
