"""Bars as they were known on a day of the past."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from market.bars import Bars
from market.calendar.sessions import Sessions
from market.errors import InvalidBars, NothingThen
from market.history.publication import last_published
from market.series import Series
from market.splits import split_adjusted


class KnownBy(StrEnum):
    """What tells which bars were known on a day."""

    FETCH_TIME = "fetch_time"
    """The store: only what had been fetched by its end, uncorrected by anything later."""
    SESSION_DATE = "session_date"
    """The date of each bar, since nothing was stored by then; its prices are those that are known today."""


@dataclass(frozen=True, slots=True, eq=False)
class PastHistory:
    """Bars up to a day of the past.

    Attributes:
        bars: split-adjusted by the splits up to that day; by later ones too where the provider itself adjusts.
        moment: the end of that day, UTC.
        stale: whether a session was missing that should have been published by then.
    """

    bars: Bars
    known_by: KnownBy
    moment: datetime
    stale: bool


def end_of(day: date) -> datetime:
    """The end of a day, UTC."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def past_history(series: Series, day: date, known_by: KnownBy, sessions: Sessions) -> PastHistory:
    """What `series` says up to the end of `day`; nothing later in it has any effect.

    Raises:
        NothingThen: it begins later.
        CalendarExhausted: the calendar does.
    """
    moment = end_of(day)
    try:
        part = series.until(sessions.last_complete(moment))
    except InvalidBars:
        first = series.bars.session[0]
        raise NothingThen(f"{series.ticker}: no bar up to {day} is known; the first is of {first}") from None
    bars = split_adjusted(part, sessions.begun(moment)).bars
    return PastHistory(bars, known_by, moment, stale=bool(bars.session[-1] < last_published(sessions, moment)))
