"""A canary answers for its tickers, and gives way to the champion the moment it fails."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forecasting.model_store import PublishedModel
from serving.contract.problems import Problem
from serving.experiments.states import ExperimentStates
from serving.telemetry import metrics
from tests.serving.conftest import forest_bytes
from tests.serving.experiments.conftest import Laboratory, MakeLaboratory
from training_queue.publications import Publications
from training_queue.worker_lock import WorkerLock

CANARY = {"name": "tenth", "challenger": "2", "tickers": ["AAPL", "MSFT"], "horizons": [1], "share": 0.5}
EVERYTHING = CANARY | {"share": 1.0}

Publish = Callable[..., PublishedModel]


async def answered(laboratory: Laboratory, ticker: str = "AAPL", horizon: int = 1, **how: bool) -> tuple[Any, str]:
    """The version that answered, and the header that names its arm."""
    served = await laboratory.predictor.answer(ticker, horizon, **how)
    headers = dict(served.answer.headers)
    return served.answer.prediction.model.version, headers.get(b"x-model-arm", b"").decode()


async def test_the_challenger_answers_its_share_of_the_tickers_alone(
    laboratory: MakeLaboratory, publish: Publish
) -> None:
    parts = laboratory(CANARY)
    for ticker in ("AAPL", "MSFT", "TSLA"):
        publish(ticker, version=1)
        publish(ticker, version=2, experiment="tenth")
    publish("AAPL", 5, version=1)
    await parts.look()
    (chosen,) = parts.trial.answered
    (other,) = {"AAPL", "MSFT"} - {chosen}

    assert await answered(parts, chosen) == (2, "tenth/challenger")
    assert await answered(parts, chosen) == (2, "tenth/challenger"), "from memory too"
    found = parts.experiments.challenger_answering(chosen, 1)
    assert found is not None
    assert (found[0].name, found[1].card.version) == ("tenth", 2)
    assert parts.experiments.challenger_answering(other, 1) is None
    assert await answered(parts, other) == (1, "tenth/champion")
    assert await answered(parts, "TSLA") == (1, ""), "it takes no part"
    assert await answered(parts, "AAPL", 5) == (1, "")


async def test_before_its_challenger_is_published_and_after_it_is_stopped_the_champion_answers(
    laboratory: MakeLaboratory, publish: Publish
) -> None:
    parts = laboratory(EVERYTHING)
    publish("AAPL", version=1)
    await parts.look()
    assert await answered(parts) == (1, "tenth/champion")

    publish("AAPL", version=2, experiment="tenth")
    await parts.look()
    assert await answered(parts) == (2, "tenth/challenger")

    await parts.desk.stop("tenth")
    assert await answered(parts) == (1, "")

    await parts.desk.start("tenth")
    assert await answered(parts) == (2, "tenth/challenger")


@pytest.mark.parametrize("kind", ["raises", "garbled"])
async def test_a_challenger_that_fails_stops_its_experiment_and_the_champion_gives_that_very_answer(
    laboratory: MakeLaboratory, publish: Publish, raising_forest: bytes, kind: str
) -> None:
    parts = laboratory(EVERYTHING)
    publish("AAPL", version=1)
    never = (float("nan"), 0.0, 0.0)
    forest = raising_forest if kind == "raises" else forest_bytes(never, never)
    publish("AAPL", version=2, experiment="tenth", forest=forest)
    await parts.look()
    assert parts.trial.challengers.get("AAPL", 1), "it passed its trial"

    assert await answered(parts) == (1, "")

    assert parts.trial.state.status == "stopped"
    assert "failed where the champion answers" in parts.trial.state.reason
    assert await answered(parts) == (1, "")
    assert b'stocks_arm_failures_total{arm="tenth/challenger"}' in metrics.exposition()


async def test_a_damaged_challenger_is_refused_and_said(laboratory: MakeLaboratory, publish: Publish) -> None:
    parts = laboratory(EVERYTHING)
    publish("AAPL", version=1)
    publish("AAPL", version=2, experiment="tenth", below=(0.2, 0.0, 0.0), corrupt=True)
    await parts.look()

    assert await answered(parts) == (1, "tenth/champion")
    (aapl, _) = (await parts.desk.of("tenth")).challengers
    assert aapl.problem is not None
    assert "not the file its card belongs to" in aapl.problem


async def test_a_challenger_for_the_other_kind_of_prices_does_not_answer(
    laboratory: MakeLaboratory, publish: Publish
) -> None:
    parts = laboratory(EVERYTHING)
    publish("AAPL", version=1)
    publish("AAPL", version=2, experiment="tenth", simulated=False)
    await parts.look()

    assert await answered(parts) == (1, "tenth/champion")
    assert parts.trial.runs


async def test_a_champion_that_fails_is_withdrawn_as_ever(
    laboratory: MakeLaboratory, publish: Publish, raising_forest: bytes
) -> None:
    parts = laboratory(EVERYTHING)
    publish("AAPL", version=1, forest=raising_forest)
    await parts.look()

    assert await answered(parts) == (None, "tenth/champion")
    assert parts.champions.get("AAPL", 1) is None
    assert parts.trial.runs


async def test_what_was_stopped_stays_stopped_in_other_workers_and_after_a_restart(
    laboratory: MakeLaboratory, publish: Publish, tmp_path: Path
) -> None:
    first, second = laboratory(EVERYTHING), laboratory(EVERYTHING)
    publish("AAPL", version=1)
    publish("AAPL", version=2, experiment="tenth")
    await first.look()
    await second.look()
    assert await answered(second) == (2, "tenth/challenger")

    ExperimentStates(tmp_path).write("tenth", (await _stopped(first)).state)
    second.experiments.take_over(ExperimentStates(tmp_path).read())

    assert await answered(second) == (1, "")
    assert not laboratory(EVERYTHING).trial.runs


async def _stopped(parts: Laboratory) -> Any:
    await parts.desk.stop("tenth")
    return parts.trial


async def test_a_promotion_goes_to_the_worker_and_ends_the_experiment(
    laboratory: MakeLaboratory, publish: Publish, tmp_path: Path
) -> None:
    parts = laboratory(EVERYTHING)
    with pytest.raises(Problem, match="no challenger that could be promoted"):
        await parts.desk.promote("tenth")
    publish("MSFT", version=2, experiment="tenth")
    await parts.look()
    with pytest.raises(Problem, match="No worker promotes here"):
        await parts.desk.promote("tenth")

    lock = WorkerLock(tmp_path).take()
    assert lock is not None
    promoted = await parts.desk.promote("tenth")

    assert (promoted.status, promoted.answered) == ("promoted", [])
    os.close(lock)
    publications = Publications(tmp_path)
    assert publications.version_to_promote("MSFT", 1) == 2
    assert promoted.promoting == ["forest-MSFT-1"]

    with publications.under_way("MSFT", 1):
        assert (await parts.desk.of("tenth")).promoting == ["forest-MSFT-1"], "a worker is at it"
        publish("MSFT", version=2)
    assert (await parts.desk.of("tenth")).promoting == ["forest-MSFT-1"], "what is published does not serve yet"
    await parts.look()
    assert (await parts.desk.of("tenth")).promoting == []


async def test_it_warns_of_a_recipe_that_the_next_training_would_replace(
    laboratory: MakeLaboratory, publish: Publish
) -> None:
    parts = laboratory(EVERYTHING)
    publish("AAPL", version=2, experiment="tenth", recipe="boosting")
    publish("MSFT", version=2, experiment="tenth", recipe="forest")
    await parts.look()

    (warning,) = (await parts.desk.of("tenth")).warnings

    assert warning.startswith("tenth: `training.recipes_tried` has no boosting")
    assert "the next one replaces it where forest is better by 0.2%" in warning


async def test_an_experiment_that_is_not_configured_is_unknown(laboratory: MakeLaboratory) -> None:
    with pytest.raises(Problem, match="no such experiment"):
        await laboratory(CANARY).desk.of("other")
