from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from market.calendar.sessions import Sessions
from market.errors import CalendarExhausted


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


@pytest.mark.parametrize(
    ("now", "last", "running"),
    [
        ("2024-03-08 14:29:59", "2024-03-07", None),
        ("2024-03-08 14:30:00", "2024-03-07", "2024-03-08"),
        ("2024-03-08 20:59:59", "2024-03-07", "2024-03-08"),
        ("2024-03-08 21:00:00", "2024-03-08", None),
        ("2024-03-10 12:00:00", "2024-03-08", None),  # Sunday
        ("2024-03-11 13:30:00", "2024-03-08", "2024-03-11"),  # summer time began
        ("2023-11-24 17:59:00", "2023-11-22", "2023-11-24"),  # half day after Thanksgiving
        ("2023-11-24 18:00:00", "2023-11-24", None),
    ],
)
def test_what_is_complete_and_what_is_running(sessions: Sessions, now: str, last: str, running: str | None) -> None:
    assert sessions.last_complete(at(now)) == day(last)
    assert sessions.running(at(now)) == (None if running is None else day(running))


@pytest.mark.parametrize(
    ("session", "count", "expected"),
    [
        ("2024-03-28", 1, "2024-04-01"),  # Good Friday and a weekend between
        ("2024-03-08", 1, "2024-03-11"),
        ("2024-03-08", 21, "2024-04-09"),
        ("2024-03-09", 1, "2024-03-11"),  # a Saturday is no session itself
        ("2001-09-10", 1, "2001-09-17"),  # closed for four days
        ("2024-03-08", 0, "2024-03-08"),
    ],
)
def test_the_target_is_a_real_session(sessions: Sessions, session: str, count: int, expected: str) -> None:
    assert sessions.after(day(session), count) == day(expected)


def test_open_and_close_know_half_days(sessions: Sessions) -> None:
    assert sessions.closes(day("2023-11-24")) == at("2023-11-24 18:00")
    assert sessions.opens(day("2024-07-05")) == at("2024-07-05 13:30")


def test_the_newest_begun_session(sessions: Sessions) -> None:
    assert sessions.begun(at("2024-03-08 14:29:00")) == day("2024-03-07")
    assert sessions.begun(at("2024-03-08 14:30:00")) == day("2024-03-08")


def test_between_includes_both_ends(sessions: Sessions) -> None:
    assert sessions.between(day("2024-03-07"), day("2024-03-11")).size == 3


def test_beyond_the_calendar_is_an_error(sessions: Sessions) -> None:
    with pytest.raises(CalendarExhausted, match="which ends"):
        sessions.after(sessions.session[-1], 1)
    with pytest.raises(CalendarExhausted, match="the calendar starts"):
        sessions.last_complete(at("1980-01-01"))


def test_the_calendar_reaches_past_the_longest_horizon(sessions: Sessions) -> None:
    assert sessions.reaches(datetime.now(UTC) + timedelta(days=180))


def cut_short(home: Path, sessions: Sessions, last: datetime) -> Path:
    """A calendar file as a process of long ago would have left it."""
    path = home / "calendar" / "XNYS.npz"
    path.parent.mkdir(parents=True)
    count = int((sessions.close_at <= np.datetime64(last.replace(tzinfo=None), "s")).sum())
    np.savez(
        path, session=sessions.session[:count], open_at=sessions.open_at[:count], close_at=sessions.close_at[:count]
    )
    return path


def test_a_process_that_lives_past_the_calendars_end_gets_a_new_one(sessions: Sessions, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    path = cut_short(tmp_path, sessions, now + timedelta(days=200))
    old = Sessions.open("XNYS", tmp_path)
    end = old.session[-1]
    old.renew(now)
    assert old.session[-1] == end  # it still reaches far enough
    old.renew(now + timedelta(days=60))
    assert old.session[-1] > end
    with np.load(path) as columns:
        assert columns["session"][-1] == old.session[-1]


def test_an_unreadable_calendar_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "calendar" / "XNYS.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK\x03\x04 half of a file")
    assert Sessions.open("XNYS", tmp_path).session.size > 9000


def test_the_old_calendar_serves_on_while_it_reaches(sessions: Sessions) -> None:
    # An origin that cannot be rebuilt.
    stuck = Sessions(sessions.session, sessions.open_at, sessions.close_at, ("NOWHERE", Path("unused.npz")))
    end = datetime.fromtimestamp(int(sessions.close_at[-1].astype(np.int64)), UTC)
    stuck.renew(end - timedelta(days=100))
    assert stuck.session.size == sessions.session.size
    with pytest.raises(CalendarExhausted, match="NOWHERE"):
        stuck.renew(end - timedelta(days=10))


def test_an_unknown_exchange_is_named(tmp_path: Path) -> None:
    with pytest.raises(CalendarExhausted, match="NOWHERE"):
        Sessions.open("NOWHERE", tmp_path)
