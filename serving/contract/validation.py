"""Checks of what was asked."""

import re
from collections.abc import Collection, Iterable, Mapping, Sized
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from configuration import TICKER_PATTERN, Settings
from serving.contract.problems import LONGEST_ECHO, Problem, not_found, unprocessable

JSON_TYPES = frozenset({b"", b"application/json"})

# Numbers between 0 and 1, comma separated.
PROBABILITY = r"0?\.\d{0,5}[1-9]0{0,5}"
PROBABILITIES = rf"^{PROBABILITY}(,{PROBABILITY}){{0,19}}$"

# The horizon that is meant where a request names none.
DEFAULT_HORIZON = 1


def _as_day(text: object) -> date:
    """Numbers and other forms of ISO 8601, which pydantic takes too, are more often a mistake than a day."""
    try:
        if isinstance(text, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise PydanticCustomError("day", "give a day of the calendar as YYYY-MM-DD, such as 2023-06-30")


Day = Annotated[date, BeforeValidator(_as_day)]

_TICKER = re.compile(TICKER_PATTERN)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client wants to know of a distribution beside the usual.

    Attributes:
        quantiles: probabilities, each between 0 and 1.
        above: a price; null when none was asked for.
    """

    quantiles: tuple[float, ...] = ()
    above: float | None = None

    @classmethod
    def of(cls, quantiles: str | None, above: float | None) -> "Asked | None":
        """What two query parameters ask for; None when neither is there.

        Args:
            quantiles: as the client wrote them.
            above: positive.

        Raises:
            Problem: 422 when the quantiles are not of the form PROBABILITIES.
        """
        if quantiles is None and above is None:
            return None
        if quantiles is not None and not re.fullmatch(PROBABILITIES, quantiles):
            shown = f"quantiles={quantiles[:LONGEST_ECHO]}"
            raise unprocessable(f"{shown}: give up to 20 numbers between 0 and 1, comma separated, such as 0.05,0.95")
        return cls(tuple(float(part) for part in quantiles.split(",")) if quantiles else (), above)


def check_ticker(text: str, settings: Settings) -> str:
    """Return the ticker in upper case.

    Raises:
        Problem: 422 when it cannot be a ticker, 404 when it is none of the configured ones.
    """
    ticker = text.upper()
    if not _TICKER.fullmatch(ticker):
        raise unprocessable(f"{text[:LONGEST_ECHO]!r} is not a ticker; they look like AAPL or BRK.B")
    if ticker not in settings.tickers:
        raise not_found(f"{ticker} is not served here; GET /tickers lists those that are, STOCKS_TICKERS sets them")
    return ticker


def check_horizon(horizon: int, settings: Settings) -> None:
    """Raise 422 unless the horizon is configured.

    Raises:
        Problem: 422.
    """
    if horizon not in settings.horizons:
        allowed = ", ".join(str(one) for one in settings.horizons)
        ask = (
            f"; ask with horizon={settings.horizons[0]}, for 1 is taken where none is given"
            if horizon == DEFAULT_HORIZON
            else ""
        )
        raise unprocessable(f"horizon {horizon} is not configured; the horizons are {allowed} sessions{ask}")


def check_count(tickers: Sized, settings: Settings) -> None:
    """Raise 422 when one request names more tickers than it may.

    Raises:
        Problem: 422.
    """
    most = settings.serving.max_tickers
    if len(tickers) > most:
        raise unprocessable(f"{len(tickers)} tickers were asked for; at most {most} may be in one request")


def check_parameters(given: Iterable[tuple[str, str]], known: Collection[str]) -> None:
    """Check the names of query parameters.

    Raises:
        Problem: 422 for one that would be ignored, which may be a misspelt one, or that stands there twice.
    """
    seen: set[str] = set()
    for name, _ in given:
        if name not in known:
            which = f"those are {', '.join(known)}" if known else "there are none"
            raise unprocessable(f"{name[:LONGEST_ECHO]!r} is no parameter of this address; {which}")
        if name in seen:
            raise unprocessable(f"{name!r} stands there twice; give it once")
        seen.add(name)


def check_json_body(headers: Mapping[bytes, bytes], example: str, accepted: Collection[bytes] = JSON_TYPES) -> None:
    """Check that a body is there and said to be JSON.

    Args:
        headers: of the request, names in lower case.
        example: of a body, for the message.
        accepted: content types.

    Raises:
        Problem: 415 for another content type, 422 when there is no body.
    """
    given = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if given not in accepted:
        shown = given.decode("latin-1")[:LONGEST_ECHO]
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the content type is {shown!r}; send `Content-Type: application/json`"
        )
    if headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers:
        raise unprocessable(f"the body is missing; send JSON such as {example}")
