import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from forecasting.card import CARD_FILE
from forecasting.model_store import LATEST_FILE, PublishedModel, UnreadableModel
from serving.models.champions import RETRY_SECONDS, Champions
from serving.models.forest_client import ForestsUnavailable
from tests.patience import PATIENT

Publish = Callable[..., PublishedModel]
KEYS = [("AAPL", 1), ("MSFT", 1)]


async def accept(_published: PublishedModel) -> None:
    """A model that answers."""


async def refuse(published: PublishedModel) -> None:
    raise UnreadableModel(f"{published.folder}: damaged")


async def test_without_a_model_there_is_none(store: Path) -> None:
    champions = Champions([store], KEYS, accept)
    before = champions.has_looked

    await champions.look()

    assert (before, champions.has_looked) == (False, True)
    assert champions.get("AAPL", 1) is None
    assert champions.serving() == []


async def test_a_published_model_takes_over_and_a_newer_one_after_it(store: Path, publish: Publish) -> None:
    champions = Champions([store], KEYS, accept)
    for version in (1, 2):
        published = publish("AAPL", version=version)

        await champions.look()

        assert champions.get("AAPL", 1) == published
    assert champions.get("MSFT", 1) is None


async def test_a_model_that_cannot_answer_is_refused_and_the_old_one_stays(store: Path, publish: Publish) -> None:
    attempts = []

    async def attempt(published: PublishedModel) -> None:
        attempts.append(published.card.version)
        if published.card.version > 1:
            await refuse(published)

    champions = Champions([store], KEYS, attempt)
    first = publish("AAPL", version=1)
    await champions.look()
    publish("AAPL", version=2)
    await champions.look()
    await champions.look()

    assert champions.get("AAPL", 1) == first
    assert "damaged" in (champions.refusal("AAPL", 1) or "")
    assert attempts == [1, 2], "a refused model is tried once"


async def test_a_refusal_is_forgotten_when_a_better_one_comes(store: Path, publish: Publish) -> None:
    champions = Champions([store], KEYS, accept)
    broken = publish("AAPL", version=1)
    (broken.folder / CARD_FILE).write_text("{", encoding="utf-8")
    await champions.look()
    assert "not a model card" in (champions.refusal("AAPL", 1) or "")

    publish("AAPL", version=2)
    await champions.look()

    assert champions.refusal("AAPL", 1) is None
    assert champions.get("AAPL", 1) is not None


async def test_a_runner_that_is_not_there_yet_is_no_refusal(store: Path, publish: Publish) -> None:
    outcomes: list[Exception | None] = [ForestsUnavailable("not started yet"), None]

    async def attempt(_published: PublishedModel) -> None:
        if outcome := outcomes.pop(0):
            raise outcome

    champions = Champions([store], KEYS, attempt)
    publish("AAPL")
    await champions.look()
    assert champions.get("AAPL", 1) is None
    assert champions.refusal("AAPL", 1) is None

    await champions.look()

    assert champions.get("AAPL", 1) is not None


async def test_a_refused_model_that_is_mended_in_place_takes_over(store: Path, publish: Publish) -> None:
    clock = [0.0]
    champions = Champions([store], KEYS, accept, now=lambda: clock[0])
    published = publish("AAPL")
    card = (published.folder / CARD_FILE).read_bytes()
    (published.folder / CARD_FILE).unlink()
    await champions.look()
    assert champions.refusal("AAPL", 1)

    (published.folder / CARD_FILE).write_bytes(card)
    clock[0] = RETRY_SECONDS
    await champions.look()

    assert champions.get("AAPL", 1) == published
    assert champions.refusal("AAPL", 1) is None


async def test_a_model_that_fails_while_it_serves_is_withdrawn_and_comes_back(store: Path, publish: Publish) -> None:
    clock = [0.0]
    champions = Champions([store], KEYS, accept, now=lambda: clock[0])
    told: list[tuple[str, int]] = []
    champions.on_swap(lambda *key: told.append(key))
    published = publish("AAPL")
    await champions.look()

    champions.withdraw(published, "its file is cut off")
    await champions.look()

    assert champions.get("AAPL", 1) is None
    assert champions.refusal("AAPL", 1) == "its file is cut off"
    clock[0] = RETRY_SECONDS
    await champions.look()
    assert champions.get("AAPL", 1) == published
    assert told == [("AAPL", 1)] * 3


async def test_a_recheck_withdraws_only_what_no_longer_answers(store: Path, publish: Publish) -> None:
    broken: set[str] = set()

    async def attempt(published: PublishedModel) -> None:
        if published.card.ticker in broken:
            await refuse(published)

    champions = Champions([store], KEYS, attempt)
    publish("AAPL")
    kept = publish("MSFT")
    await champions.look()
    broken.add("AAPL")

    await champions.recheck()

    assert champions.serving() == [kept]
    assert "damaged" in (champions.refusal("AAPL", 1) or "")


@pytest.mark.parametrize("pointer", [b"\xff\xfe", b""])
async def test_an_unreadable_pointer_keeps_no_other_model_from_being_taken(
    store: Path, publish: Publish, pointer: bytes
) -> None:
    champions = Champions([store], KEYS, accept)
    first = publish("AAPL", version=1)
    await champions.look()
    pointer_file = first.folder.parent / LATEST_FILE
    pointer_file.write_bytes(pointer)
    other = publish("MSFT")

    await champions.look()

    assert champions.serving() == [first, other]
    assert (champions.refusal("AAPL", 1) is None) == (pointer == b"")
    pointer_file.write_text(first.folder.name, encoding="utf-8")
    await champions.look()
    assert champions.refusal("AAPL", 1) is None


async def test_of_many_new_models_those_that_are_asked_for_are_tried_first(
    store: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.models.champions.TRIED_IN_A_LOOK", 1)
    tickers = ["AAPL", "MSFT", "ORCL", "TSLA"]
    attempts = []

    async def attempt(published: PublishedModel) -> None:
        attempts.append(published.card.ticker)

    champions = Champions([store], [(ticker, 1) for ticker in tickers], attempt)
    published = [publish(ticker) for ticker in tickers]
    await champions.look()
    assert champions.has_looked
    assert (attempts, champions.get("TSLA", 1)) == (["AAPL"], None)
    assert [champions.is_missing(ticker, 1) for ticker in ("AAPL", "TSLA", "IBM")] == [False, False, True]

    found = await asyncio.gather(*(champions.find("TSLA", 1) for _ in range(3)))

    assert found == [published[3]] * 3
    assert attempts == ["AAPL", "TSLA"]
    for _ in range(2):
        await champions.look()
    assert sorted(attempts) == tickers
    assert await champions.find("IBM", 1) is None


async def test_a_model_that_is_removed_from_the_store_is_missing_until_it_is_there_again(
    store: Path, publish: Publish
) -> None:
    champions, published = Champions([store], KEYS, accept), publish("AAPL")
    await champions.look()
    pointer = published.folder.parent / LATEST_FILE
    missing = [champions.is_missing("AAPL", 1)]

    content = pointer.read_bytes()
    pointer.unlink()
    await champions.look()
    missing.append(champions.is_missing("AAPL", 1))
    pointer.write_bytes(content)
    await champions.look()

    assert [*missing, champions.is_missing("AAPL", 1)] == [False, True, False]
    assert champions.get("AAPL", 1) == published, "what was loaded serves on meanwhile"


async def test_a_look_at_a_store_where_nothing_changed_tries_and_tells_nothing(store: Path, publish: Publish) -> None:
    attempts, told = [], []

    async def attempt(published: PublishedModel) -> None:
        attempts.append(published.card.ticker)

    champions = Champions([store], KEYS, attempt)
    champions.on_swap(lambda *key: told.append(key))
    publish("AAPL")
    for _ in range(3):
        await champions.look()

    assert (attempts, told) == (["AAPL"], [("AAPL", 1)])


async def test_a_look_that_tried_many_models_is_told_of(
    store: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.models.champions.MANY", 1)
    champions, told = Champions([store], KEYS, accept), []
    champions.on_many_tried(lambda: told.append(len(champions.serving())))
    publish("AAPL")
    publish("MSFT")
    await champions.look()
    publish("AAPL", version=2)
    await champions.look()

    assert told == [2]


async def test_a_request_waits_for_no_model_that_takes_long(
    store: Path, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.models.champions.FOUND_WITHIN_SECONDS", 0.01)
    monkeypatch.setattr("serving.models.champions.TRIED_IN_A_LOOK", 0)
    gate = asyncio.Event()

    async def attempt(_published: PublishedModel) -> None:
        await gate.wait()

    champions, published = Champions([store], KEYS, attempt), publish("AAPL")
    await champions.look()

    assert await champions.find("AAPL", 1) is None
    gate.set()
    monkeypatch.setattr("serving.models.champions.FOUND_WITHIN_SECONDS", PATIENT)
    assert await champions.find("AAPL", 1) == published


async def test_following_goes_on_after_any_failure(store: Path, publish: Publish) -> None:
    champions, looks = Champions([store], KEYS, accept), iter([RuntimeError("a disk that fails"), None])
    look = champions.look

    async def failing_once() -> None:
        if error := next(looks):
            raise error
        await look()
        seen.set()

    seen = asyncio.Event()
    champions.look = failing_once  # type: ignore[method-assign]  # its first look fails
    published = publish("AAPL")

    following = asyncio.create_task(champions.follow())
    await asyncio.wait_for(seen.wait(), PATIENT)
    following.cancel()

    assert champions.get("AAPL", 1) == published


async def test_a_store_comes_before_what_the_bento_brought(
    tmp_path: Path, publisher: Callable[[Path], Publish]
) -> None:
    brought, stored = publisher(tmp_path / "bento"), publisher(tmp_path / "store")
    champions = Champions([tmp_path / "store", tmp_path / "bento"], KEYS, accept)
    brought("AAPL", version=5)
    await champions.look()
    assert _version(champions) == 5

    stored("AAPL", version=1)
    await champions.look()

    assert _version(champions) == 1


def _version(champions: Champions) -> int:
    published = champions.get("AAPL", 1)
    if published is None:
        pytest.fail("no model serves")
    return published.card.version
