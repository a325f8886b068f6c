"""Where published models are found."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from forecasting.card import CARD_FILE
from forecasting.model_store import LATEST_FILE, Pointers, UnreadableModel, newest_folder, read_published_model
from tests.patience import PATIENT


def test_a_pointer_that_is_written_over_while_it_is_read_names_no_mixture(tmp_path: Path) -> None:
    (tmp_path / "forest-aapl-1").mkdir()
    pointer, was_read = tmp_path / "forest-aapl-1" / LATEST_FILE, threading.Event()
    os.mkfifo(pointer)  # which gives what was written so far

    def write() -> None:
        with suppress(BrokenPipeError), pointer.open("wb", buffering=0) as file:
            file.write(b"v11-875be15c")
            was_read.wait(PATIENT)
            file.write(b"a")

    writing = threading.Thread(target=write)
    writing.start()
    found = newest_folder([tmp_path], "AAPL", 1)
    was_read.set()
    writing.join()

    assert found is not None
    assert found.name == "v11-875be15c"


def test_a_store_that_cannot_be_read_is_said_unless_another_has_the_model(tmp_path: Path) -> None:
    (tmp_path / "home").symlink_to("home")  # as a folder of another user, for root too
    pointers = Pointers([tmp_path / "home", tmp_path / "bento"])
    with pytest.raises(OSError, match="home/forest-aapl-1/latest"):
        pointers.newest("forest-AAPL-1")

    pointer = tmp_path / "bento" / "forest-aapl-1" / LATEST_FILE
    pointer.parent.mkdir(parents=True)
    pointer.write_text("v1", encoding="utf-8")
    assert pointers.newest("forest-AAPL-1") == pointer.with_name("v1")


def test_pointers_follow_what_is_published_and_read_a_settled_one_once(tmp_path: Path) -> None:
    home, bento = tmp_path / "home", tmp_path / "bento"
    pointers = Pointers([home, bento])
    assert pointers.newest("forest-AAPL-1") is None
    pointer = bento / "forest-aapl-1" / LATEST_FILE
    pointer.parent.mkdir(parents=True)
    for version in ("v1", "v2"):
        pointer.write_text(version, encoding="utf-8")
        assert pointers.newest("forest-AAPL-1") == bento / "forest-aapl-1" / version
    long_ago = (1_700_000_000, 1_700_000_000)
    os.utime(pointer, long_ago)
    assert pointers.newest("forest-AAPL-1") == bento / "forest-aapl-1" / "v2"
    pointer.write_text("v3", encoding="utf-8")
    os.utime(pointer, long_ago)
    assert pointers.newest("forest-AAPL-1") == bento / "forest-aapl-1" / "v2", "it is not read again"

    replaced = pointer.with_name("new")
    replaced.write_text("v4", encoding="utf-8")
    os.utime(replaced, long_ago)
    replaced.replace(pointer)
    assert pointers.newest("forest-AAPL-1") == bento / "forest-aapl-1" / "v4"

    ours = home / "forest-aapl-1" / LATEST_FILE
    ours.parent.mkdir(parents=True)
    ours.write_text("v5", encoding="utf-8")
    assert pointers.newest("forest-AAPL-1") == home / "forest-aapl-1" / "v5"


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("{", "Invalid JSON: EOF while parsing an object at line 1 column 1"),
        ('{"format": 1}', "its field `format` is wrong, Input should be 2 (and "),
        ("{}", "its field `ticker` is missing (and "),
        ("null", "Input should be an object"),
    ],
)
def test_a_damaged_card_is_said_in_plain_words_with_the_remedy(tmp_path: Path, content: str, wrong: str) -> None:
    (tmp_path / CARD_FILE).write_text(content, encoding="utf-8")

    with pytest.raises(UnreadableModel) as caught:
        read_published_model(tmp_path)

    text = str(caught.value)
    assert text.startswith(f"{tmp_path / CARD_FILE}: not a model card of this release: {wrong}")
    assert "; publish the model again (`python -m training publish`)" in text
    assert "pydantic" not in text
    assert "\n" not in text
