"""Failures and results in the order in which their models were asked for."""

from typing import Any

from training.execution.feed import Feed
from training.execution.outcome import Outcome


def failure(ticker: str) -> Outcome:
    return Outcome(ticker, 1, promoted=False, reason="no bars")


def test_what_has_failed_before_it_came_to_a_call_keeps_its_place() -> None:
    calls: list[Any] = [("first",), ("second",)]
    items = [failure("A"), calls[0], failure("B"), failure("C"), calls[1], failure("D")]
    feed = Feed(items)

    ended = list(feed.ended(len(call[0]) for call in feed.calls()))

    assert ended == [failure("A"), (calls[0], 5), failure("B"), failure("C"), (calls[1], 6), failure("D")]


def test_nothing_to_train_leaves_the_failures() -> None:
    feed = Feed([failure("A"), failure("B")])
    assert list(feed.ended(list(feed.calls()))) == [failure("A"), failure("B")]
