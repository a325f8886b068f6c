"""Which values single settings may have."""

import re
from ipaddress import ip_address, ip_network
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from configuration.credentials import credential, long_credential
from configuration.horizons import check_horizon
from configuration.places import absolute

LONGEST_SECONDS = 10 * 365 * 86400  # of any setting
TICKER_PATTERN = r"^[A-Z][A-Z0-9]{0,5}([.-][A-Z0-9]{1,3})?$"
WINDOW_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "month": 30 * 86400}


def unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """`values`, when there are no two alike.

    Raises:
        ValueError: there are.
    """
    if len(set(values)) != len(values):
        raise ValueError("each value may be given once")
    return values


def is_ticker(text: str) -> bool:
    """Whether `text` has the form of a ticker."""
    return re.fullmatch(TICKER_PATTERN, text) is not None


def quota_window(window: str) -> tuple[int, int]:
    """Requests and seconds of a window such as `25/day`."""
    limit, _, unit = window.partition("/")
    return int(limit), WINDOW_SECONDS[unit]


def _nested(windows: tuple[str, ...]) -> tuple[str, ...]:
    """A longer window admits more in all, but no more for each second, than a shorter one; else one of them is idle."""
    ordered = sorted(map(quota_window, windows), key=lambda window: window[1])
    for (few, short), (many, long) in pairwise(ordered):
        if long == short or many <= few or many * short > few * long:
            raise ValueError("of two windows the longer must admit more in all and no more for each second")
    return windows


def _none_if_empty(value: Any) -> Any:
    """An empty path would be the working directory."""
    return None if isinstance(value, str) and not value.strip() else value


def as_address(text: str) -> str:
    """An IP address or a network of them.

    Raises:
        ValueError: it is neither.
    """
    try:
        return str(ip_network(text.strip()) if "/" in text else ip_address(text.strip()))
    except ValueError:
        raise ValueError("must be an IP address, or a network such as 10.0.0.0/8, without bits behind it") from None


def check_currency(code: str) -> str:
    """`code`, when it has the form of ISO 4217.

    Raises:
        ValueError: it has not.
    """
    if not re.fullmatch("[A-Z]{3}", code):
        raise ValueError("must be three capital letters, such as USD or EUR")
    return code


def _in_upper_case(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


ApiKey = Annotated[SecretStr, AfterValidator(long_credential)]
Credential = Annotated[SecretStr | None, AfterValidator(credential)]
# Beyond it clocks and calendars cannot count.
Seconds = Annotated[float, Field(gt=0, le=LONGEST_SECONDS)]
SecondsOrNone = Annotated[float, Field(ge=0, le=LONGEST_SECONDS)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Ticker = Annotated[str, BeforeValidator(_in_upper_case), Field(pattern=TICKER_PATTERN)]
Horizon = Annotated[int, AfterValidator(check_horizon)]
Quota = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[1-9]\d*/(second|minute|hour|day|month)$")], ...], AfterValidator(_nested)
]
GivenPath = Annotated[Annotated[Path, AfterValidator(absolute)] | None, BeforeValidator(_none_if_empty)]
BaseUrl = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
StreamUrl = Annotated[str, Field(pattern=r"^wss?://[^\s/]+(/\S*)?$")]
# A name and an address at which the operator of the requests is reached, as the SEC asks for.
Contact = Annotated[str, Field(pattern=r"^[\x20-\x7e]*[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+[\x20-\x7e]*$", max_length=200)]


class Section(BaseModel):
    """A group of settings: frozen, no unknown keys, every key given, every number finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
