"""The log lines of computed predictions: few enough to cost little, and none of them silent about others."""

from dataclasses import dataclass

import structlog

from logs import request_id
from serving.predictions.predictor import Computed

log = structlog.get_logger(__name__)

Kind = tuple[str, int, str]


@dataclass(slots=True)
class Unwritten:
    """Predictions of a kind that no line stands for yet; the newest speaks for all."""

    newest: Computed
    request_id: str
    count: int = 1

    def write(self) -> None:
        """Write a line for them all, with the request that the newest was computed for."""
        count, self.count = self.count, 0
        prediction = self.newest.prediction
        log.info(
            "prediction.computed",
            ticker=prediction.ticker,
            horizon=prediction.prediction.horizon,
            model=prediction.model.type,
            version=prediction.model.version,
            fallback=self.newest.fallback,
            confidence=prediction.prediction.confidence,
            source=prediction.data.source,
            count=count,
            **({"request_id": self.request_id} if self.request_id else {}),
        )


class PredictionLog:
    """Writes the first prediction of a kind at once, and those that follow it as one line with each `write`."""

    def __init__(self) -> None:
        self._unwritten: dict[Kind, Unwritten] = {}

    def note(self, computed: Computed) -> None:
        """Log one prediction, or count it for the next line of its kind."""
        prediction = computed.prediction
        kind = (prediction.ticker, prediction.prediction.horizon, computed.fallback)
        unwritten = self._unwritten.get(kind)
        if unwritten is None:
            self._unwritten[kind] = Unwritten(computed, request_id.get())
            self._unwritten[kind].write()
        else:
            unwritten.newest, unwritten.request_id = computed, request_id.get()
            unwritten.count += 1

    def write(self) -> None:
        """Write what was counted; a kind of which there was nothing is written at once again when it comes."""
        self._unwritten = {kind: found for kind, found in self._unwritten.items() if found.count}
        for found in self._unwritten.values():
            found.write()
