"""Who may change something."""

import hmac
from collections.abc import Callable, Sequence
from http import HTTPStatus
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from configuration import Settings
from serving.contract.problems import Problem

FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")

_bearer = HTTPBearer(auto_error=False, description="One of `security.api_keys`; without any, loopback clients only.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def guard(settings: Settings) -> Callable[[Request, Credentials], None]:
    """A dependency of routes that change something: it raises a Problem (401 or 403) for strangers."""
    keys = [key.get_secret_value() for key in settings.security.api_keys]

    def check(request: Request, credentials: Credentials) -> None:
        if keys:
            check_key(credentials.credentials if credentials else "", keys)
        else:
            check_loopback(request)

    return check


def check_key(given: str, keys: Sequence[str]) -> None:
    """Nothing when `given` is one of `keys`, in a time that does not tell how much of it was right.

    Raises:
        Problem: 401 when it is not.
    """
    matches = [hmac.compare_digest(given.encode(), key.encode()) for key in keys]
    if not any(matches):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "This needs `Authorization: Bearer KEY` with one of the configured security.api_keys.",
            {"WWW-Authenticate": "Bearer"},
        )


def check_loopback(request: Request) -> None:
    """Nothing when a program on this very machine asks, itself and not through a proxy or a foreign web page.

    Raises:
        Problem: 403 when somebody else does.
    """
    host = request.client.host if request.client else ""
    # A trusted proxy's word has already replaced the address; a header that is still there is a stranger's.
    proxied = any(name in request.headers for name in FORWARDED) and not _replaced(request)
    page = urlsplit(request.headers.get("origin", "")).hostname
    named = urlsplit(f"//{request.headers.get('host', '')}").hostname
    if not _is_loopback(host) or proxied or not _is_local(named) or (page and not _is_local(page)):
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "Only this machine may do that until security.api_keys holds a key; then send it as a bearer token.",
        )


def _replaced(request: Request) -> bool:
    """Whether the server took the address from a trusted proxy's header; it then knows no port."""
    return request.client is not None and request.client.port == 0


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_local(name: str | None) -> bool:
    return name == "localhost" or _is_loopback(name or "")
