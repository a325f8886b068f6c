"""The cache inside one process."""

from collections import OrderedDict
from collections.abc import Hashable
from time import monotonic
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class MemoryCache(Generic[Key, Value]):
    """Values with a life, at most `capacity` of them; what was not used for longest goes first.

    A value is kept past its life for `get_old`, because an old answer is better than none.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._values: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """The value while it lives."""
        found = self._values.get(key)
        if found is None or monotonic() >= found[0]:
            return None
        self._values.move_to_end(key)
        return found[1]

    def get_old(self, key: Key) -> tuple[Value, float] | None:
        """The value whatever its age, with the seconds since its life ended (negative while it lives)."""
        found = self._values.get(key)
        return (found[1], monotonic() - found[0]) if found is not None else None

    def put(self, key: Key, value: Value, seconds: float) -> None:
        """Keep `value`, which lives for `seconds`."""
        self._values[key] = (monotonic() + seconds, value)
        self._values.move_to_end(key)
        if len(self._values) > self._capacity:
            self._values.popitem(last=False)

    def expire(self, key: Key) -> None:
        """End a value's life now."""
        found = self._values.get(key)
        if found is not None:
            self._values[key] = (monotonic(), found[1])
