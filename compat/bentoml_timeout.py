"""BentoML's time-out of a request, which ends with the request.

BentoML 1.4.39 keeps a timer for every request until its time-out has passed, answered or not, and runs each request in
a task of its own for it. At 15,000 answers a second and a time-out of 20 seconds that is 200 MB and a slower loop, and
its configuration knows no way to do without.
"""

import asyncio
from collections.abc import Callable

from bentoml._internal.server.http import traffic
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What stands in for a late answer: given the path and the seconds waited for, an application that answers.
LateAnswer = Callable[[str, float], ASGIApp]


class TimeLimit(traffic.TimeoutMiddleware):
    """Answers in place of a request that has no answer when its time is over; one that has begun may take longer."""

    late: LateAnswer

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
            await self.late(scope["path"], self.timeout)(scope, receive, send)


def install(late: LateAnswer) -> None:
    """Have BentoML use it for the services that this process starts from now on.

    Raises:
        RuntimeError: this release of BentoML keeps its time-out elsewhere.
    """
    if not isinstance(getattr(traffic, "TimeoutMiddleware", None), type):
        raise RuntimeError(  # noqa: TRY004  # it is the release of a library that is wrong, no argument
            "bentoml has no traffic.TimeoutMiddleware any more; compat/bentoml_timeout.py replaces it"
        )
    setattr(traffic, "TimeoutMiddleware", time_limit(late))  # noqa: B010  # a type is not assigned to otherwise


def time_limit(late: LateAnswer) -> type[TimeLimit]:
    """The middleware with its answer to a request that took too long."""
    return type("TimeLimit", (TimeLimit,), {"late": staticmethod(late)})
