"""BentoML's time-out of a request, which ends with the request.

BentoML 1.4.39 keeps a timer for every request until its time-out has passed, answered or not, and runs each request in
a task of its own for it. At 15,000 answers a second and a time-out of 20 seconds that is 200 MB and a slower loop, and
its configuration knows no way to do without.
"""

import asyncio
from http import HTTPStatus

from bentoml._internal.server.http import traffic
from starlette.types import Message, Receive, Scope, Send

from serving.contract.problems import MEDIA_TYPE, Problem


class TimeLimit(traffic.TimeoutMiddleware):
    """Answers 504 to a request that has no answer when its time is over; one that has begun may take longer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def begun(message: Message) -> None:
            limit.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(self.timeout) as limit:
                await self.app(scope, receive, begun)
        except TimeoutError:
            if not limit.expired():
                raise
            await self._late(scope["path"], send)

    async def _late(self, path: str, send: Send) -> None:
        problem = Problem(HTTPStatus.GATEWAY_TIMEOUT, f"no answer within {self.timeout:g} s; ask again")
        headers = [(b"content-type", MEDIA_TYPE.encode())]
        await send({"type": "http.response.start", "status": int(problem.status), "headers": headers})
        await send({"type": "http.response.body", "body": problem.render(path)})


def install() -> None:
    """Have BentoML use it for the services that this process starts from now on."""
    setattr(traffic, "TimeoutMiddleware", TimeLimit)  # noqa: B010  # a type is not assigned to otherwise
