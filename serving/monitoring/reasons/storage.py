"""Whether what the service and its trainer write to has room and may be written, and whether models can be read."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic

from prometheus_client.metrics_core import GaugeMetricFamily

# Between two looks, however often it is asked.
LOOK_EVERY_SECONDS = 5.0
# With less than this, SQLite and MLflow cannot be relied on to write.
ENOUGH_BYTES = 2**20
# In a STOCKS_HOME, where they are there.
WRITTEN = (".", "history", "jobs", "served")


class Storage:
    """The folders of a service, looked at every few seconds."""

    def __init__(
        self,
        home: Path,
        roots: Sequence[Path],
        *,
        enough_bytes: float = ENOUGH_BYTES,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """Look at these folders.

        Args:
            home: everything that the program writes is in it.
            roots: model stores.
            now: seconds of a clock that is never set.
        """
        self._home = home
        self._roots = roots
        self._enough = enough_bytes
        self._now = now
        self._looked_at = float("-inf")
        self._found: tuple[list[str], list[str]] = [], []

    def problems(self) -> list[str]:
        """A sentence for each folder that cannot be used; may wait for the disk."""
        unwritable, unreadable = self._look()
        return unwritable + unreadable

    def figures(self) -> list[GaugeMetricFamily]:
        """For Prometheus."""
        writable = GaugeMetricFamily("stocks_home_writable", "1 while STOCKS_HOME can be written and has room, else 0.")
        writable.add_metric([], float(not self._look()[0]))
        return [writable]

    def _look(self) -> tuple[list[str], list[str]]:
        if self._now() - self._looked_at >= LOOK_EVERY_SECONDS:
            self._found = [*self._unwritable()], [*self._unreadable()]
            self._looked_at = self._now()
        return self._found

    def _unwritable(self) -> Iterator[str]:
        lost = "trainings and the track record cannot be written"
        place = next(folder for folder in (self._home, *self._home.parents) if _is_there(folder))
        try:
            disk = os.statvfs(place)
        except OSError as error:
            yield f"STOCKS_HOME ({self._home}) cannot be used, so {lost}: {error.strerror}; mend the disk"
            return
        if disk.f_flag & os.ST_RDONLY:
            yield f"the disk of STOCKS_HOME ({self._home}) is read-only, so {lost}; mount it for writing"
        elif disk.f_bavail * disk.f_frsize < self._enough:
            yield f"the disk of STOCKS_HOME ({self._home}) is full, so {lost}; make room on it"
        for folder in dict.fromkeys(place / name for name in WRITTEN):
            if _is_there(folder) and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
                yield f"{folder} cannot be written by this user, so {lost}; give it to the user of the service"

    def _unreadable(self) -> Iterator[str]:
        for root in self._roots:
            if _is_hidden(root) or (_is_there(root) and not os.access(root, os.R_OK | os.X_OK)):
                yield (
                    f"the model store {root} cannot be read by this user, so the baseline answers for what it holds;"
                    " give it to the user of the service"
                )


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def _is_hidden(path: Path) -> bool:
    """Whether a folder above forbids to say whether it is there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return False
