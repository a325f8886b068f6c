from pathlib import Path

import numpy as np
import pytest

from concurrency.atomic_file import replace_file
from market.calendar import builder


def test_the_new_file_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for content in (b"old", b"new"):
        with replace_file(path) as file:
            file.write(content)
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail_half_way() -> None:
        with replace_file(path) as file:
            file.write(b"half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # exchange_calendars in the newest pandas
def test_the_calendar_file_holds_plain_columns(tmp_path: Path) -> None:
    builder.write("XNYS", tmp_path / "XNYS.npz")
    with np.load(tmp_path / "XNYS.npz", allow_pickle=False) as columns:
        assert columns["session"][0] == np.datetime64("1990-01-02")
        assert columns["open_at"].dtype == columns["close_at"].dtype == np.dtype("datetime64[s]")
        assert (columns["open_at"] < columns["close_at"]).all()
    with pytest.raises(SystemExit, match="exchange = NOWHERE: unknown"):
        builder.write("NOWHERE", tmp_path / "none.npz")
