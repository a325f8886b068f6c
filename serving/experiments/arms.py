"""The two arms of a canary as they forecast: how long each takes, and how often it fails."""

from time import perf_counter

import structlog
from prometheus_client import Counter, Histogram

from forecasting.distribution import Forecast
from forecasting.model_store import PublishedModel, UnreadableModel
from forecasting.reports.schedule import FilingChances
from market.bars import Bars
from serving.experiments.experiments import Experiments
from serving.models.forest_client import ForestsUnavailable
from serving.predictions.forecaster import Forecaster
from serving.predictions.predictor import model_tag
from serving.telemetry.metrics import BUCKETS

log = structlog.get_logger(__name__)

SECONDS = Histogram(
    "stocks_arm_forecast_seconds", "Time of a forecast, by experiment and arm.", ["arm"], buckets=BUCKETS
)
FAILURES = Counter("stocks_arm_failures_total", "Forecasts that failed, by experiment and arm.", ["arm"])


class ArmForecaster(Forecaster):
    """A forecaster that watches the arms of canaries; everything else passes as it is."""

    def __init__(self, forecaster: Forecaster, experiments: Experiments) -> None:
        """Watch what `forecaster` does."""
        self._forecaster = forecaster
        self._experiments = experiments

    async def forecast(self, published: PublishedModel, bars: Bars, reports: FilingChances | None = None) -> Forecast:
        """The forecast of a model for bars that it fits.

        Raises:
            UnreadableModel: it cannot answer.
            ForestsUnavailable: nothing can answer now.
        """
        arm = self._experiments.arm(published.card.ticker, published.card.horizon, model_tag(published))
        if not arm:
            return await self._forecaster.forecast(published, bars, reports)
        failures, started = FAILURES.labels(arm), perf_counter()  # at 0 from the arm's first forecast
        try:
            return await self._forecaster.forecast(published, bars, reports)
        except (ForestsUnavailable, UnreadableModel):
            failures.inc()
            raise
        except Exception as error:
            failures.inc()
            log.exception("arm.failed", arm=arm, ticker=bars.ticker)
            raise UnreadableModel(f"{published.folder}: {type(error).__name__}: {error}") from error
        finally:
            SECONDS.labels(arm).observe(perf_counter() - started)
