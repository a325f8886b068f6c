"""The longest that a request waits for the beginning of its answer."""

import asyncio
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.contract.problems import Problem


class TimeLimit:
    """Ends a request that has no answer when its time is over; an answer that has begun may take longer."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            Problem: 504 when its time is over.
        """

        async def begun(message: Message) -> None:
            limit.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(self._seconds) as limit:
                await self._app(scope, receive, begun)
        except TimeoutError:
            if not limit.expired():
                raise
            raise Problem(
                HTTPStatus.GATEWAY_TIMEOUT, f"no answer within {self._seconds:g} s; ask again", {"Retry-After": "1"}
            ) from None
