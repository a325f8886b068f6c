"""The keys that open the routes which change something."""

import hmac
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import structlog

from configuration import SHORTEST_API_KEY, Security, keys_of, misfit

REPLACEMENT_SECONDS = 5.0  # for which the file may be away while another takes its place

log = structlog.get_logger(__name__)


class ApiKeys:
    """Keys of the settings, and of a file that is read again when it changes, so that keys rotate without a restart.

    A file that is gone revokes its keys: whoever deletes it wants that, and whoever replaces it is done in a moment.

    Args:
        now: seconds of a clock that is never set.

    Attributes:
        configured: whether keys are used at all; an empty file, or one that is gone, opens to nobody.
    """

    def __init__(self, security: Security, now: Callable[[], float] = time.monotonic) -> None:
        self._fixed = [_digest(key.get_secret_value()) for key in security.api_keys]
        self._path = security.api_keys_file
        self._from_file: list[bytes] = []
        self._read_at: tuple[int, int] | None = None
        self._now = now
        self._seen_at = now()
        self.configured = bool(self._fixed or self._path)

    def accept(self, given: str) -> bool:
        """Whether `given` is one of the keys; the time it takes does not tell how much of it was right."""
        self._refresh()
        digest = _digest(given)
        equal = [hmac.compare_digest(digest, key) for key in (*self._fixed, *self._from_file)]
        return any(equal)

    def _refresh(self) -> None:
        if self._path is None:
            return
        try:
            status = self._path.stat()
            if (read_at := (status.st_mtime_ns, status.st_ino)) != self._read_at:
                self._from_file = _read(self._path)
                self._read_at = read_at
            self._seen_at = self._now()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if self._now() - self._seen_at > REPLACEMENT_SECONDS:
                self._revoke(self._path)
        except (OSError, UnicodeDecodeError) as error:
            # The keys read before go on to open.
            log.error("api_keys.unreadable", file=str(self._path), problem=type(error).__name__)  # noqa: TRY400

    def _revoke(self, path: Path) -> None:
        if self._from_file:
            log.error("api_keys.revoked", file=str(path), reason="the file is gone")
        self._from_file, self._read_at = [], None


def _read(path: Path) -> list[bytes]:
    found = list(keys_of(path))
    if unusable := [line for line, key in found if misfit(key)]:
        log.error("api_keys.unusable", file=str(path), lines=unusable, reason="no HTTP header can carry them")
    keys = [key for _, key in found if not misfit(key)]
    if short := sum(len(key) < SHORTEST_API_KEY for key in keys):
        log.error("api_keys.too_short", file=str(path), ignored=short, shortest=SHORTEST_API_KEY)
    return [_digest(key) for key in keys if len(key) >= SHORTEST_API_KEY]


def _digest(key: str) -> bytes:
    """Equally long for all keys, so that comparing two does not tell their lengths."""
    return sha256(key.encode()).digest()
