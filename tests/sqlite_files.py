"""SQLite files that something has gone wrong with."""

import sqlite3
from contextlib import closing
from pathlib import Path

# Lets the history store take no more bars, as a full disk would.
REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON bars BEGIN SELECT RAISE(FAIL, 'no room'); END"
HEADER = b"SQLite format 3\0"


def damage(path: Path) -> bytes:
    """Overwrite every page after the first, as a failing disk may; the new content."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = int(connection.execute("PRAGMA page_size").fetchone()[0])
    content = path.read_bytes()
    assert content.startswith(HEADER)
    assert len(content) > size
    content = content[:size] + b"\xa5" * (len(content) - size)
    path.write_bytes(content)
    return content


def is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing wrong."""
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok")
