"""What happens in the service, and predictions as they change, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Header, Query, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from compat.direct_writes import direct_writes
from serving.contract.validation import check_count, check_horizon, check_ticker
from serving.events.board import Event, EventBoard, Subscription
from serving.events.places import DROPPED, Stream
from serving.events.prediction_streams import Listener, PredictionStreams
from serving.http.dependencies import Configured, Horizon, Parts
from serving.http.routes.responses import NOT_SERVED, problems

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
    return event_source("events", _stream(container.events, subscription, closing), closing)


@router.get(
    "/stream/predictions",
    tags=["predictions"],
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Predictions without end",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems({404: NOT_SERVED, 422: "No tickers, or a horizon that is not configured"}),
        **problems({429: "Too many clients listen already"}),
    },
)
async def stream_predictions(
    request: Request,
    container: Parts,
    settings: Configured,
    *,
    tickers: Annotated[str | None, Query(description="Comma separated, all where it is left out.")] = None,
    horizon: Horizon = 1,
    last_event_id: Annotated[str, Header(description="Of the last event of an earlier connection.")] = "",
) -> Response:
    """Predictions as they change, as server-sent events: the newest at once, then each that takes its place.

    `prediction` has the answer of GET /predict/{ticker} as data, `problem` has `ticker`, `status`, `title` and `detail`
    where there is none. While a provider streams prices, a prediction is computed anew at most once a second, else
    when its quote is. A slow client gets the newest alone; one that takes nothing for ten seconds is cut off. A client
    that connects again with `Last-Event-ID` gets what it has not seen.
    """
    asked = settings.tickers if tickers is None else tickers.split(",")
    check_count(asked, settings)
    check_horizon(horizon, settings)
    keys = [(check_ticker(ticker, settings), horizon) for ticker in asked]
    if "is_head" in request.scope:
        return Response(media_type="text/event-stream")
    streams, closing = container.prediction_streams, anyio.Event()
    listener = streams.subscribe(keys, last_event_id, direct_writes(request.scope))
    return event_source("predictions", _predictions(streams, listener, closing), closing)


class _EventSource(EventSourceResponse):
    """Events that also counts a client that it cuts off."""

    def __init__(self, stream: Stream, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            DROPPED[self._stream].count += 1
            raise


def event_source(
    stream: Stream, content: AsyncIterator[ServerSentEvent | bytes], closing: anyio.Event
) -> EventSourceResponse:
    """An answer of `content` with heartbeats, which cuts slow clients off, and ends soon after the server does."""
    return _EventSource(
        stream,
        content,
        ping=HEARTBEAT_SECONDS,
        send_timeout=SLOWEST_CLIENT_SECONDS,
        shutdown_event=closing,
        shutdown_grace_period=LAST_WORDS_SECONDS,
    )


async def _predictions(
    streams: PredictionStreams, listener: Listener, closing: anyio.Event
) -> AsyncIterator[ServerSentEvent | bytes]:
    """Every event of the listener until the server closes."""
    closed = asyncio.create_task(closing.wait())
    closed.add_done_callback(lambda _: listener.end())
    try:
        yield ServerSentEvent(event="hello", data="{}", retry=RECONNECT_AFTER_MILLISECONDS)
        while events := await listener.take():
            yield events
    finally:
        closed.cancel()
        streams.unsubscribe(listener)


async def _stream(
    board: EventBoard, subscription: Subscription, closing: anyio.Event
) -> AsyncIterator[ServerSentEvent | bytes]:
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
