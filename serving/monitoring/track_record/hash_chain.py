"""Lines that each name the one before by its SHA-256, so that nobody can change one without it showing.

The chain goes through all files: the first line of one names the last of the file before, the very first NOTHING. A
line that a crash cut off stays and is named like any other. The last line is named by none yet: who keeps its hash, the
head, can tell later whether it is still there.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

PREVIOUS = "previous"
NOTHING = "0" * 64
# More than any line takes.
LONGEST_LINE = 65536


@dataclass(frozen=True, slots=True)
class Verified:
    """What a walk along the chains found.

    Attributes:
        lines: that are chained.
        head: hash of the last line of the newest file; NOTHING without lines.
        broken: the first line that does not name the one before, as `file:line`; null without one.
        has_kept_head: whether the line is there whose hash was asked for, if one was.
    """

    lines: int
    head: str
    broken: str | None = None
    has_kept_head: bool = True


def append(path: Path, entries: Iterable[dict[str, Any]], before: Path | None) -> None:
    """Append entries to the file `path`, each chained to the line before; the caller keeps others out.

    Args:
        before: the newest earlier file, if there is one.

    Raises:
        OSError: the file cannot be read or written; then nothing is appended, or a part of it.
    """
    with path.open("a+b", buffering=0) as file:
        last, is_whole = _last_line(file)
        previous = _hash(last) if last else head_of(before)
        written = bytearray(b"" if is_whole else b"\n")
        for entry in entries:
            line = json.dumps(entry | {PREVIOUS: previous}).encode()
            written += line + b"\n"
            previous = _hash(line)
        file.write(written)


def head_of(path: Path | None) -> str:
    """Hash of the last line of a file; NOTHING where there is none."""
    if path is None or not path.exists():
        return NOTHING
    with path.open("rb") as file:
        last, _ = _last_line(file)
    return _hash(last) if last else NOTHING


def verify(paths: Sequence[Path], kept_head: str | None = None) -> Verified:
    """Walk along all files, the oldest first.

    The first lines may be from before there were chains. What the very first chained line names is taken on trust: the
    files before it may have been removed, because they were old.

    Args:
        kept_head: hash of a line that must be there.
    """
    lines, head, found = 0, NOTHING, kept_head is None
    for path in paths:
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            entry = _entry(line)
            if entry is not None and (PREVIOUS in entry or lines):
                if lines and entry.get(PREVIOUS) != head:
                    return Verified(lines, head, f"{path}:{number}", found)
                lines += 1
            head = _hash(line)
            found = found or head == kept_head
    return Verified(lines, head, None, found)


def _entry(line: bytes) -> dict[str, Any] | None:
    """The content of a line; None for one that a crash cut off, which the line after it names all the same."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _last_line(file: RawIOBase | BinaryIO) -> tuple[bytes, bool]:
    """The last line without its end, and whether it has one; an empty file is whole."""
    size = file.seek(0, 2)
    file.seek(max(0, size - LONGEST_LINE))
    tail = file.read() or b""
    return tail.rstrip(b"\n").rpartition(b"\n")[2], not tail or tail.endswith(b"\n")


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
