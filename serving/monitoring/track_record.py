"""What was predicted, and how it turned out once the target session had closed."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import structlog
from prometheus_client.metrics_core import GaugeMetricFamily

from market.bars import Bars
from serving.contract.schemas import Accuracy, Prediction

log = structlog.get_logger(__name__)

# Outcomes that a rolling score looks back over: a quarter of sessions.
ROLLING = 60


@dataclass(frozen=True, slots=True)
class Noted:
    """A served prediction, as returns from the close of `made_on`."""

    ticker: str
    horizon: int
    made_on: str
    target_on: str
    type: str
    version: int | None
    simulated: bool
    median: float
    lower: float
    upper: float

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it one prediction, however often and by however many workers it was served."""
        return self.ticker, self.horizon, self.made_on, self.type, self.version, self.simulated


class TrackRecord:
    """Predictions in JSON lines, one file a month, which any number of workers append to."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "served"
        self._known: set[tuple[object, ...]] = set()
        self._scores: dict[tuple[str, int], Accuracy] = {}

    def note(self, prediction: Prediction) -> None:
        """Write a prediction down the first time it is made; a provisional one is not the session's last word."""
        if prediction.data.provisional:
            return
        noted = _noted(prediction)
        if noted.key in self._known:
            return
        self._known.add(noted.key)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / f"{noted.made_on[:7]}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(noted)) + "\n")
        except OSError as error:
            log.warning("not noted", ticker=noted.ticker, problem=str(error))

    def join(self, bars: Mapping[str, Bars]) -> dict[tuple[str, int], Accuracy]:
        """Rolling scores by ticker and horizon of the predictions whose target session is among `bars`."""
        found = defaultdict(list)
        for noted in self._last_words(bars):
            actual = _return(bars[noted.ticker], noted.made_on, noted.target_on)
            if actual is not None:
                found[noted.ticker, noted.horizon].append((noted, actual))
        self._scores = {key: _score(pairs[-ROLLING:]) for key, pairs in found.items()}
        return self._scores

    def outcomes(self, bars: Bars, horizon: int) -> list[tuple[Noted, float | None]]:
        """Each session's prediction of the ticker of `bars`, with the return that came; None until it is known."""
        return [
            (noted, _return(bars, noted.made_on, noted.target_on))
            for noted in self._last_words({bars.ticker: bars})
            if noted.horizon == horizon
        ]

    def _last_words(self, bars: Mapping[str, Bars]) -> Iterable[Noted]:
        """One prediction for each ticker, horizon and session: the newest model's, else the baseline's."""
        chosen: dict[tuple[object, ...], Noted] = {}
        for noted in self._read():
            if noted.ticker in bars and bars[noted.ticker].simulated == noted.simulated:
                key = noted.ticker, noted.horizon, noted.made_on
                chosen[key] = max(chosen.get(key, noted), noted, key=lambda one: one.version or 0)
        return chosen.values()

    def score(self, ticker: str, horizon: int) -> Accuracy | None:
        """The last rolling score of a ticker and horizon, if any of its predictions came due."""
        return self._scores.get((ticker, horizon))

    def figures(self) -> list[GaugeMetricFamily]:
        """The last scores, for Prometheus."""
        coverage = GaugeMetricFamily(
            "stocks_interval_coverage", "Share of outcomes inside their interval.", labels=["ticker", "horizon"]
        )
        for (ticker, horizon), score in self._scores.items():
            coverage.add_metric([ticker, str(horizon)], score.coverage)
        return [coverage]

    def _read(self) -> Iterator[Noted]:
        seen = set()
        for path in sorted(self._folder.glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    noted = Noted(**json.loads(line))
                except (ValueError, TypeError):
                    continue  # a line cut off by a crash
                if noted.key not in seen:
                    seen.add(noted.key)
                    yield noted


def _noted(prediction: Prediction) -> Noted:
    price_prediction, price = prediction.prediction, prediction.current_price
    return Noted(
        ticker=prediction.ticker,
        horizon=price_prediction.horizon,
        made_on=price_prediction.made_on.isoformat(),
        target_on=price_prediction.target_on.isoformat(),
        type=prediction.model.type,
        version=prediction.model.version,
        simulated=prediction.data.history_source == "simulated",
        median=price_prediction.price_target / price - 1,
        lower=price_prediction.interval.lower / price - 1,
        upper=price_prediction.interval.upper / price - 1,
    )


def _return(bars: Bars, made_on: str, target_on: str) -> float | None:
    """Simple return between two sessions; None unless both are among `bars`."""
    days = [np.datetime64(date.fromisoformat(text)) for text in (made_on, target_on)]
    first, last = np.searchsorted(bars.session, days)
    if last >= len(bars) or bars.session[first] != days[0] or bars.session[last] != days[1]:
        return None
    return float(bars.close[last] / bars.close[first] - 1)


def _score(pairs: list[tuple[Noted, float]]) -> Accuracy:
    inside = [noted.lower <= actual <= noted.upper for noted, actual in pairs]
    misses = [abs(noted.median - actual) for noted, actual in pairs]
    right = [(noted.median >= 0) == (actual > 0) for noted, actual in pairs]
    return Accuracy(
        count=len(pairs),
        coverage=sum(inside) / len(pairs),
        mean_absolute_error=sum(misses) / len(pairs),
        direction_accuracy=sum(right) / len(pairs),
    )
