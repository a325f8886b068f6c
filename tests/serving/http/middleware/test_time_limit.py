import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from configuration import Settings
from serving.http.middleware.envelope import Envelope
from serving.http.middleware.time_limit import TimeLimit
from serving.telemetry import metrics
from serving.telemetry.batches import write_all

SECONDS = 0.2


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
def client(settings: Settings) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Envelope(TimeLimit(APP, SECONDS), settings))
    return httpx.AsyncClient(transport=transport, base_url="http://service")


async def test_an_answer_passes(client: httpx.AsyncClient) -> None:
    assert (await client.get("/quick")).text == "quick"


async def test_no_answer_in_time_is_a_problem_that_says_so_and_counts_as_504(client: httpx.AsyncClient) -> None:
    counted = metrics.REQUESTS.labels("GET", "/never", "504")
    write_all()
    before = counted._sum.get()  # noqa: SLF001  # the library has no public way

    answer = await client.get("/never")

    assert answer.status_code == 504
    assert answer.json()["detail"] == "no answer within 0.2 s; ask again"
    assert answer.json()["instance"] == "/never"
    write_all()
    assert counted._sum.get() >= before + SECONDS  # noqa: SLF001


async def test_an_answer_that_has_begun_may_take_its_time(client: httpx.AsyncClient) -> None:
    assert (await client.get("/slowly")).text == "begun, finished"


async def test_a_time_out_of_the_application_is_its_own_affair(client: httpx.AsyncClient) -> None:
    assert (await client.get("/own")).status_code == 500
