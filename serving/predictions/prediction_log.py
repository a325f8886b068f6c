"""The log lines of computed predictions: few enough to cost little, and none of them silent about others."""

from collections.abc import Callable
from time import monotonic

import structlog

from serving.predictions.predictor import Computed

log = structlog.get_logger(__name__)

EVERY_SECONDS = 1.0


class PredictionLog:
    """Writes at most one line a second of a kind, which says how many predictions it stands for."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._unwritten: dict[tuple[str, int, str], int] = {}
        self._due: dict[tuple[str, int, str], float] = {}

    def note(self, computed: Computed) -> None:
        """Log one prediction, or count it for the next line of its kind."""
        prediction = computed.prediction
        kind = (prediction.ticker, prediction.prediction.horizon, computed.fallback)
        count, now = self._unwritten.get(kind, 0) + 1, self._clock()
        if now < self._due.get(kind, 0.0):
            self._unwritten[kind] = count
            return
        self._unwritten[kind], self._due[kind] = 0, now + EVERY_SECONDS
        log.info(
            "prediction.computed",
            ticker=prediction.ticker,
            horizon=prediction.prediction.horizon,
            model=prediction.model.type,
            version=prediction.model.version,
            fallback=computed.fallback,
            confidence=prediction.prediction.confidence,
            source=prediction.data.source,
            count=count,
        )
