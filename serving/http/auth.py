"""Who may change something."""

import re
from http import HTTPStatus
from ipaddress import ip_address
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving.contract.problems import Problem
from serving.http.api_keys import ApiKeys

FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")
# A Host header that names this machine: no user, no path, nothing that a lenient parser would skip.
LOCAL_HOST = re.compile(r"(localhost|127(?:\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)

_bearer = HTTPBearer(
    auto_error=False, description="One of the configured API keys; without any, loopback clients only."
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def check_permission(request: Request, credentials: Credentials) -> None:
    """Refuse strangers, as a dependency of routes that change something.

    Raises:
        Problem: 401 or 403.
    """
    keys: ApiKeys = request.app.state.api_keys
    if keys.configured:
        check_key(credentials.credentials if credentials else "", keys)
    else:
        check_local_program(request)


def check_key(given: str, keys: ApiKeys) -> None:
    """Raise 401 unless `given` is one of `keys`.

    Raises:
        Problem: 401.
    """
    if not keys.accept(given):
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
