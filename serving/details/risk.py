"""Value at risk and expected shortfall of a list of positions, from the forecasts that are served."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import numpy as np

from configuration import Settings
from forecasting.baseline import past_misses
from forecasting.risk import Misses, joint_ranks, joint_returns, portfolio_risk, taken_as_independent
from market.bars import Bars, FloatArray
from market.market import Market
from serving.contract.predictions import TickerProblem
from serving.contract.problems import LONGEST_ECHO, Problem
from serving.contract.risk import (
    HorizonRisk,
    QuantityPosition,
    RiskAnswer,
    RiskLevel,
    RiskRequest,
    ValuedPosition,
    ValuePosition,
)
from serving.contract.validation import check_count, check_horizon, check_ticker
from serving.details.bars import history_of
from serving.monitoring.listing import shortened
from serving.predictions.cached import CachedPredictor
from serving.predictions.rendered import Rendered

# Tickers that are valued side by side, so that other requests need not wait for all.
VALUED_AT_ONCE = 32
CENTS = 2


@dataclass(slots=True)
class Holding:
    """All positions of one ticker together."""

    quantity: float = 0.0
    value: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Valued:
    """A holding with its forecasts.

    Attributes:
        value: in the quote currency.
        answers: one for each horizon, with its forecast.
        bars: that its past misses are read from.
    """

    value: float
    answers: Sequence[Rendered]
    bars: Bars

    @property
    def position(self) -> ValuedPosition:
        """As the answer tells it."""
        known = self.answers[0].prediction
        return ValuedPosition(
            ticker=known.ticker,
            current_price=known.current_price,
            value=_cents(self.value),
            source=known.data.source,
            stale=known.data.stale,
        )


async def risk_of(settings: Settings, market: Market, predictor: CachedPredictor, asked: RiskRequest) -> RiskAnswer:
    """The risk of what can be valued in time; what cannot is a problem and spoils nothing else.

    Raises:
        Problem: 422 for a horizon that is not configured, or too many positions.
    """
    check_count(asked.positions, settings)
    if asked.horizon is not None:
        check_horizon(asked.horizon, settings)
    horizons = settings.horizons if asked.horizon is None else (asked.horizon,)
    places, until = asyncio.Semaphore(VALUED_AT_ONCE), asyncio.get_running_loop().time() + settings.serving.deadline

    async def valued(ticker: str, holding: Holding) -> Valued | TickerProblem:
        try:
            async with asyncio.timeout_at(until), places:
                return await _valued(settings, market, predictor, (ticker, holding), horizons)
        except Problem as problem:
            return _problem(ticker, problem.status, problem.detail)
        except TimeoutError:
            return _problem(ticker, HTTPStatus.SERVICE_UNAVAILABLE, "it could not be valued in time; ask again")

    outcomes = await asyncio.gather(*(valued(*one) for one in _holdings(asked).items()))
    known = [one for one in outcomes if isinstance(one, Valued)]
    return RiskAnswer(
        currency=settings.currency,
        value=_cents(sum(one.value for one in known)),
        gross_value=round(sum(abs(one.value) for one in known), CENTS),
        positions=[one.position for one in known],
        horizons=await asyncio.to_thread(_risks, known, asked.probabilities) if known else [],
        problems=[one for one in outcomes if isinstance(one, TickerProblem)],
        timestamp=datetime.now(UTC),
    )


def _holdings(asked: RiskRequest) -> dict[str, Holding]:
    found: dict[str, Holding] = {}
    for position in asked.positions:
        holding = found.setdefault(position.ticker.upper(), Holding())
        match position:
            case QuantityPosition():
                holding.quantity += position.quantity
            case ValuePosition():
                holding.value += position.value
    return found


async def _valued(
    settings: Settings, market: Market, predictor: CachedPredictor, held: tuple[str, Holding], horizons: Sequence[int]
) -> Valued:
    ticker, holding = check_ticker(held[0], settings), held[1]
    answers = [(await predictor.with_forecast(ticker, horizon)).answer for horizon in horizons]
    bars = (await history_of(market, ticker)).bars
    return Valued(holding.quantity * answers[0].prediction.current_price + holding.value, answers, bars)


def _cents(amount: float) -> float:
    """Rounded; nothing is 0.0, also where it is a rounded loss."""
    return round(amount, CENTS) + 0.0


def _problem(ticker: str, status: HTTPStatus, detail: str) -> TickerProblem:
    return TickerProblem(ticker=ticker[:LONGEST_ECHO], status=status, title=status.phrase, detail=detail)


def _risks(known: Sequence[Valued], probabilities: Sequence[float]) -> list[HorizonRisk]:
    return [_risk(known, index, probabilities) for index in range(len(known[0].answers))]


def _risk(known: Sequence[Valued], index: int, probabilities: Sequence[float]) -> HorizonRisk:
    """The risk over the horizon of the answers at `index`."""
    answers = [one.answers[index] for one in known]
    horizon = answers[0].prediction.prediction.horizon
    misses = [Misses(one.bars.ticker, *past_misses(one.bars, horizon)) for one in known]
    ranks = joint_ranks(misses)
    returns = joint_returns([one.forecast.distribution for one in answers if one.forecast is not None], ranks)
    positions = np.array([one.value for one in known])
    by_baseline = [one.prediction.ticker for one in answers if one.prediction.model.type == "baseline"]
    return HorizonRisk(
        horizon=horizon,
        levels=[_level(positions, returns, probability) for probability in probabilities],
        sessions=len(ranks),
        by_baseline=shortened(by_baseline),
        independent=shortened(taken_as_independent(misses)),
    )


def _level(positions: FloatArray, returns: FloatArray, probability: float) -> RiskLevel:
    risk = portfolio_risk(positions, returns, probability)
    return RiskLevel(
        probability=probability,
        value_at_risk=_cents(risk.value_at_risk),
        expected_shortfall=_cents(risk.expected_shortfall),
    )
