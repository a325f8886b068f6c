"""One limit for the clients of all streams."""

import pytest
from prometheus_client import REGISTRY

from serving.contract.problems import Problem
from serving.events.board import EventBoard
from serving.events.places import StreamPlaces


def listening() -> float:
    return REGISTRY.get_sample_value("stocks_stream_listeners", {"stream": "events"}) or 0.0


def test_a_place_that_one_stream_took_is_no_other_ones() -> None:
    places = StreamPlaces(2)
    places.take("events")
    places.take("predictions")
    with pytest.raises(Problem) as refused:
        places.take("events")
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "30")
    places.leave("events")
    places.take("predictions")


def test_clients_are_counted_while_they_are_there() -> None:
    board, before = EventBoard(StreamPlaces(2)), listening()
    one = board.subscribe()
    assert listening() == before + 1
    for _ in range(2):
        board.unsubscribe(one)
    assert listening() == before
