"""Which published models do not serve, by the word of every worker of the service.

Each worker knows what it tried itself, and one that answers from its caches tries nothing.
"""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import structlog

from concurrency.atomic_file import replace_file

log = structlog.get_logger(__name__)

TELL_EVERY_SECONDS = 1.0
PREFIX, SUFFIX = "refused-", ".json"

Key = tuple[str, int]


class SharedRefusals:
    """One small file of each worker in a folder that all of them share, written when its word changes."""

    def __init__(self, folder: Path | None) -> None:
        """Share by `folder`; None where there is one process alone."""
        self._folder = folder
        self._told: dict[Key, str] = {}

    @classmethod
    def of_this_service(cls) -> "SharedRefusals":
        """By the folder that its processes count in."""
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        return cls(Path(folder) if folder else None)

    def tell(self, refusals: Mapping[Key, str]) -> None:
        """Have the others know what this worker refuses, and why.

        Raises:
            OSError: the file cannot be written.
        """
        if self._folder is None or refusals == self._told:
            return
        rows = [[ticker, horizon, reason] for (ticker, horizon), reason in refusals.items()]
        with replace_file(self._folder / f"{PREFIX}{os.getpid()}{SUFFIX}", durable=False) as file:
            file.write(json.dumps(rows).encode())
        self._told = dict(refusals)

    async def follow(self, refusals: Callable[[], Mapping[Key, str]]) -> None:
        """Tell `refusals` whenever they change, until cancelled."""
        problem = ""
        while True:
            try:
                self.tell(refusals())
                problem = ""
            except OSError as error:
                if problem != (problem := str(error)):
                    log.warning("refusals.not_shared", problem=problem)
            await asyncio.sleep(TELL_EVERY_SECONDS)

    def elsewhere(self) -> dict[Key, str]:
        """What other workers that live refuse."""
        found: dict[Key, str] = {}
        for path in self._folder.glob(f"{PREFIX}*{SUFFIX}") if self._folder else ():
            pid = path.name.removeprefix(PREFIX).removesuffix(SUFFIX)
            if pid.isdecimal() and int(pid) != os.getpid() and psutil.pid_exists(int(pid)):
                found |= _read(path)
        return found


def _read(path: Path) -> dict[Key, str]:
    try:
        return {(ticker, horizon): reason for ticker, horizon, reason in json.loads(path.read_bytes())}
    except (OSError, ValueError):
        return {}  # its worker ends, and another tells of itself
