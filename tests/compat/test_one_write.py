import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from compat.one_write import OneWrite


class Recorded(asyncio.Transport):
    """A transport, and what was done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []

    def write(self, data: Any) -> None:
        self.calls.append(data)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.calls.append(list(list_of_data))

    def close(self) -> None:
        self.calls.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.calls


@pytest.fixture
async def inner() -> Recorded:
    return Recorded()


@pytest.fixture
async def outer(inner: Recorded) -> OneWrite:
    return OneWrite(inner, asyncio.get_running_loop())


async def test_head_and_body_are_one_write(inner: Recorded, outer: OneWrite) -> None:
    outer.write(b"head")
    outer.write(b"body")
    await asyncio.sleep(0)

    assert inner.calls == [[b"head", b"body"]]


async def test_a_head_does_not_wait_for_a_late_body(inner: Recorded, outer: OneWrite) -> None:
    outer.write(b"head")
    assert inner.calls == []
    await asyncio.sleep(0)
    assert inner.calls == [b"head"]

    outer.write(b"body")
    await asyncio.sleep(0)
    assert inner.calls == [b"head", b"body"]


async def test_the_order_stays_whatever_is_written_at_once(inner: Recorded, outer: OneWrite) -> None:
    for part in (b"a", b"b", b"c", b"d", b"e"):
        outer.write(part)
    await asyncio.sleep(0)

    assert inner.calls == [[b"a", b"b"], [b"c", b"d"], b"e"]


async def test_nothing_is_lost_when_it_closes(inner: Recorded, outer: OneWrite) -> None:
    outer.write(b"head")
    outer.close()
    await asyncio.sleep(0)

    assert inner.calls == [b"head", "closed"]
    assert outer.is_closing()


async def test_all_else_is_the_transport_itself(inner: Recorded, outer: OneWrite) -> None:
    assert outer.get_extra_info("peername", "nobody") == inner.get_extra_info("peername", "nobody")
