"""A place before everything that BentoML 1.4.39 puts around a service.

Middlewares added by `add_asgi_middleware` stand inside Starlette's error page, BentoML's telemetry and its time limit,
which together cost more than an answer from memory does.
"""

from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp


def stand_before(service: Any, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
    """Have the server run `wrap(application)` in place of the application that BentoML makes of `service`.

    Raises:
        RuntimeError: this release of BentoML makes its applications elsewhere.
    """
    kind = type(service)
    make = getattr(kind, "to_asgi", None)
    if not callable(make):
        raise RuntimeError(  # noqa: TRY004  # it is the release of a library that is wrong, no argument
            f"bentoml's {kind.__name__} has no to_asgi any more; compat/bentoml_entrance.py replaces it"
        )

    def to_asgi(self: Any, *arguments: Any, **options: Any) -> ASGIApp:
        application: ASGIApp = make(self, *arguments, **options)
        return wrap(application) if self is service else application

    setattr(kind, "to_asgi", to_asgi)  # noqa: B010  # a method is not assigned to otherwise
