"""Looks again and again whether served forecasts still fit, says so once when it turns, and may have models trained."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

import structlog
from prometheus_client.metrics_core import GaugeMetricFamily

from configuration import Settings
from market.bars import Bars
from market.errors import MarketError
from market.market import Market
from serving.contract.schemas import DriftAnswer
from serving.details.outcomes import saw_report
from serving.drift.fit import Fit, Outcome, fit, pooled_fit
from serving.drift.stability import shifted_inputs
from serving.models.champions import Champions, Key
from serving.monitoring.track_record.track_record import TrackRecord
from serving.telemetry import metrics

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 300.0
# Tickers between two pauses, seconds of a pause, and how many times as long as their looks it is at least.
LOOKED_AT_ONCE, PAUSE_SECONDS, PAUSES = 16, 0.5, 4.0
ALL = "all"

# Version that serves, and the session of the newest prediction whose outcome is known.
State = tuple[int | None, str]
UNSEEN: State = (None, "never")


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
        self._tickers = frozenset(settings.tickers)
        self._seen: dict[Key, State] = {}
        self._outcomes: dict[Key, list[Outcome]] = {}
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
        """The evidence, for Prometheus; of tickers without a label of their own the strongest."""
        found = GaugeMetricFamily(
            "stocks_drift_evidence",
            "That intervals miss too often or too rarely; 20 or more settles it.",
            labels=["ticker", "horizon"],
        )
        evidence: dict[tuple[str, str], float] = {}
        for (ticker, horizon), drift in self._known.items():
            if drift.ordinary:
                label = metrics.ticker_label(ticker), str(horizon)
                evidence[label] = max(evidence.get(label, 0.0), drift.ordinary.evidence)
        for label, most in evidence.items():
            found.add_metric([*label], most)
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
        """Compare the outcomes that are known with their forecasts, of every ticker where there may be others."""
        held = await asyncio.to_thread(self._record.tickers)
        changed = [ticker for ticker in held if ticker in self._tickers and self._is_changed(ticker)]
        loop = asyncio.get_running_loop()
        for start in range(0, len(changed), LOOKED_AT_ONCE):
            began = loop.time()
            for ticker in changed[start : start + LOOKED_AT_ONCE]:
                await self._look_at_ticker(ticker)
            if len(changed) > LOOKED_AT_ONCE:
                await asyncio.sleep(max(PAUSE_SECONDS, PAUSES * (loop.time() - began)))
        if changed:
            for horizon in self._settings.horizons:
                self._take_pooled(horizon, await asyncio.to_thread(self._fit_pooled, horizon))

    def _is_changed(self, ticker: str) -> bool:
        """Whether another model serves than at the last look, or more outcomes are known."""
        keys = [(ticker, horizon) for horizon in self._settings.horizons]
        return any(self._seen.get(key, UNSEEN) != self._state(key) for key in keys)

    def _state(self, key: Key) -> State:
        published, known = self._champions.get(*key), self._record.last_outcomes().get(key)
        return published.card.version if published else None, known[-1][0].made_on if known else ""

    async def _look_at_ticker(self, ticker: str) -> None:
        try:
            bars = (await self._market.recent(ticker)).bars
        except MarketError:
            return  # health says so
        for horizon in self._settings.horizons:
            key = ticker, horizon
            self._seen[key] = self._state(key)
            self._outcomes[key] = await asyncio.to_thread(self._look_at, key, bars)

    def _fit_pooled(self, horizon: int) -> Fit | None:
        of_horizon = [outcomes for key, outcomes in self._outcomes.items() if key[1] == horizon]
        return pooled_fit(chain.from_iterable(of_horizon), horizon)

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
