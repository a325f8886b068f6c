"""The sessions of an exchange, read from a small file so that serving needs no pandas.

`python -m market.calendar.builder` writes the file, in a process of its own; `Sessions.open` has it written when it is
missing or soon used up.
"""

import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import structlog
from numpy.typing import NDArray

from configuration import scratch
from market.bars import SessionArray
from market.errors import CalendarExhausted

ROOT = Path(__file__).resolve().parents[2]
BUILD_TIMEOUT_SECONDS = 120.0
# The library knows one year ahead; the longest horizon needs 31 days of it.
RESERVE = timedelta(days=180)
LONGEST_HORIZON = timedelta(days=45)


log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class Sessions:
    """All known sessions of one exchange, ascending.

    Attributes:
        session: shape (n,), datetime64[D].
        open_at, close_at: shape (n,), datetime64[s], UTC; early closes included.
    """

    def __init__(
        self,
        session: SessionArray,
        open_at: NDArray[np.datetime64],
        close_at: NDArray[np.datetime64],
        origin: tuple[str, Path] | None = None,
    ) -> None:
        self._columns = (session, open_at, close_at)  # replaced as one, so that no reader sees half of a renewal
        self._origin = origin

    @property
    def session(self) -> SessionArray:
        """Dates."""
        return self._columns[0]

    @property
    def open_at(self) -> NDArray[np.datetime64]:
        """Moments of opening."""
        return self._columns[1]

    @property
    def close_at(self) -> NDArray[np.datetime64]:
        """Moments of closing."""
        return self._columns[2]

    @classmethod
    def open(cls, exchange: str, home: Path, now: datetime | None = None) -> "Sessions":
        """Read the exchange's file under `home`, written anew when it ends in less than half a year.

        Raises:
            CalendarExhausted: the file is missing or used up and could not be written.
        """
        path = home / "calendar" / f"{exchange}.npz"
        sessions = cls._read(exchange, path)
        if sessions is None:
            path = _build_somewhere(exchange, path)
            sessions = cls._read(exchange, path)
        if sessions is None:
            raise CalendarExhausted(f"{path}: the calendar could not be read; delete the file and start again")
        sessions.renew(now or utc_now())
        return sessions

    @classmethod
    def _read(cls, exchange: str, path: Path) -> "Sessions | None":
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as columns:
                return cls(columns["session"], columns["open_at"], columns["close_at"], (exchange, path))
        except (OSError, KeyError, ValueError, EOFError, BadZipFile):
            return None

    def renew(self, now: datetime) -> None:
        """Have the file written anew and read it when it ends in less than half a year; for a process that lives long.

        Raises:
            CalendarExhausted: that failed and the calendar ends within the longest horizon.
        """
        if self._origin is None or self.reaches(now + RESERVE):
            return
        try:
            _build(*self._origin)
            renewed = self._read(*self._origin)
        except CalendarExhausted as error:
            if not self.reaches(now + LONGEST_HORIZON):
                raise
            log.warning("calendar.not_renewed", last=str(self.session[-1]), reason=str(error))
            return
        if renewed is not None:
            self._columns = renewed._columns  # noqa: SLF001  # of the same class

    def reaches(self, moment: datetime) -> bool:
        """Whether a session closes after `moment`."""
        return bool(self.close_at[-1] > _utc(moment))

    def last_complete(self, now: datetime) -> np.datetime64:
        """The newest session whose close has passed."""
        index = int(np.searchsorted(self.close_at, _utc(now), side="right")) - 1
        if index < 0:
            raise CalendarExhausted(f"no session had closed by {now:%Y-%m-%d}: the calendar starts {self.session[0]}")
        return np.datetime64(self.session[index], "D")

    def running(self, now: datetime) -> np.datetime64 | None:
        """The session that is open at `now`, if one is."""
        index = int(np.searchsorted(self.close_at, _utc(now), side="right"))
        if index == len(self.session) or _utc(now) < self.open_at[index]:
            return None
        return np.datetime64(self.session[index], "D")

    def begun(self, moment: datetime) -> np.datetime64:
        """The newest session that has opened by `moment`."""
        index = int(np.searchsorted(self.open_at, _utc(moment), side="right")) - 1
        return np.datetime64(self.session[max(index, 0)], "D")

    def after(self, session: np.datetime64, count: int) -> np.datetime64:
        """The session `count` sessions after `session`, which need not be one itself.

        Raises:
            CalendarExhausted: it lies beyond the calendar's end.
        """
        index = int(np.searchsorted(self.session, session, side="right")) - 1 + count
        if not 0 <= index < len(self.session):
            raise CalendarExhausted(
                f"{count} sessions after {session} lie outside the calendar, which ends {self.session[-1]}"
            )
        return np.datetime64(self.session[index], "D")

    def opens(self, session: np.datetime64) -> datetime:
        """When `session` opens, or the last one up to it."""
        return self._moment(self.open_at, session)

    def closes(self, session: np.datetime64) -> datetime:
        """When `session` closes, or the last one up to it."""
        return self._moment(self.close_at, session)

    def _moment(self, moments: NDArray[np.datetime64], session: np.datetime64) -> datetime:
        index = int(np.searchsorted(self.session, session, side="right")) - 1
        return datetime.fromtimestamp(int(moments[max(index, 0)].astype(np.int64)), UTC)

    def between(self, first: np.datetime64, last: np.datetime64) -> SessionArray:
        """All sessions from `first` to `last`, both included."""
        return self.session[(self.session >= first) & (self.session <= last)]


def _utc(moment: datetime) -> np.datetime64:
    return np.datetime64(int(moment.timestamp()), "s")


def _build_somewhere(exchange: str, path: Path) -> Path:
    """Write the file at `path`, or where the disk does not take it in memory; gives the place."""
    try:
        _build(exchange, path)
    except CalendarExhausted:
        if _takes_files(path.parent):
            raise
        path = scratch() / path.name
        _build(exchange, path)
    return path


def _takes_files(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(2**20))
            file.flush()
    except OSError:
        return False
    return True


def _build(exchange: str, path: Path) -> None:
    command = [sys.executable, "-m", "market.calendar.builder", exchange, str(path)]
    try:
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=BUILD_TIMEOUT_SECONDS)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().rpartition("\n")[2]
        raise CalendarExhausted(f"{exchange}: its calendar could not be written: {reason}") from None
    except subprocess.TimeoutExpired:
        raise CalendarExhausted(
            f"{exchange}: its calendar was not written within {BUILD_TIMEOUT_SECONDS:.0f} s"
        ) from None
