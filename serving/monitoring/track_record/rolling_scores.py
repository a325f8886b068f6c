"""The scores of the last outcomes of each ticker and horizon, as clients and Prometheus read them."""

from collections import defaultdict
from collections.abc import Mapping

from prometheus_client.metrics_core import GaugeMetricFamily

from serving.contract.performance import Accuracy
from serving.monitoring.listing import MOST_NAMED
from serving.monitoring.track_record.accuracy import accuracy_together
from serving.telemetry import metrics

Key = tuple[str, int]


class RollingScores:
    """One score of each ticker and horizon, the newest."""

    def __init__(self) -> None:
        self._scores: dict[Key, Accuracy] = {}

    def take(self, scores: Mapping[Key, Accuracy]) -> None:
        """Take newer ones in place of the old."""
        self._scores |= scores

    def of(self, ticker: str, horizon: int) -> Accuracy | None:
        """The score of a ticker and horizon, if any of its predictions has come due."""
        return self._scores.get((ticker, horizon))

    def by_ticker(self) -> dict[str, dict[int, Accuracy]]:
        """The scores by ticker and horizon; of many tickers the first, and all others together."""
        found: dict[str, dict[int, Accuracy]] = {}
        shown, others = self._shown(MOST_NAMED)
        for (ticker, horizon), score in shown.items():
            found.setdefault(ticker, {})[horizon] = score
        return found | ({metrics.OTHERS: others} if others else {})

    def figures(self) -> list[GaugeMetricFamily]:
        """The scores, for Prometheus."""
        coverage = GaugeMetricFamily(
            "stocks_interval_coverage", "Share of outcomes inside their interval.", labels=["ticker", "horizon"]
        )
        shown, others = self._shown(metrics.MOST_LABELLED)
        for (ticker, horizon), score in shown.items():
            coverage.add_metric([ticker, str(horizon)], score.coverage)
        for horizon, score in others.items():
            coverage.add_metric([metrics.OTHERS, str(horizon)], score.coverage)
        return [coverage]

    def _shown(self, most: int) -> tuple[dict[Key, Accuracy], dict[int, Accuracy]]:
        """The scores of the first `most` tickers, and those of all others together by horizon."""
        first = set(sorted({ticker for ticker, _ in self._scores})[:most])
        shown = {key: score for key, score in self._scores.items() if key[0] in first}
        rest: dict[int, list[Accuracy]] = defaultdict(list)
        for (ticker, horizon), score in self._scores.items():
            if ticker not in first:
                rest[horizon].append(score)
        return shown, {horizon: accuracy_together(scores) for horizon, scores in rest.items()}
