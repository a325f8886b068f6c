"""The way of every request into an API worker: shortcuts, the envelope, then BentoML or the routes beside it."""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from configuration import Settings
from serving.container import Container
from serving.http.fast_path import CacheHitMiddleware, InferenceMiddleware, PredictionMiddleware
from serving.http.middleware import NATIVE, AnswerMiddleware

STATIC = "/static_content/"


def make_asgi(app: ASGIApp, settings: Settings, stack: Callable[[], Container]) -> ASGIApp:
    """What stands before BentoML's application.

    Args:
        app: BentoML's application.
        stack: gives the parts of the running service; called once requests come in.
    """

    def routes() -> ASGIApp:
        from serving.http.routes import make_app  # noqa: PLC0415  # in a thread: it takes as long as the rest together

        return make_app(settings, stack)

    rows = InferenceMiddleware(Beside(app, routes), lambda: stack().inference)
    misses = PredictionMiddleware(rows, settings, lambda: stack().predictor)
    return CacheHitMiddleware(AnswerMiddleware(misses, settings), settings, lambda: stack().predictor)


class Beside:
    """Gives BentoML its own paths, and all others to an application that is made once the service has started.

    Predictions need none of that application, so the service is ready before it is.
    """

    def __init__(self, native: ASGIApp, make: Callable[[], ASGIApp]) -> None:
        """`make` is called in a thread."""
        self._native = native
        self._make = make
        self._made: asyncio.Task[ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on what is none."""
        if scope["type"] != "http":
            await self._native(scope, receive, self._watched(send))
        elif scope["path"] in NATIVE or scope["path"].startswith(STATIC):
            await self._native(scope, receive, send)
        else:
            application = await asyncio.shield(self._application())
            await application(scope, receive, send)

    def _watched(self, send: Send) -> Send:
        async def watched(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._application()

        return watched

    def _application(self) -> "asyncio.Task[ASGIApp]":
        if self._made is None or (self._made.done() and self._made.exception()):
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        return self._made
