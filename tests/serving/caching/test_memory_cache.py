from typing import Any

from serving.caching.memory_cache import MemoryCache


def test_a_value_lives_for_its_seconds_and_stays_as_an_old_one(clock: Any) -> None:
    memory = MemoryCache[str, int](4)
    memory.put("a", 1, 30)
    assert memory.get("a") == 1
    clock.advance(31)

    assert memory.get("a") is None
    value, since = memory.get_old("a") or (None, None)
    assert value == 1
    assert since is not None
    assert 1 <= since < 30


def test_the_one_unused_for_longest_makes_room() -> None:
    memory = MemoryCache[str, int](2)
    memory.put("a", 1, 60)
    memory.put("b", 2, 60)
    assert memory.get("a") == 1
    memory.put("c", 3, 60)

    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (1, None, 3)
    assert len(memory) == 2


def test_a_life_can_be_ended() -> None:
    memory = MemoryCache[str, int](2)
    memory.put("a", 1, 60)
    memory.expire("a")
    memory.expire("never there")

    assert memory.get("a") is None
    assert memory.get_old("a") is not None
    assert memory.get_old("never there") is None
