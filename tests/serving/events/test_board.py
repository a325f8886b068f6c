import asyncio

import pytest

from serving.contract.problems import Problem
from serving.events.board import Event, EventBoard
from serving.events.places import StreamPlaces


async def test_every_subscription_gets_every_event() -> None:
    board = EventBoard(StreamPlaces(2))
    one, other = board.subscribe(), board.subscribe()

    board.publish(Event("model", "AAPL:1", "{}"))

    assert (await one.get()).key == (await other.get()).key == "AAPL:1"


async def test_the_latest_value_takes_the_place_of_an_older_one() -> None:
    board = EventBoard(StreamPlaces(1))
    subscription = board.subscribe()

    for price in range(1000):
        board.publish(Event("prediction", "AAPL:1", str(price)))
    board.publish(Event("prediction", "MSFT:1", "0"))

    assert len(subscription) == 2
    assert [(await subscription.get()).data for _ in range(2)] == ["999", "0"]


async def test_a_subscription_waits_until_something_happens() -> None:
    board = EventBoard(StreamPlaces(1))
    subscription = board.subscribe()
    waiting = asyncio.create_task(subscription.get())
    await asyncio.sleep(0)
    assert not waiting.done()

    board.publish(Event("health", "", "{}"))

    assert (await waiting).name == "health"


async def test_one_client_too_many_is_refused_until_another_has_left() -> None:
    board = EventBoard(StreamPlaces(1))
    first = board.subscribe()
    with pytest.raises(Problem) as refused:
        board.subscribe()
    assert refused.value.status == 429
    assert refused.value.headers["Retry-After"]

    board.unsubscribe(first)
    assert not board.has_subscribers
    board.subscribe()
