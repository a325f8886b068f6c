"""What hinders every training now, told from what is wrong with one model."""

import errno
import re
import sqlite3
from typing import Literal

import httpx
from requests import exceptions

from training.errors import causes

# No answer from the MLflow server, or from what it needs; no room on a disk.
Hindrance = Literal["mlflow", "disk"]

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
UNREACHABLE = (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError, httpx.TransportError)
# What a proxy answers whose server is away, and MLflow itself without its database.
AWAY = re.compile(r"too many 50[234] error responses")


def hindrance_of(error: BaseException) -> Hindrance | None:
    """What made an operation fail that would make those of other models fail too; None when it is about this one."""
    for cause in causes(error):
        if _is_full(cause):
            return "disk"
        if isinstance(cause, UNREACHABLE) or (isinstance(cause, exceptions.RetryError) and AWAY.search(str(cause))):
            return "mlflow"
    return None


def _is_full(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        # The low byte; the others tell more of some kinds.
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in NO_ROOM
