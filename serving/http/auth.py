"""Who may change something."""

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256
from http import HTTPStatus
from ipaddress import ip_address
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving.contract.problems import Problem
from serving.http.dependencies import Configured

FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")
# A Host header that names this machine: no user, no path, nothing that a lenient parser would skip.
LOCAL_HOST = re.compile(r"(localhost|127(?:\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)

_bearer = HTTPBearer(
    auto_error=False, description="One of the configured API keys; without any, loopback clients only."
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def check_permission(request: Request, settings: Configured, credentials: Credentials) -> None:
    """Refuse strangers, as a dependency of routes that change something.

    Raises:
        Problem: 401 or 403.
    """
    keys = [key.get_secret_value() for key in settings.security.api_keys]
    if keys:
        check_key(credentials.credentials if credentials else "", keys)
    else:
        check_local_program(request)


def check_key(given: str, keys: Iterable[str]) -> None:
    """Raise 401 unless `given` is one of `keys`; the time it takes does not tell how much of it was right.

    Raises:
        Problem: 401.
    """
    matches = [hmac.compare_digest(_digest(given), _digest(key)) for key in keys]
    if not any(matches):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "This needs `Authorization: Bearer KEY` with one of the configured API keys.",
            {"WWW-Authenticate": "Bearer"},
        )


def check_local_program(request: Request) -> None:
    """Raise 403 unless a program on this machine asks, itself and not through a proxy or a foreign web page.

    Raises:
        Problem: 403.
    """
    if not (_is_from_here(request) and _names_this_machine(request) and _is_same_origin(request)):
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "Only this machine may do that until an API key is configured (security.api_keys);"
            " then send it as a bearer token.",
        )


def _digest(key: str) -> bytes:
    """Equally long for all keys, so that comparing two does not tell their lengths."""
    return sha256(key.encode()).digest()


def _is_from_here(request: Request) -> bool:
    host, port = request.client or ("", None)
    # The server puts a trusted proxy's word in place of the address, without a port; others are strangers'.
    proxied = any(name in request.headers for name in FORWARDED) and port != 0
    try:
        return ip_address(host).is_loopback and not proxied
    except ValueError:
        return False


def _names_this_machine(request: Request) -> bool:
    return LOCAL_HOST.fullmatch(request.headers.get("host", "")) is not None


def _is_same_origin(request: Request) -> bool:
    """Whether no browser asks, which would send one of these headers, or one that shows a page of this service."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return site in {None, "same-origin"} and (origin is None or origin.lower() == own.lower())
