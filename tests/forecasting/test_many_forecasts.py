"""Many forecasts at once are, to the last bit, those that each card makes alone."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from features import ECHO, NAMES, VERSION
from forecasting.card import ModelCard
from forecasting.distribution import quantile_table
from forecasting.formula import Formula, TrainingInputs
from forecasting.many_forecasts import Question, forecast_all
from forecasting.metrics import Metrics
from forecasting.reports.reaction import Reaction
from forecasting.reports.schedule import REACH, FilingChances

HORIZONS = (1, 5, 21)
METRICS = Metrics.model_construct()


def card(random: np.random.Generator, horizon: int) -> ModelCard:
    inputs = TrainingInputs(
        mean=tuple(random.normal(size=len(NAMES)).tolist()),
        scale=tuple(random.uniform(0.1, 3, len(NAMES)).tolist()),
        limit=float(random.uniform(0.5, 3)),
    )
    echo_weight = float(random.uniform(0, 0.4))
    formula = Formula(mean=0.1, lowest=-0.7, highest=0.9, trust=0.6, echo_weight=echo_weight, training_inputs=inputs)
    given: dict[str, Any] = dict.fromkeys(("source", "recipe", "model_type", "run_id"), "any")
    return ModelCard(
        ticker="AAPL",
        horizon=horizon,
        simulated=False,
        features=NAMES,
        features_version=VERSION,
        version=1,
        trained_at=datetime(2024, 1, 2, tzinfo=UTC),
        trained_from=date(2019, 1, 2),
        trained_to=date(2024, 1, 2),
        shrinkage=float(random.uniform(0, 1)),
        formula=formula,
        quantiles=tuple(quantile_table(random.standard_t(4, 400), horizon).tolist()),
        reaction=Reaction(size=float(random.uniform(0, 20)), same_session=float(random.uniform(0, 1))),
        metrics=METRICS,
        **given,
    )


def chances(random: np.random.Generator) -> FilingChances | None:
    kind = random.integers(3)
    if kind == 0:
        return None
    chance = np.where(random.random((1, REACH)) < 0.1, random.random((1, REACH)), 0.0) * float(kind - 1)
    timing = random.choice([0.0, 1.0, np.nan], size=(1, REACH))
    return FilingChances(chance, timing, random.random(1) < 0.5)


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_are_those_of_each_card_alone_to_the_last_bit(count: int) -> None:
    random = np.random.default_rng(count)
    for _ in range(20):
        cards = [card(random, int(random.choice(HORIZONS))) for _ in range(count)]
        reports = [chances(random) for _ in range(count)]
        outputs = random.normal(size=(count, 3)).astype(np.float32).astype(np.float64)
        inputs = random.normal(size=(count, len(NAMES))).astype(np.float32)
        inputs[:, ECHO] = random.random(count)
        levels = random.uniform(0.002, 0.08, count)

        asked = [Question(one.constants, known) for one, known in zip(cards, reports, strict=True)]
        together = forecast_all(asked, outputs, inputs, levels)

        for row, one in enumerate(cards):
            part = slice(row, row + 1)
            alone = one.forecast(outputs[part], inputs[part], float(levels[row]), reports[row])
            assert together[row] == alone
            assert [type(value) for value in together[row].quantiles] == [float] * len(alone.quantiles)


def test_a_report_that_becomes_known_is_not_overlooked() -> None:
    random = np.random.default_rng(3)
    one = card(random, 1)
    inputs, outputs, levels = np.zeros((1, len(NAMES)), np.float32), np.zeros((1, 3)), np.array([0.01])
    known, none = np.zeros((1, REACH)), np.full((1, REACH), np.nan)
    known[0, 1] = 1.0
    covered = np.array([True])

    for chance in (np.zeros((1, REACH)), known):
        reports = FilingChances(chance, none, covered)
        (found,) = forecast_all([Question(one.constants, reports)], outputs, inputs, levels)
        assert found == one.forecast(outputs, inputs, 0.01, reports)
