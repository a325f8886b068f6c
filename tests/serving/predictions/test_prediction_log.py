import asyncio
from collections.abc import MutableMapping, Sequence
from typing import Any

from structlog.testing import capture_logs

from logs import request_id
from serving.predictions.prediction_log import PredictionLog
from serving.telemetry.batches import write_regularly


def said(lines: Sequence[MutableMapping[str, Any]]) -> list[tuple[str, int]]:
    return [(line["ticker"], line["count"]) for line in lines if line["event"] == "prediction.computed"]


async def test_the_first_of_a_kind_is_written_at_once_and_others_together(parts: Any) -> None:
    log = PredictionLog()
    apple, tesla = [await parts.computing.compute(ticker, 1) for ticker in ("AAPL", "TSLA")]
    with capture_logs() as lines:
        for computed in (apple, apple, apple, tesla):
            log.note(computed)
        assert said(lines) == [("AAPL", 1), ("TSLA", 1)]
        log.write()
        assert said(lines)[2:] == [("AAPL", 2)]
        log.note(apple)
        log.note(tesla)
        log.write()

    assert said(lines)[3:] == [("TSLA", 1), ("AAPL", 1)]


async def test_no_prediction_goes_without_a_line_that_stands_for_it(parts: Any) -> None:
    log = PredictionLog()
    kinds = [await parts.computing.compute(ticker, 1) for ticker in ("AAPL", "TSLA", "MSFT")]
    with capture_logs() as lines:
        for number in range(100):
            log.note(kinds[number % 3])
            if number % 7 == 0:
                log.write()
        log.write()

    assert sum(count for _, count in said(lines)) == 100


async def test_what_is_held_back_is_written_when_the_service_stops(parts: Any) -> None:
    log = PredictionLog()
    computed = await parts.computing.compute("AAPL", 1)
    with capture_logs() as lines:
        writing = asyncio.create_task(write_regularly(log.write))
        await asyncio.sleep(0)
        for _ in range(3):
            log.note(computed)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)

    assert said(lines) == [("AAPL", 1), ("AAPL", 2)]


async def test_a_line_names_the_request_of_the_newest(parts: Any) -> None:
    log = PredictionLog()
    computed = await parts.computing.compute("AAPL", 1)
    with capture_logs() as lines:
        for name in ("first", "second", "third"):
            token = request_id.set(name)
            log.note(computed)
            request_id.reset(token)
        log.write()

    assert [(line["request_id"], line["count"]) for line in lines] == [("first", 1), ("third", 2)]
