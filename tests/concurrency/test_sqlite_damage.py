"""A damaged SQLite file is moved out of the way once, whoever finds it; a whole one never."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from concurrency.sqlite_damage import is_damage, set_aside
from tests.patience import PATIENT
from tests.sqlite_files import damage, is_whole

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "prices.sqlite"
    make(path)
    return path


def make(path: Path, rows: int = 2000) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS rows (text)")
        connection.executemany("INSERT INTO rows VALUES (?)", [("a row",)] * rows)


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM rows").fetchone()[0])


def test_a_whole_file_stays(path: Path) -> None:
    assert set_aside(path) is None
    assert count(path) == 2000


def test_a_file_that_is_away_is_no_damage(tmp_path: Path) -> None:
    assert set_aside(tmp_path / "nothing.sqlite") is None


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0"])
def test_a_file_without_a_header_is_moved_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    aside = set_aside(path)
    assert aside is not None
    assert aside.read_bytes() == content
    assert not path.exists()


def test_a_file_that_is_damaged_in_the_middle_is_moved_with_its_log(path: Path) -> None:
    damage(path)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        count(path)
    assert is_damage(caught.value)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA user_version = 7")  # stands in the log alone
        assert path.with_name("prices.sqlite-wal").exists()
        aside = set_aside(path)  # while another connection has it open
        assert aside is not None
        make(path, 5)
        assert count(path) == 5
    assert count(path) == 5, "what the old connection leaves behind is not taken for the new file's"
    assert is_whole(path)
    with closing(sqlite3.connect(aside)) as old:
        assert old.execute("PRAGMA user_version").fetchone()[0] == 7


def test_a_locked_file_is_no_damaged_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("concurrency.sqlite_damage.BUSY_SECONDS", 0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert set_aside(path) is None
    assert count(path) == 2000


FINDER = """
import sys
from pathlib import Path
from concurrency.sqlite_damage import set_aside
from tests.concurrency.test_sqlite_damage import make
print("ready", flush=True)
sys.stdin.readline()
print(set_aside(Path(sys.argv[1])), flush=True)
make(Path(sys.argv[1]), 10)
"""


def test_of_several_processes_that_find_it_one_moves_it_and_all_use_the_new_one(path: Path) -> None:
    content = damage(path)
    finders = [
        subprocess.Popen(
            [sys.executable, "-c", FINDER, str(path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for finder in finders:
        assert finder.stdout is not None
        assert finder.stdout.readline() == "ready\n"
    outputs = []
    for finder in finders:
        assert finder.stdin is not None
        finder.stdin.write("\n")
        finder.stdin.flush()
    for finder in finders:
        outputs.append(finder.communicate(timeout=PATIENT)[0].strip())
        assert finder.returncode == 0
    moved = [output for output in outputs if output != "None"]
    assert len(moved) == 1
    assert [each for each in path.parent.iterdir() if "unreadable" in each.name] == [Path(moved[0])]
    assert Path(moved[0]).stat().st_size == len(content)
    assert count(path) == 30
    assert is_whole(path)
