"""What the parsers of all providers share: JSON in, columns out, and nothing but typed errors."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from market.bars import Bars, FloatArray
from market.errors import InvalidBars, Malformed
from market.series import Adjustment, Events, Series

CLOCKS_DIFFER = timedelta(minutes=5)  # by which a provider's clock may be ahead of ours


def decoded(body: bytes, who: str) -> Any:
    """JSON of any shape.

    Raises:
        Malformed: it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed(f"{who}: the answer is not JSON") from None


def number(value: object, who: str, field: str) -> float:
    """A finite number from a number or a text.

    Raises:
        Malformed: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Malformed(f"{who}: {field} is not a number")
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        raise Malformed(f"{who}: {field} is not a number") from None
    if not math.isfinite(parsed):
        raise Malformed(f"{who}: {field} is not a finite number")
    return parsed


def session(text: object, who: str) -> np.datetime64:
    """The date at the beginning of an ISO text.

    Raises:
        Malformed: there is none.
    """
    if not isinstance(text, str) or len(text) < len("2024-03-08"):
        raise Malformed(f"{who}: a date is missing")
    try:
        date = np.datetime64(text[:10], "D")
    except ValueError:
        raise Malformed(f"{who}: a date cannot be read") from None
    if np.isnat(date) or str(date) != text[:10]:
        raise Malformed(f"{who}: a date cannot be read")
    return date


def moment(text: object, who: str) -> datetime:
    """The moment of an ISO text in UTC, which is also its zone where it names none.

    Raises:
        Malformed: there is none.
    """
    try:
        found = datetime.fromisoformat(text if isinstance(text, str) else "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(f"{who}: a time cannot be read") from None


def check_symbol(given: object, asked: str, who: str) -> None:
    """Check that an answer that names its symbol is about the ticker that was asked for, however it writes classes.

    Raises:
        Malformed: it is about another.
    """
    if given is not None and _plain(str(given)) != _plain(asked):
        raise Malformed(f"{who}: answered about another symbol than {asked}")


def check_currency(given: object, configured: str, who: str) -> None:
    """Check that an answer that names its currency has the configured one.

    Raises:
        Malformed: it has another.
    """
    if given is not None and str(given).upper() != configured.upper():
        raise Malformed(f"{who}: answered in another currency than {configured}; correct `currency` or the ticker")


def check_begun(moment: datetime, now: datetime, who: str) -> None:
    """Check that a price is not of the future.

    Raises:
        Malformed: it is, by more than clocks differ.
    """
    if moment > now + CLOCKS_DIFFER:
        raise Malformed(f"{who}: quotes a price of {moment:%Y-%m-%d %H:%M} UTC, which has not come")


def _plain(symbol: str) -> str:
    return symbol.strip().upper().replace("-", ".").replace("/", ".")


def column(rows: Sequence[Mapping[str, Any]], field: str, who: str) -> FloatArray:
    """Shape (n,): one field of every row.

    Raises:
        Malformed: it is missing or not a number somewhere.
    """
    return np.array([number(row.get(field), who, field) for row in rows], dtype=np.float64)


def bars(ticker: str, source: str, dates: Sequence[np.datetime64], columns: Mapping[str, FloatArray]) -> Bars:
    """Checked bars in ascending order, whatever the order of the answer.

    Raises:
        Malformed: a bar is impossible.
    """
    order = np.argsort(np.array(dates, dtype="datetime64[D]"), kind="stable")
    ordered = {name: values[order] for name, values in columns.items()}
    try:
        return Bars(ticker, source, np.array(dates, dtype="datetime64[D]")[order], **ordered)
    except InvalidBars as error:
        raise Malformed(f"{source}: impossible bars: {error}") from None


def events(
    dates: Sequence[np.datetime64], rows: Sequence[Mapping[str, Any]], field: str, who: str, nothing: float
) -> Events:
    """Values of `field` by session, where they are not `nothing`.

    Raises:
        Malformed: it is missing or not a number somewhere.
    """
    values = column(rows, field, who).tolist()
    return {date: value for date, value in zip(dates, values, strict=True) if value != nothing}


def series(bars: Bars, adjustment: Adjustment, splits: Events, dividends: Events, adj_close: FloatArray) -> Series:
    """A checked series.

    Raises:
        Malformed: an event or an adjusted close is impossible.
    """
    try:
        return Series(bars, adjustment, splits, dividends, adj_close)
    except InvalidBars as error:
        raise Malformed(f"{bars.source}: impossible events: {error}") from None
