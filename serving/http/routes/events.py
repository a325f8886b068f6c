"""`GET /events`: what happens in the service, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator

import anyio
from fastapi import APIRouter, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from serving.events.board import Event, EventBoard, Subscription
from serving.http.dependencies import Parts
from serving.http.routes.responses import problems

HEARTBEAT_SECONDS = 15
# A client that takes nothing for so long is cut off; its browser connects again by itself.
SLOWEST_CLIENT_SECONDS = 10.0
RECONNECT_AFTER_MILLISECONDS = 3000
# Within which a stream ends by itself when the server does.
LAST_WORDS_SECONDS = 2.0

router = APIRouter(tags=["service"])


@router.get(
    "/events",
    response_class=EventSourceResponse,
    responses={
        200: {"description": "Events without end", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **problems({429: "Too many clients follow already"}),
    },
)
async def events(request: Request, container: Parts) -> Response:
    """What happens, as server-sent events, each with JSON as data.

    `prediction` (the answer of GET /predict/{ticker}) when one was computed, `model` (ticker, horizon) when a model
    took over, `job` (the answer of GET /model/retrain/{job_id}) when a training moved on, `health` (the answer of
    GET /health) when it changed. A slow client gets the latest of each alone. What happened while no connection was
    open is not repeated: ask for the current state after connecting. With several workers, predictions are those of the
    worker that holds the connection.
    """
    if "is_head" in request.scope:
        return Response(media_type="text/event-stream")
    subscription, closing = container.events.subscribe(), anyio.Event()
    return EventSourceResponse(
        _stream(container.events, subscription, closing),
        ping=HEARTBEAT_SECONDS,
        send_timeout=SLOWEST_CLIENT_SECONDS,
        shutdown_event=closing,
        shutdown_grace_period=LAST_WORDS_SECONDS,
    )


async def _stream(
    board: EventBoard, subscription: Subscription, closing: anyio.Event
) -> AsyncIterator[ServerSentEvent]:
    """Every event of the subscription until the server closes."""
    closed = asyncio.create_task(closing.wait())
    try:
        yield ServerSentEvent(event="hello", data="{}", retry=RECONNECT_AFTER_MILLISECONDS)
        while (event := await _next(subscription, closed)) is not None:
            yield ServerSentEvent(event=event.name, data=event.data)
    finally:
        closed.cancel()
        board.unsubscribe(subscription)


async def _next(subscription: Subscription, closed: "asyncio.Task[None]") -> Event | None:
    arriving = asyncio.create_task(subscription.get())
    await asyncio.wait({arriving, closed}, return_when=asyncio.FIRST_COMPLETED)
    if arriving.done():
        return arriving.result()
    arriving.cancel()
    return None
