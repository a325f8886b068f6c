"""A prediction as it leaves the service: rendered once, kept in the caches, served many times."""

from dataclasses import dataclass
from time import time
from typing import Literal, Self

from prometheus_client import Counter

from serving.contract.schemas import Prediction
from serving.telemetry import metrics

CacheLayer = Literal["memory", "redis", "prediction", "miss", "stale"]


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """An answer of the service.

    Attributes:
        body: the prediction as JSON.
        model: folder name of the model that could have made it, also when the baseline stood in for it; empty when
            there was none.
        expires: Unix seconds; the quote in it is good no longer.
        served: counts the answers of its model.
    """

    prediction: Prediction
    body: bytes
    model: str
    expires: float
    served: Counter

    @classmethod
    def of(cls, prediction: Prediction, model: str, expires: float, fallback: str = "") -> Self:
        """Render `prediction`; `fallback` says why its model did not make it."""
        made_by = prediction.model
        served = metrics.PREDICTIONS.labels(
            prediction.ticker, prediction.prediction.horizon, made_by.type, made_by.version or 0, fallback
        )
        return cls(prediction, prediction.model_dump_json().encode(), model, expires, served)

    @classmethod
    def from_body(cls, body: bytes, model: str, expires: float) -> Self:
        """The same from its JSON.

        Raises:
            ValueError: it is no prediction.
        """
        return cls.of(Prediction.model_validate_json(body), model, expires)

    def seconds_left(self) -> float:
        """How long it may still be served unmarked."""
        return self.expires - time()

    def marked_stale(self) -> Self:
        """The same, saying that its prices are older than they should be."""
        data = self.prediction.data.model_copy(update={"stale": True})
        return self.of(self.prediction.model_copy(update={"data": data}), self.model, self.expires, "stale")


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """An answer and the layer it came from."""

    answer: Rendered
    layer: CacheLayer
