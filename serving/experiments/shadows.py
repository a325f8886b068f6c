"""Forecasts of both arms, made once a session and ticker beside the answer, outside the time of any request."""

import asyncio
from dataclasses import dataclass
from datetime import date

import numpy as np
import structlog

from features import WARM_UP
from forecasting.baseline import baseline_forecast
from forecasting.distribution import Forecast
from forecasting.model_store import PublishedModel, UnreadableModel
from market.bars import Bars
from market.errors import MarketError
from market.market import Market
from serving.contract.predictions import Prediction
from serving.experiments.experiments import Experiments
from serving.experiments.trial import Arm, Trial
from serving.models.champions import Key
from serving.models.forest_client import ForestsUnavailable
from serving.monitoring.track_record.served_predictions import Noted
from serving.monitoring.track_record.track_record import TrackRecord
from serving.predictions.forecaster import Forecaster
from serving.predictions.known_filings import KnownFilings
from serving.predictions.predictor import Models
from serving.predictions.prices import LOOK_BACK

log = structlog.get_logger(__name__)

BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Made:
    """A forecast of an arm, and what made it."""

    forecast: Forecast
    type: str
    version: int | None


class Shadows:
    """Has the arms of running experiments forecast what was just answered, and writes both to the track record."""

    def __init__(
        self,
        experiments: Experiments,
        champions: Models,
        forecaster: Forecaster,
        *,
        market: Market,
        filings: KnownFilings,
        record: TrackRecord,
    ) -> None:
        """Wire the parts; `forecaster` is that of the answers, so that rows travel together."""
        self._experiments = experiments
        self._champions = champions
        self._forecaster = forecaster
        self._market = market
        self._filings = filings
        self._record = record
        self._made_on: dict[tuple[str, str, int], date] = {}
        self._noted: dict[Key, tuple[date, int]] = {}
        self._waiting: dict[tuple[str, str, int], Trial] = {}
        self._wakes = asyncio.Event()

    def note(self, prediction: Prediction) -> None:
        """Remember what was answered, the first time in a session; a provisional answer is not its last word."""
        if prediction.data.provisional:
            return
        made_on, changes = prediction.prediction.made_on, self._experiments.changes
        key = prediction.ticker, prediction.prediction.horizon
        if self._noted.get(key) != (made_on, changes):
            self._noted[key] = made_on, changes
            self._add(key, made_on)

    def _add(self, key: Key, made_on: date) -> None:
        for trial in self._experiments.trials:
            mark = (trial.label("challenger"), *key)
            if trial.runs and key in trial.keys and self._made_on.get(mark) != made_on and trial.challengers.get(*key):
                self._made_on[mark] = made_on
                self._waiting[mark] = trial
                self._wakes.set()

    async def follow(self) -> None:
        """Make what was noted, all at once, until cancelled."""
        while True:
            await self._wakes.wait()
            self._wakes.clear()
            await self.make_waiting()

    async def make_waiting(self) -> None:
        """Make what waits; what fails is tried again with a later answer of its ticker.

        A challenger that cannot answer is withdrawn, so that it is not asked again with every answer.
        """
        waiting, self._waiting = self._waiting, {}
        outcomes = await asyncio.gather(
            *(self._make(trial, (ticker, horizon)) for (_, ticker, horizon), trial in waiting.items()),
            return_exceptions=True,
        )
        for (mark, trial), outcome in zip(waiting.items(), outcomes, strict=True):
            if isinstance(outcome, Exception):
                del self._made_on[mark]
                self._noted.pop(mark[1:], None)
                if not isinstance(outcome, MarketError | ForestsUnavailable):
                    log.warning(
                        "shadow.failed", experiment=trial.name, ticker=mark[1], horizon=mark[2], problem=f"{outcome}"
                    )

    async def _make(self, trial: Trial, key: Key) -> None:
        bars = (await self._market.history(key[0])).bars[-LOOK_BACK:]
        challenger, champion = trial.challengers.get(*key), self._champions.get(*key)
        if challenger is None or not _fits(challenger, bars):
            return
        baseline = baseline_forecast(bars, key[1])
        try:
            made: dict[Arm, Made] = {"challenger": await self._by(challenger, bars)}
        except UnreadableModel as error:
            trial.challengers.withdraw(challenger, str(error))
            raise
        is_served = champion is not None and _fits(champion, bars)
        made["champion"] = await self._by(champion, bars) if champion and is_served else Made(baseline, BASELINE, None)
        target_on = self._market.sessions.after(bars.session[-1], key[1])
        for arm, one in made.items():
            self._record.note_once(_noted(bars, target_on, one, trial.label(arm), baseline.upper - baseline.lower))

    async def _by(self, published: PublishedModel, bars: Bars) -> Made:
        reports = self._filings.at(bars.ticker, bars.session[-1]).chances
        forecast = await self._forecaster.forecast(published, bars, reports)
        return Made(forecast, published.card.model_type, published.card.version)


def _fits(published: PublishedModel, bars: Bars) -> bool:
    return published.card.simulated == bars.simulated and len(bars) > WARM_UP


def _noted(bars: Bars, target_on: np.datetime64, made: Made, arm: str, scale: float) -> Noted:
    forecast = made.forecast
    return Noted(
        ticker=bars.ticker,
        horizon=forecast.horizon,
        made_on=str(bars.session[-1]),
        target_on=str(target_on),
        type=made.type,
        version=made.version,
        simulated=bars.simulated,
        median=forecast.median,
        lower=forecast.lower,
        upper=forecast.upper,
        arm=arm,
        scale=scale,
    )
