"""Long work of a thread, which rests in proportion to what it took."""

import pytest

from concurrency import unhurried
from concurrency.unhurried import PART


class Processor:
    """A clock of the processor's time that the work moves, and the rests that were taken."""

    def __init__(self) -> None:
        self.worked = 0.0
        self.rests: list[float] = []

    def thread_time(self) -> float:
        return self.worked

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Processor:
    processor = Processor()
    monkeypatch.setattr(unhurried, "time", processor)
    return processor


def test_items_come_whole_and_in_their_order(processor: Processor) -> None:
    assert [*unhurried.unhurried(range(3 * PART + 1))] == [*range(3 * PART + 1)]
    assert len(processor.rests) == 3


def test_work_takes_its_share_of_the_time(processor: Processor) -> None:
    for _ in unhurried.unhurried(range(2 * PART), share=0.25):
        processor.worked += 0.5

    assert processor.rests == [PART * 0.5 * 3] * 2


def test_few_items_need_no_rest(processor: Processor) -> None:
    assert [*unhurried.unhurried(range(PART - 1))] == [*range(PART - 1)]
    assert processor.rests == []
