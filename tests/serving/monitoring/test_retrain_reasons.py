"""When a model should be trained again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from features import NAMES, features
from forecasting.formula import training_inputs
from forecasting.model_store import PublishedModel
from market.bars import Bars
from serving.contract.performance import Accuracy
from serving.monitoring.retrain_reasons import outside_band, reasons

Publish = Callable[..., PublishedModel]
MakeBars = Callable[..., Bars]
NOW = datetime.now(UTC)


def accuracy(coverage: float, count: int = 60) -> Accuracy:
    return Accuracy(count=count, coverage=coverage, mean_absolute_error=0.01, direction_accuracy=0.5)


@pytest.fixture
def card(publish: Publish) -> Callable[..., Any]:
    return lambda **fields: publish("AAPL", **fields).card


def test_a_young_model_on_the_bars_it_knows_is_fine(card: Callable[..., Any], make_bars: MakeBars) -> None:
    assert reasons(card(), make_bars(), accuracy(0.9), NOW) == []


def test_a_model_of_the_other_kind_of_prices_says_so(card: Callable[..., Any], make_bars: MakeBars) -> None:
    found = reasons(card(), make_bars(source="files"), None, NOW)
    assert found == ["it was trained on simulated prices, but these are real"]


def test_new_bars_are_counted(card: Callable[..., Any], make_bars: MakeBars) -> None:
    bars = make_bars()
    old = card(trained_to=bars.session[-31].item())
    assert reasons(old, bars, None, NOW) == ["29 new sessions since its last one"]


def test_age_counts_without_new_bars(card: Callable[..., Any], make_bars: MakeBars) -> None:
    old = card(trained_at=NOW - timedelta(days=100))
    assert reasons(old, make_bars(), None, NOW) == ["trained 100 days ago"]


def test_strange_inputs_are_counted(card: Callable[..., Any], make_bars: MakeBars) -> None:
    bars = make_bars()
    usual = training_inputs(features(bars, 1)[66:])
    tight = usual.model_copy(update={"limit": usual.limit / 1000})
    formula = card().formula
    assert reasons(card(formula=formula.model_copy(update={"training_inputs": usual})), bars, None, NOW) == []
    (found,) = reasons(card(formula=formula.model_copy(update={"training_inputs": tight})), bars, None, NOW)
    assert found == "inputs of 60 of the last 60 sessions lie beyond its training"
    assert len(NAMES) == len(usual.mean)


def test_a_few_bars_have_no_drift(card: Callable[..., Any], make_bars: MakeBars) -> None:
    assert reasons(card(), make_bars(count=30), None, NOW) == []


@pytest.mark.parametrize("coverage", [0.7, 0.75])
def test_intervals_that_hold_too_rarely_are_a_reason(
    card: Callable[..., Any], make_bars: MakeBars, coverage: float
) -> None:
    (found,) = reasons(card(), make_bars(), accuracy(coverage), NOW)
    assert found == f"{coverage:.0%} of its last 60 intervals held, not 90%"


def test_few_outcomes_prove_nothing(card: Callable[..., Any], make_bars: MakeBars) -> None:
    assert reasons(card(), make_bars(), accuracy(0.2, count=10), NOW) == []


def test_the_band_is_that_of_the_binomial_distribution() -> None:
    generator = np.random.default_rng(3)
    hits = generator.binomial(60, 0.9, size=4000)
    assert np.mean([outside_band(int(hit), 60, 1) for hit in hits]) <= 0.01


def test_the_band_of_overlapping_outcomes_is_wider() -> None:
    assert outside_band(46, 60, 1)
    assert not outside_band(46, 60, 21)
