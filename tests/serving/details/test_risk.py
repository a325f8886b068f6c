"""The risk of a list of positions, from forecasts and prices of the fake market."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from configuration import Settings
from serving.contract.problems import Problem
from serving.contract.risk import RiskAnswer, RiskRequest
from serving.contract.validation import Asked
from serving.details.risk import risk_of

Ask = Callable[..., Any]


@pytest.fixture
def ask(settings: Settings, parts: Any) -> Ask:
    async def ask(*positions: dict[str, Any], **more: Any) -> RiskAnswer:
        request = RiskRequest.model_validate({"positions": list(positions), **more})
        return await risk_of(settings, parts.market, parts.predictor, request)

    return ask


def shares(ticker: str, quantity: float) -> dict[str, Any]:
    return {"ticker": ticker, "quantity": quantity}


def worth(ticker: str, value: float) -> dict[str, Any]:
    return {"ticker": ticker, "value": value}


def at_risk(answer: RiskAnswer, horizon: int = 1, probability: float = 0.05) -> float:
    levels = {one.horizon: one.levels for one in answer.horizons}[horizon]
    return {one.probability: one.value_at_risk for one in levels}[probability]


async def test_one_long_position_loses_what_its_prediction_says(ask: Ask, parts: Any) -> None:
    answer = await ask(shares("AAPL", 10))

    described = (await parts.predictor.describe("AAPL", 1, Asked(quantiles=(0.01, 0.05)))).answer.prediction
    for quantile in described.prediction.quantiles:
        loss = 10 * (described.current_price - quantile.price)
        assert at_risk(answer, 1, quantile.probability) == pytest.approx(loss, rel=0.1)
    assert answer.value == answer.gross_value == pytest.approx(10 * described.current_price, abs=0.01)
    assert [one.horizon for one in answer.horizons] == [1, 5]
    assert all(one.expected_shortfall > one.value_at_risk > 0 for part in answer.horizons for one in part.levels)


async def test_quantity_and_value_of_one_ticker_add_up(ask: Ask) -> None:
    answer = await ask(shares("aapl", 10), worth("AAPL", -500), horizon=1)

    (position,) = answer.positions
    assert position.value == pytest.approx(10 * position.current_price - 500, abs=0.01)
    assert position.source == "simulated"


async def test_what_falls_together_is_not_diversified_and_what_is_short_hedges(
    ask: Ask, parts: Any, make_bars: Any
) -> None:
    twin = make_bars("AAPL", count=600)
    parts.market.bars = {"AAPL": twin, "MSFT": replace(twin, ticker="MSFT"), "TSLA": make_bars("TSLA", count=600)}
    alone = at_risk(await ask(worth("AAPL", 1000)))

    assert at_risk(await ask(worth("AAPL", 1000), worth("MSFT", 1000))) == pytest.approx(2 * alone, rel=1e-3)
    assert at_risk(await ask(worth("AAPL", 1000), worth("MSFT", -1000))) == pytest.approx(0, abs=0.05)
    apart = at_risk(await ask(worth("AAPL", 1000), worth("TSLA", 1000)))
    assert apart < alone + at_risk(await ask(worth("TSLA", 1000)))


async def test_no_amount_is_a_negative_nothing(ask: Ask) -> None:
    answer = await ask(worth("AAPL", 0), worth("MSFT", -0.001))

    amounts = [answer.value, answer.gross_value, *(one.value for one in answer.positions)]
    amounts += [
        each
        for one in answer.horizons
        for level in one.levels
        for each in (level.value_at_risk, level.expected_shortfall)
    ]
    assert [amount for amount in amounts if np.signbit(amount)] == []


async def test_it_says_whose_distribution_is_the_baselines_and_who_is_taken_as_independent(
    ask: Ask, parts: Any, publish: Any, make_bars: Any
) -> None:
    publish("AAPL")
    await parts.champions.look()
    parts.market.bars["TSLA"] = make_bars("TSLA", count=40)

    answer = await ask(shares("AAPL", 1), shares("MSFT", 1), shares("TSLA", 1), horizon=1)

    assert answer.horizons[0].by_baseline == ["MSFT", "TSLA"]
    assert answer.horizons[0].independent == ["TSLA"]


async def test_what_cannot_be_valued_is_a_problem_and_spoils_nothing_else(ask: Ask, parts: Any) -> None:
    del parts.market.bars["TSLA"]

    answer = await ask(shares("AAPL", 1), shares("IBM", 1), shares("!", 1), shares("TSLA", 1))
    alone = await ask(shares("AAPL", 1))

    assert {one.ticker: one.status for one in answer.problems} == {"IBM": 404, "!": 422, "TSLA": 503}
    assert answer.horizons == alone.horizons


async def test_without_any_value_there_is_no_risk_to_tell(ask: Ask) -> None:
    answer = await ask(shares("IBM", 1))

    assert (answer.value, answer.horizons, len(answer.problems)) == (0, [], 1)


async def test_what_is_not_valued_in_time_is_named(settings: Settings, parts: Any) -> None:
    hurried = settings.model_copy(update={"serving": settings.serving.model_copy(update={"deadline": 0.01})})
    parts.market.gate.clear()
    request = RiskRequest.model_validate({"positions": [shares("AAPL", 1)]})

    (problem,) = (await risk_of(hurried, parts.market, parts.predictor, request)).problems

    assert problem.status == 503


@pytest.mark.parametrize("more", [{"horizon": 2}, {}])
async def test_a_horizon_that_is_not_configured_and_too_many_positions_are_refused(ask: Ask, more: Any) -> None:
    count = 1 if more else 1001

    with pytest.raises(Problem) as refused:
        await ask(*[shares("AAPL", 1)] * count, **more)

    assert refused.value.status == 422


@pytest.mark.parametrize(
    "body",
    [
        {"positions": []},
        {"positions": [{"ticker": "AAPL"}]},
        {"positions": [{"ticker": "AAPL", "quantity": 1, "value": 1}]},
        {"positions": [{"ticker": "AAPL", "quantity": "1"}]},
        {"positions": [{"ticker": "AAPL", "quantity": np.inf}]},
        {"positions": [{"ticker": "AAPL", "quantity": 1, "price": 2}]},
        {"positions": [shares("AAPL", 1)], "level": 0.9},
        {"positions": [shares("AAPL", 1)], "probabilities": [0.9]},
        {"positions": [7]},
    ],
)
def test_a_body_of_another_form_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RiskRequest.model_validate(body)
