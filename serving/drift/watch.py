"""Looks again and again whether served forecasts still fit, says so once when it turns, and may have models trained."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from prometheus_client.metrics_core import GaugeMetricFamily

from configuration import Settings
from market.bars import Bars
from market.errors import MarketError
from market.market import Market
from serving.contract.schemas import DriftAnswer
from serving.details.outcomes import saw_report
from serving.drift.fit import Fit, Outcome, fit
from serving.drift.stability import shifted_inputs
from serving.models.champions import Champions, Key
from serving.monitoring.track_record import TrackRecord

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 300.0
ALL = "all"


@dataclass(frozen=True, slots=True)
class Drift:
    """What is known of the model that serves a ticker and horizon.

    Attributes:
        reports: of sessions that a report reached, which are judged apart and raise no alarm.
        shifted: stability index of the inputs that moved most, when intervals are wrong.
    """

    version: int
    ordinary: Fit | None
    reports: Fit | None
    shifted: dict[str, float] = field(default_factory=dict)

    @property
    def drifts(self) -> bool:
        """Whether its intervals are known to be wrong."""
        return self.ordinary is not None and self.ordinary.drifts


class DriftWatch:
    """The drift of every model that serves, and of all tickers together at each horizon."""

    def __init__(
        self,
        settings: Settings,
        market: Market,
        champions: Champions,
        record: TrackRecord,
        retrain: Callable[[str, int], None],
    ) -> None:
        """Wire the parts.

        Args:
            retrain: called in a thread with ticker and horizon when drift is found and configured to be answered so.
        """
        self._settings = settings
        self._market = market
        self._champions = champions
        self._record = record
        self._retrain = retrain if settings.training.retrain_on_drift else None
        self._known: dict[Key, Drift] = {}
        self._pooled: dict[int, Fit] = {}

    def of(self, ticker: str, horizon: int) -> DriftAnswer | None:
        """What is known of a ticker and horizon; None before any outcome of the model that serves."""
        drift, pooled = self._known.get((ticker, horizon)), self._pooled.get(horizon)
        if drift is None or drift.ordinary is None:
            return None
        fits, reports = drift.ordinary, drift.reports
        return DriftAnswer(
            drifts=fits.drifts,
            evidence=fits.evidence,
            sessions=fits.sessions,
            missed=fits.missed,
            bias=fits.bias,
            dispersion=fits.dispersion,
            report_sessions=reports.sessions if reports else 0,
            report_missed=reports.missed if reports else None,
            pooled_evidence=pooled.evidence if pooled else None,
            shifted_inputs=drift.shifted,
            told=fits.told,
        )

    def figures(self) -> list[GaugeMetricFamily]:
        """The evidence, for Prometheus."""
        found = GaugeMetricFamily(
            "stocks_drift_evidence",
            "That intervals miss too often or too rarely; 20 or more settles it.",
            labels=["ticker", "horizon"],
        )
        for (ticker, horizon), drift in self._known.items():
            if drift.ordinary:
                found.add_metric([ticker, str(horizon)], drift.ordinary.evidence)
        for horizon, pooled in self._pooled.items():
            found.add_metric([ALL, str(horizon)], pooled.evidence)
        return [found]

    async def follow(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("drift.look_failed")
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def look(self) -> None:
        """Compare all outcomes that are known with their forecasts."""
        pooled: dict[int, list[Outcome]] = {}
        for ticker in self._settings.tickers:
            try:
                bars = (await self._market.history(ticker)).bars
            except MarketError:
                continue  # health says so
            for horizon in self._settings.horizons:
                ordinary = await asyncio.to_thread(self._look_at, (ticker, horizon), bars)
                pooled.setdefault(horizon, []).extend(ordinary)
        for horizon, outcomes in pooled.items():
            self._take_pooled(horizon, fit(outcomes, horizon))

    def _look_at(self, key: Key, bars: Bars) -> list[Outcome]:
        """Judge one model; gives its outcomes of ordinary sessions."""
        published = self._champions.get(*key)
        if published is None:
            self._known.pop(key, None)
            return []
        version, dates = published.card.version, self._market.reports_of(key[0])
        due = [one for one in self._record.known_outcomes(bars, key[1]) if one[0].version == version]
        ordinary = [one for one in due if not saw_report(one[0], dates)]
        reported = [one for one in due if saw_report(one[0], dates)]
        drift = Drift(version, fit(ordinary, key[1]), fit(reported, key[1]))
        if drift.drifts:
            drift = Drift(version, drift.ordinary, drift.reports, shifted_inputs(published.card, bars))
        self._take(key, drift)
        return ordinary

    def _take(self, key: Key, drift: Drift) -> None:
        before = self._known.get(key)
        self._known[key] = drift
        if drift.drifts != (before is not None and before.drifts):
            fits = drift.ordinary
            event = "drift.found" if drift.drifts else "drift.over"
            told = {"evidence": round(fits.evidence, 1), "reason": fits.told} if fits else {}
            log.warning(event, ticker=key[0], horizon=key[1], version=drift.version, shifted=drift.shifted, **told)
            if drift.drifts and self._retrain is not None:
                self._retrain(*key)

    def _take_pooled(self, horizon: int, found: Fit | None) -> None:
        before = self._pooled.pop(horizon, None)
        if found is None:
            return
        self._pooled[horizon] = found
        if found.drifts != (before is not None and before.drifts):
            event = "drift.found" if found.drifts else "drift.over"
            log.warning(event, ticker=ALL, horizon=horizon, evidence=round(found.evidence, 1), reason=found.told)
