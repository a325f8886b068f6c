from typing import Any

from structlog.testing import capture_logs

from serving.predictions.prediction_log import EVERY_SECONDS, PredictionLog


async def test_one_line_a_second_says_for_how_many_it_stands(parts: Any) -> None:
    now = 100.0
    log = PredictionLog(lambda: now)
    apple, tesla = [await parts.computing.compute(ticker, 1) for ticker in ("AAPL", "TSLA")]
    with capture_logs() as lines:
        for computed in (apple, apple, apple, tesla):
            log.note(computed)
        now += EVERY_SECONDS
        log.note(apple)

    written = [(line["event"], line["ticker"], line["count"]) for line in lines]
    name = "prediction.computed"
    assert written == [(name, "AAPL", 1), (name, "TSLA", 1), (name, "AAPL", 3)]
