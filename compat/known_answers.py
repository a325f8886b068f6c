"""Answers that are known when a request has arrived, written at once, which ASGI has no way for.

uvicorn 0.54 starts a task for each request, sends head and body by a system call each, and searches every header of an
answer for what may not stand there.
"""

import logging
from collections.abc import Callable
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

# Given the scope of a request, the status of its answer and all that follows the headers that the server adds itself,
# as it goes over the wire; nothing where the application has to answer.
Known = Callable[[Scope], tuple[int, bytes] | None]


def write_known(protocol: Any, known: Known) -> bool:
    """Answer the request that has arrived on a connection of uvicorn; whether its answer was known.

    A client that does not read is left to the application, which waits for it.
    """
    cycle, transport = protocol.cycle, protocol.transport
    if protocol.flow.write_paused or transport.is_closing():
        return False
    try:
        answer = known(cycle.scope)
    except Exception:
        logging.getLogger(__name__).exception("no known answer; the application answers")
        return False
    if answer is None:
        return False
    status, rest = answer
    added = [b"%b: %b\r\n" % header for header in protocol.server_state.default_headers]
    if cycle.keep_alive:
        transport.write(b"".join([STATUS_LINE[status], *added, rest]))
    else:
        transport.write(b"".join([STATUS_LINE[status], *added, b"connection: close\r\n", rest]))
        transport.close()
    cycle.response_started = cycle.response_complete = True
    cycle.on_response = _nothing  # it refers to the protocol, which nothing else would free at once
    protocol.on_response_complete()
    return True


def _nothing() -> None:
    pass
