import time

from serving.caching.memory_cache import MemoryCache


def test_a_value_lives_for_its_seconds_and_stays_as_an_old_one() -> None:
    memory = MemoryCache[str, int](4)
    memory.put("a", 1, 0.05)
    assert memory.get("a") == 1
    time.sleep(0.06)

    assert memory.get("a") is None
    value, since = memory.get_old("a") or (None, None)
    assert value == 1
    assert since is not None
    assert since > 0


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
