"""The page at `/` and its files under `/page/`, with headers that let it load nothing from elsewhere."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from serving.contract.problems import not_found
from serving.page.assets import INDEX, Asset, read_assets

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Kept, and asked after each time: a new release shows at once, an old one costs no transfer.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


router = APIRouter(include_in_schema=False)
_assets = cache(read_assets)


@router.get("/")
async def index(request: Request) -> Response:
    """The page."""
    return _respond(request.headers, _assets()[INDEX])


@router.get("/page/{path:path}")
async def asset(path: str, request: Request) -> Response:
    """One of its files."""
    found = _assets().get(path)
    if found is None:
        raise not_found("the page has no such file")
    return _respond(request.headers, found)


def _respond(asked: Mapping[str, str], asset: Asset) -> Response:
    headers = {**HEADERS, "ETag": asset.etag}
    if asset.etag in asked.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if "gzip" not in asked.get("accept-encoding", ""):
        return Response(asset.content, headers=headers, media_type=asset.media_type)
    headers["Content-Encoding"] = "gzip"
    return Response(asset.compressed, headers=headers, media_type=asset.media_type)
