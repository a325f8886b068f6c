"""The state of each model as it is: what answers, what was trained last, and whether it should be trained again."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from configuration import Settings
from forecasting.card import ModelCard
from market.errors import MarketError
from market.market import History, Market
from serving.contract.performance import Accuracy
from serving.contract.schemas import DriftAnswer, LastTraining, ModelStatus
from serving.contract.validation import check_horizon, check_ticker
from serving.models.champions import Champions
from serving.monitoring import retrain_reasons
from training_queue.database import QueueUnavailable
from training_queue.steps import Result

log = structlog.get_logger(__name__)


class ModelStatuses:
    """Describes the model of a ticker and horizon."""

    def __init__(
        self,
        settings: Settings,
        market: Market,
        champions: Champions,
        *,
        accuracy: Callable[[str, int], Accuracy | None],
        last_training: Callable[[str, int], Result | None],
        drift: Callable[[str, int], DriftAnswer | None] = lambda _ticker, _horizon: None,
    ) -> None:
        """Wire the parts.

        Args:
            accuracy: scores of the last served predictions of a ticker and horizon.
            last_training: the outcome of the last training of a ticker and horizon; may raise QueueUnavailable.
            drift: whether the intervals of the model of a ticker and horizon are known to be wrong.
        """
        self._settings = settings
        self._market = market
        self._champions = champions
        self._accuracy = accuracy
        self._last_training = last_training
        self._drift = drift

    async def of(self, ticker: str, horizon: int) -> ModelStatus:
        """The model of a ticker and horizon, and whether it should be trained again.

        Raises:
            Problem: 422 or 404 for what cannot be asked.
        """
        ticker = check_ticker(ticker, self._settings)
        check_horizon(horizon, self._settings)
        history, price_problems = await self._prices(ticker)
        last = await self._last(ticker, horizon)
        published = self._champions.get(ticker, horizon)
        refusal = self._champions.refusal(ticker, horizon)
        card = published.card if published else None
        serving = card if card and (history is None or history.bars.simulated == card.simulated) else None
        drift = self._drift(ticker, horizon) if serving else None
        aged = [*self._retrain_reasons(card, history), *_drift_reasons(drift)]
        no_model = [] if card or refusal else [_without_model(last)]
        return ModelStatus(
            ticker=ticker,
            horizon=horizon,
            model_loaded=card is not None,
            service_ready=True,
            model_type=serving.model_type if serving else "baseline",
            version=serving.version if serving else None,
            run_id=serving.run_id if serving else None,
            trained_at=serving.trained_at if serving else None,
            stale=bool(aged),
            retrain_recommended=bool(refusal or aged) or (card is None and not self._rejected_on(last, history)),
            reasons=[*([refusal] if refusal else []), *no_model, *aged, *price_problems],
            last_training=_last_training(last),
            drift=drift,
            metrics=serving.metrics if serving else None,
        )

    async def _prices(self, ticker: str) -> tuple[History | None, list[str]]:
        """The bars, and what is wrong with them."""
        try:
            history = await self._market.history(ticker)
        except MarketError as error:
            return None, [str(error)]
        last = history.bars.session[-1]
        return history, [f"prices are older than the last session: they end with {last}"] if history.stale else []

    async def _last(self, ticker: str, horizon: int) -> Result | None:
        try:
            return await asyncio.to_thread(self._last_training, ticker, horizon)
        except QueueUnavailable as error:
            log.warning("queue.unavailable", problem=str(error))
            return None

    def _rejected_on(self, last: Result | None, history: History | None) -> bool:
        """Whether a candidate was rejected since the last bar: training on the same bars would give the same."""
        if last is None or last.status != "kept" or history is None:
            return False
        return last.ended_at > self._market.sessions.closes(history.bars.session[-1]).timestamp()

    def _retrain_reasons(self, card: ModelCard | None, history: History | None) -> list[str]:
        if card is None or history is None:
            return []
        return retrain_reasons.reasons(card, history.bars, self._accuracy(card.ticker, card.horizon), datetime.now(UTC))


def _drift_reasons(drift: DriftAnswer | None) -> list[str]:
    if drift is None or not drift.drifts:
        return []
    moved = ", ".join(f"{name} ({index:.2f})" for name, index in drift.shifted_inputs.items())
    return [drift.told + (f"; inputs that moved most since training: {moved}" if moved else "")]


def _without_model(last: Result | None) -> str:
    if last is None:
        return "there is no model yet; the baseline answers"
    at = datetime.fromtimestamp(last.ended_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    told = {
        "kept": f"there is no model: the candidate trained at {at} was kept back: {last.reason}",
        "failed": f"there is no model: the training at {at} failed: {last.reason}",
        "promoted": f"there is no model here, though one was promoted at {at}: {last.reason}",
    }
    return f"{told[last.status]}; the baseline answers"


def _last_training(last: Result | None) -> LastTraining | None:
    if last is None:
        return None
    return LastTraining.model_validate(
        {"status": last.status, "at": datetime.fromtimestamp(last.ended_at, UTC), "reason": last.reason}
    )
