"""The page's files, read and compressed once."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"
INDEX = "index.html"

# The types of module scripts and styles must not depend on the registry of the machine.
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page.

    Attributes:
        compressed: the content, with gzip.
        etag: changes with the content.
    """

    content: bytes
    compressed: bytes
    media_type: str
    etag: str


def read_assets(folder: Path = STATIC) -> dict[str, Asset]:
    """Every file under `folder`, by its path from there with forward slashes."""
    return {path.relative_to(folder).as_posix(): _asset(path) for path in sorted(folder.rglob("*")) if _is_public(path)}


def _is_public(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    media_type = _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain; charset=utf-8"
    digest = hashlib.sha256(content).hexdigest()[:20]
    return Asset(content, gzip.compress(content, mtime=0), media_type, f'"{digest}"')
