"""Of thousands of tickers the first have series of their own in /metrics."""

from collections.abc import Iterator

import pytest

from serving.telemetry import metrics


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    metrics.label_tickers([])


def test_tickers_beyond_the_first_are_counted_together() -> None:
    tickers = [f"T{number}" for number in range(300)]

    metrics.label_tickers(tickers)

    assert {metrics.ticker_label(ticker) for ticker in tickers} == {*tickers[: metrics.MOST_LABELLED], metrics.OTHERS}
