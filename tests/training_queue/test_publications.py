from pathlib import Path

import pytest

from training_queue.publications import Publications


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training_queue.publications.LEFT_BEHIND_AFTER", -1.0)


@pytest.mark.usefixtures("at_once")
def test_a_publication_is_on_the_list_until_it_ends(tmp_path: Path) -> None:
    publications = Publications(tmp_path)

    with publications.under_way("AAPL", 5):
        assert Publications(tmp_path).left_behind() == Publications(tmp_path).unfinished() == [("AAPL", 5)]

    assert publications.left_behind() == []


@pytest.mark.usefixtures("at_once")
def test_one_that_fails_stays_on_the_list(tmp_path: Path) -> None:
    publications = Publications(tmp_path)

    with pytest.raises(OSError, match="disk full"), publications.under_way("AAPL", 1):
        raise OSError("disk full")

    assert publications.left_behind() == [("AAPL", 1)]
    publications.forget("AAPL", 1)
    assert publications.left_behind() == []


def test_one_that_has_just_begun_is_not_left_behind(tmp_path: Path) -> None:
    publications = Publications(tmp_path)

    with publications.under_way("AAPL", 1):
        assert publications.left_behind() == []


def test_one_that_is_asked_for_is_due_at_once(tmp_path: Path) -> None:
    publications = Publications(tmp_path)

    publications.request("AAPL", 1)

    assert publications.left_behind() == [("AAPL", 1)]
    assert publications.unfinished() == []


def test_one_that_fails_again_and_again_is_left_alone_for_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("training_queue.publications.time", lambda: now)
    publications = Publications(tmp_path)
    publications.request("AAPL", 1)
    pauses = []
    for _ in range(12):
        publications.postpone("AAPL", 1)
        publications.request("AAPL", 1)
        began = now
        while not publications.left_behind():
            now += 10
        pauses.append(now - began)

    assert pauses[:4] == [10, 20, 40, 80]
    assert pauses[-1] == pauses[-2] == 3600


def test_a_list_that_cannot_be_written_prevents_no_publication(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file where the folder should be", encoding="utf-8")

    with Publications(tmp_path).under_way("AAPL", 1):
        published = True

    assert published
