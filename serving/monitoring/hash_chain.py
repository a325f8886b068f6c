"""Lines that each name the one before by its SHA-256, so that nobody can change one without it showing.

A file is a chain. Its first line names the last line that the newest earlier file then had; the very first names
NOTHING. A line that a crash cut off stays and is named like any other.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
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
        broken: the first line that does not name the one before, as `file:line`; null when none does.
    """

    lines: int
    head: str
    broken: str | None = None


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


def verify(paths: Sequence[Path]) -> Verified:
    """Walk along all files, the oldest first.

    The first lines of a file may be from before there were chains. What the very first line names is taken on trust:
    the files before it may have been removed, because they were old.
    """
    lines, head, known = 0, NOTHING, {NOTHING}
    for number, path in enumerate(paths):
        found = _walk(path, known if number else None)
        if found.broken:
            return Verified(lines + found.lines, head, found.broken)
        known.update(_hash(line) for line in path.read_bytes().splitlines())
        lines, head = lines + found.lines, found.head
    return Verified(lines, head)


def _walk(path: Path, known: Collection[str] | None) -> Verified:
    """Walk along one file, whose first chained line names one of `known`, where those are known."""
    lines, earlier = 0, NOTHING
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        entry = _entry(line)
        if entry is not None and (PREVIOUS in entry or lines):
            named = entry.get(PREVIOUS)
            follows = named == earlier if number > 1 else known is None or named in known
            if not follows:
                return Verified(lines, earlier, f"{path}:{number}")
            lines += 1
        earlier = _hash(line)
    return Verified(lines, earlier)


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
