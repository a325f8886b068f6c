"""What is unusual about a series: one finding for each thing a person should look at; nothing is changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from market.bars import Bars, SessionArray
from market.calendar.sessions import Sessions
from market.series import Series
from market.splits import split_adjusted

LARGE_MOVE = 0.20  # real ones of 35 % exist: reported, kept
OUTLIER_MOVE = 0.30  # there and back within two sessions
FEWEST_SESSIONS = 252  # a year; less trains no model
SHOWN = 3  # dates in one finding; the rest is counted


class Kind(StrEnum):
    """What a finding is about."""

    SHORT = "short"
    GAP = "gap"
    NO_SESSION = "no session"
    ZERO_VOLUME = "zero volume"
    REPEATED = "repeated"
    SPLIT = "split"
    SUSPECTED_SPLIT = "suspected split"
    OUTLIER = "outlier"
    JUMP = "jump"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    Attributes:
        kind: what it is about.
        sessions: where, as ISO dates; empty when it is about the whole series.
        text: one line: what was found and what to do.
    """

    kind: Kind
    sessions: tuple[str, ...]
    text: str


def inspect(series: Series, sessions: Sessions, last_complete: np.datetime64) -> tuple[Finding, ...]:
    """All findings, most serious first.

    Args:
        series: as delivered.
        sessions: of the exchange.
        last_complete: the session that the series should end with.
    """
    adjusted = split_adjusted(series, last_complete)
    bars = adjusted.bars
    known = set(adjusted.suspected)
    return tuple(
        finding
        for found in (
            _short(bars),
            _calendar(bars, sessions),
            _splits(adjusted.inferred, adjusted.suspected),
            _moves(bars, known),
            _volume(bars),
            _repeated(bars),
            _stale(bars, sessions, last_complete),
        )
        for finding in found
    )


def _short(bars: Bars) -> Iterator[Finding]:
    if len(bars) < FEWEST_SESSIONS:
        text = f"only {len(bars)} sessions, fewer than {FEWEST_SESSIONS}: the baseline answers; add older bars"
        yield Finding(Kind.SHORT, (), text)


def _calendar(bars: Bars, sessions: Sessions) -> Iterator[Finding]:
    expected = sessions.between(bars.session[0], bars.session[-1])
    missing = np.setdiff1d(expected, bars.session, assume_unique=True)
    if missing.size:
        yield _at(Kind.GAP, missing, "missing, though the exchange was open; add {them}")
    extra = np.setdiff1d(bars.session, expected, assume_unique=True)
    if extra.size:
        yield _at(Kind.NO_SESSION, extra, "no session of the exchange; delete {them} or check the time zone")


def _splits(inferred: tuple[np.datetime64, ...], suspected: object) -> Iterator[Finding]:
    if inferred:
        where = np.array(inferred, dtype="datetime64[D]")
        yield _at(Kind.SPLIT, where, "split that adj_close confirms: prices before are adjusted, nothing to do")
    for session, ratio in dict(suspected).items():  # type: ignore[call-overload]  # a mapping
        text = f"{session}: looks like a {_ratio(ratio)} split that nothing confirms; give adj_close or adjust the file"
        yield Finding(Kind.SUSPECTED_SPLIT, (str(session),), text)


def _ratio(ratio: float) -> str:
    return f"{ratio:g}:1" if ratio >= 1 else f"1:{1 / ratio:g}"


def _moves(bars: Bars, explained: set[np.datetime64]) -> Iterator[Finding]:
    change = np.concatenate(([0.0], np.diff(np.log(bars.close))))
    back = np.concatenate((change[1:], [0.0]))
    limit = np.log1p(OUTLIER_MOVE)
    outlier = (np.abs(change) > limit) & (np.abs(change + back) < np.abs(change) / 4)
    if outlier.any():
        yield _at(
            Kind.OUTLIER, bars.session[outlier], "far off and back the session after; compare with another source"
        )
    simple = np.expm1(change)
    returned = np.concatenate(([False], outlier[:-1]))
    jump = (np.abs(simple) > LARGE_MOVE) & ~outlier & ~returned
    jump &= ~np.isin(bars.session, np.array(sorted(explained), dtype="datetime64[D]"))
    for index in np.flatnonzero(jump):
        text = f"{bars.session[index]}: close moved {simple[index]:+.1%} in one session; kept, check that it is real"
        yield Finding(Kind.JUMP, (str(bars.session[index]),), text)


def _volume(bars: Bars) -> Iterator[Finding]:
    none: NDArray[np.bool_] = bars.volume == 0
    if none.any():
        yield _at(Kind.ZERO_VOLUME, bars.session[none], "zero volume; a halted or made-up session, check {them}")


def _repeated(bars: Bars) -> Iterator[Finding]:
    same = np.ones(len(bars) - 1, dtype=bool)
    for column in (bars.open, bars.high, bars.low, bars.close, bars.volume):
        same &= column[1:] == column[:-1]
    same &= bars.volume[1:] > 0
    if same.any():
        yield _at(Kind.REPEATED, bars.session[1:][same], "same bar as the session before; fetch {them} again")


def _stale(bars: Bars, sessions: Sessions, last_complete: np.datetime64) -> Iterator[Finding]:
    late = sessions.between(bars.session[-1], last_complete)
    behind = int((late > bars.session[-1]).sum())
    if behind:
        text = f"ends {bars.session[-1]}, {behind} sessions before the last one, {last_complete}; add the newest bars"
        yield Finding(Kind.STALE, (str(last_complete),), text)


def _at(kind: Kind, where: SessionArray, text: str) -> Finding:
    dates = tuple(str(session) for session in where)
    shown = ", ".join(dates[:SHOWN]) + (f" and {len(dates) - SHOWN} more" if len(dates) > SHOWN else "")
    return Finding(kind, dates, f"{shown}: {text.format(them='it' if len(dates) == 1 else 'them')}")
