"""Requests to a provider over HTTP: pooled, counted, timed out, retried; every failure becomes a typed error.

The key is added below everything that logs: httpx writes each URL to its log, and an error may carry its request.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import httpx
import stamina

from market.errors import (
    BadKey,
    Malformed,
    PremiumOnly,
    ProviderError,
    QuotaSpent,
    TooFast,
    UnknownTicker,
    Unreachable,
)
from market.providers.quotas.quota import Quota

ATTEMPTS = 3
TOO_FAST_PAUSE_SECONDS = 2.0  # before the one retry of a request that came too fast
LONGEST_RETRY_AFTER_SECONDS = 5.0  # a longer Retry-After is a spent quota
POOL = httpx.Limits(max_connections=10, max_keepalive_connections=4, keepalive_expiry=60)

BY_STATUS: Mapping[int, tuple[type[ProviderError], str]] = {
    HTTPStatus.UNAUTHORIZED: (BadKey, "does not accept the key; correct it in the configuration"),
    HTTPStatus.FORBIDDEN: (BadKey, "does not accept the key; correct it in the configuration"),
    HTTPStatus.PAYMENT_REQUIRED: (PremiumOnly, "the key does not pay for this"),
    HTTPStatus.NOT_FOUND: (UnknownTicker, "does not know the ticker"),
}

Sign = Callable[[httpx.Request], httpx.Request]
Refusal = Callable[[bytes], ProviderError | None]


@dataclass(frozen=True, slots=True)
class SigningTransport(httpx.AsyncBaseTransport):
    """Adds the key to each request on its way out."""

    sign: Sign
    below: httpx.AsyncBaseTransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a signed copy; the request that callers and logs see stays without the key."""
        return await self.below.handle_async_request(self.sign(request))

    async def aclose(self) -> None:
        """Close the pool."""
        await self.below.aclose()


def signed(
    request: httpx.Request, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> httpx.Request:
    """A copy of `request` with more query parameters or headers."""
    merged = httpx.Headers(request.headers)
    merged.update(headers or {})
    url = request.url.copy_merge_params(dict(params)) if params else request.url
    return httpx.Request(request.method, url, headers=merged, extensions=request.extensions)


class HttpSource:
    """One provider's HTTP interface.

    Args:
        name: of the provider, for errors.
        base_url: what paths are appended to.
        quota: asked before every request, retries included.
        timeout: seconds for one answer, retries included; waiting for the quota is not.
        sign: adds the key.
        refusal: the typed error that a body stands for, None when it is none.
        pause: seconds before the retry of a request that came too fast.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        quota: Quota,
        *,
        timeout: float,
        sign: Sign,
        refusal: Refusal,
        pause: float = TOO_FAST_PAUSE_SECONDS,
    ) -> None:
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._quota = quota
        self._timeout = timeout
        self._sign = sign
        self._refusal = refusal
        self._pause = pause
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def get(self, ticker: str, path: str = "", **params: str) -> bytes:
        """The body of the answer to one question about `ticker`.

        Raises:
            ProviderError: of the kind that says what to do about it.
        """
        await self._quota.acquire()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._retrying(ticker, path, params)
        except TimeoutError:
            raise Unreachable(f"{self._name}: no answer for {ticker} within {self._timeout:g} s") from None

    async def close(self) -> None:
        """Close the pool."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    async def _retrying(self, ticker: str, path: str, params: Mapping[str, str]) -> bytes:
        too_fast = 0

        def is_retried(error: Exception) -> bool | float:
            nonlocal too_fast
            if isinstance(error, TooFast):
                too_fast += 1
                return self._pause if too_fast == 1 else False
            return isinstance(error, Unreachable)

        retries = stamina.retry_context(on=is_retried, attempts=ATTEMPTS, timeout=None, wait_max=1.0, wait_jitter=0.2)
        async for attempt in retries:
            with attempt:
                if attempt.num > 1:
                    await self._quota.acquire()
                return await self._once(ticker, path, params)
        raise AssertionError  # pragma: no cover  # the loop returns or raises

    async def _once(self, ticker: str, path: str, params: Mapping[str, str]) -> bytes:
        try:
            response = await self._pool().get(self._base_url + path, params=dict(params))
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
            kind = type(error).__name__  # its text may hold the key
            raise Malformed(f"{self._name}: what would be asked for {ticker} is no HTTP request: {kind}") from None
        except httpx.TransportError as error:
            # Not chained: the text of some of these errors holds the whole request.
            raise Unreachable(f"{self._name}: no answer for {ticker}: {type(error).__name__}") from None
        except (httpx.InvalidURL, httpx.DecodingError, httpx.TooManyRedirects) as error:
            raise Malformed(f"{self._name}: its answer for {ticker} cannot be read: {type(error).__name__}") from None
        if refused := self._refusal(response.content) or self._refused(ticker, response):
            raise refused
        return response.content

    def _refused(self, ticker: str, response: httpx.Response) -> ProviderError | None:
        status, name = response.status_code, self._name
        if status == HTTPStatus.OK:
            page = response.content[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))
            return Malformed(f"{name}: answered {ticker} with a web page instead of prices") if page else None
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return _too_many(name, response.headers.get("retry-after", ""))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unreachable(f"{name}: could not answer for {ticker} (HTTP {status})")
        kind, meaning = BY_STATUS.get(status, (Malformed, "answered in a way that is not known"))
        return kind(f"{name}: {meaning} (HTTP {status}, {ticker})")

    def _pool(self) -> httpx.AsyncClient:
        # A pool belongs to the event loop that opened its connections.
        if self._client is None or self._loop is not asyncio.get_running_loop():
            self._loop = asyncio.get_running_loop()
            transport = SigningTransport(self._sign, httpx.AsyncHTTPTransport(limits=POOL))
            self._client = httpx.AsyncClient(transport=transport, timeout=self._timeout)
        return self._client


def _too_many(name: str, retry_after: str) -> ProviderError:
    seconds = float(retry_after) if retry_after.isdigit() else 0.0
    if seconds > LONGEST_RETRY_AFTER_SECONDS:
        return QuotaSpent(f"{name}: too many requests (HTTP 429)", datetime.now(UTC) + timedelta(seconds=seconds))
    return TooFast(f"{name}: too many requests (HTTP 429)")
