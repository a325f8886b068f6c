"""A prediction as it leaves the service: rendered once, kept in the caches, served many times."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from time import time
from typing import Literal, Self

from forecasting.distribution import Forecast
from serving.contract.predictions import Prediction
from serving.contract.rendering import to_json
from serving.contract.validation import Asked
from serving.predictions.price_prediction import with_distribution
from serving.telemetry import metrics
from serving.telemetry.batches import BatchedCounter, counter

ARM = b"x-model-arm"

CacheLayer = Literal["memory", "redis", "prediction", "miss", "stale"]


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they go over the wire."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """An answer of the service.

    Attributes:
        body: the prediction as JSON.
        headers: that every answer with this body has, ready to send.
        head: the same as they go over the wire.
        model: tag of the model that could have made it, also when the baseline stood in for it; empty when
            there was none.
        expires: Unix seconds; the quote in it is good no longer.
        etag: names the body, so that a client need not get it twice.
        served: counts the answers of its kind.
        forecast: that the prediction was made from; null when the answer came from Redis, which has the body alone.
        arm: of the experiment that the answer is part of; empty when it is part of none.
    """

    prediction: Prediction
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    head: bytes
    etag: bytes
    model: str
    expires: float
    served: BatchedCounter
    forecast: Forecast | None = None
    arm: str = ""

    @classmethod
    def of(
        cls,
        prediction: Prediction,
        model: str,
        expires: float,
        fallback: str = "",
        forecast: Forecast | None = None,
        *,
        arm: str = "",
    ) -> Self:
        """Render `prediction`; `fallback` says why its model did not make it."""
        horizon, made_by = str(prediction.prediction.horizon), prediction.model.type
        served = counter(metrics.PREDICTIONS, metrics.ticker_label(prediction.ticker), horizon, made_by, fallback)
        body = to_json(prediction)
        etag = b'"%s"' % blake2b(body, digest_size=8).hexdigest().encode()
        headers = (
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"etag", etag),
            *(((ARM, arm.encode()),) if arm else ()),
        )
        return cls(prediction, body, headers, lines(headers), etag, model, expires, served, forecast, arm)

    @classmethod
    def from_body(cls, body: bytes, model: str, expires: float, arm: str = "") -> Self:
        """The same from its JSON.

        Raises:
            ValueError: it is no prediction.
        """
        return cls.of(Prediction.model_validate_json(body), model, expires, arm=arm)

    @property
    def unchanged_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers of an answer to a client that has the body already."""
        return self.headers[2:]

    def seconds_left(self) -> float:
        """How long it may still be served unmarked."""
        return self.expires - time()

    def describing(self, asked: Asked) -> Self:
        """The same with more of its distribution in it, where that is known."""
        if self.forecast is None:
            return self
        known = self.prediction
        more = with_distribution(known.prediction, self.forecast.distribution, asked, known.current_price)
        prediction = known.model_copy(update={"prediction": more})
        return self.of(prediction, self.model, self.expires, forecast=self.forecast, arm=self.arm)

    def marked_stale(self) -> Self:
        """The same, saying that its prices are older than they should be."""
        data = self.prediction.data.model_copy(update={"stale": True})
        stale = self.prediction.model_copy(update={"data": data})
        return self.of(stale, self.model, self.expires, "stale", self.forecast, arm=self.arm)


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """An answer and the layer it came from."""

    answer: Rendered
    layer: CacheLayer
