"""The name that a request has in its answer and in log lines."""

from itertools import count
from random import getrandbits

from starlette.types import Scope

REQUEST_ID = b"x-request-id"
LONGEST_ID = 64

_process = b"%016x" % getrandbits(64)
_numbers = count(getrandbits(32))


def request_id_of(scope: Scope) -> bytes:
    """Return the client's own id, if it is a short plain word; else a new one of 32 hexadecimal digits."""
    for name, value in scope["headers"]:
        if name == REQUEST_ID:
            return value if is_plain(value) else new_request_id()
    return new_request_id()


def new_request_id() -> bytes:
    """Return an id that no other request has: a random number of the process, and a running one."""
    return b"%s%016x" % (_process, next(_numbers))


def is_plain(given: bytes) -> bool:
    """Whether it may stand in a header and a log line as it is."""
    return 0 < len(given) <= LONGEST_ID and given.isascii() and given.decode("ascii").isprintable()
