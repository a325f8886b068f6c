"""Both arms forecast beside the answer, once a session and ticker, and are judged once outcomes are known."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.model_store import PublishedModel
from serving.monitoring.track_record.track_record import TrackRecord
from tests.serving.experiments.conftest import Laboratory, MakeLaboratory

SHADOW = {"name": "beside", "challenger": "2", "horizons": [1]}

Publish = Callable[..., PublishedModel]


def lines(home: Path) -> list[str]:
    return [line for path in sorted((home / "served").glob("*.jsonl")) for line in path.read_text().splitlines()]


def publish_all(publish: Publish) -> None:
    for ticker in ("AAPL", "MSFT", "TSLA"):
        publish(ticker, version=1)
        publish(ticker, version=2, experiment="beside", below=(0.1, -0.4, -0.4), above=(0.1, -0.4, -0.4))


async def answer_all(parts: Laboratory) -> None:
    for ticker in parts.settings.tickers:
        await parts.predictor.answer(ticker, 1, fresh=True)


async def test_an_answer_is_the_champions_and_both_arms_are_written_once_a_session(
    laboratory: MakeLaboratory, publish: Publish, tmp_path: Path
) -> None:
    parts = laboratory(SHADOW)
    publish_all(publish)
    await parts.look()

    await answer_all(parts)
    answered = list(parts.calls)
    await parts.shadows.make_waiting()
    made = parts.calls[len(answered) :]
    await answer_all(parts)
    await parts.shadows.make_waiting()
    parts.record.write()

    assert answered == [1, 1, 1], "no request waits for a shadow"
    assert sum(made) == 6, "both arms of three tickers"
    assert made[0] > 1, "rows of shadows travel together"
    written = lines(tmp_path)
    assert len(written) == 6
    assert sum('"arm": "beside/1/challenger"' in line for line in written) == 3
    assert (await parts.predictor.answer("AAPL", 1)).answer.prediction.model.version == 1


async def test_a_challenger_without_a_champion_is_compared_with_the_baseline(
    laboratory: MakeLaboratory, publish: Publish, tmp_path: Path
) -> None:
    parts = laboratory(SHADOW)
    publish("AAPL", version=2, experiment="beside")
    await parts.look()

    await answer_all(parts)
    await parts.shadows.make_waiting()
    parts.record.write()

    champion, challenger = sorted(lines(tmp_path), key=lambda line: '"version": 2' in line)
    assert '"type": "baseline"' in champion
    assert '"version": 2' in challenger


async def test_a_shadow_that_fails_harms_no_answer_and_is_tried_again_with_the_next(
    laboratory: MakeLaboratory, publish: Publish, raising_forest: bytes, tmp_path: Path
) -> None:
    parts = laboratory(SHADOW)
    publish("AAPL", version=1)
    publish("AAPL", version=2, experiment="beside", forest=raising_forest)
    await parts.look()

    await answer_all(parts)
    await parts.shadows.make_waiting()
    parts.record.write()
    assert lines(tmp_path) == []
    assert "ONNXRuntimeError" in ((await parts.desk.of("beside")).challengers[0].problem or "")
    asked = len(parts.calls)
    await answer_all(parts)
    await parts.shadows.make_waiting()
    assert sum(parts.calls[asked:]) == 1, "the champion alone is asked"

    publish("AAPL", version=3, experiment="beside")
    await parts.look()
    await answer_all(parts)
    await parts.shadows.make_waiting()
    parts.record.write()
    assert len(lines(tmp_path)) == 2


async def test_what_is_stopped_makes_none(laboratory: MakeLaboratory, publish: Publish, tmp_path: Path) -> None:
    parts = laboratory(SHADOW)
    publish_all(publish)
    await parts.look()
    await parts.desk.stop("beside")

    await answer_all(parts)
    await parts.shadows.make_waiting()
    parts.record.write()

    assert lines(tmp_path) == []


async def test_arms_are_no_served_predictions_and_are_joined_with_their_outcomes(
    laboratory: MakeLaboratory, publish: Publish
) -> None:
    parts = laboratory(SHADOW)
    publish_all(publish)
    await parts.look()
    whole = dict(parts.market.bars)
    await replay(parts, whole, sessions=3)

    judgement = (await parts.desk.of("beside")).judgements[0]

    assert (judgement.sessions, judgement.verdict) == (3, "undecided")
    assert judgement.difference != 0
    assert parts.record.outcomes(whole["AAPL"], 1) == []


async def test_an_arm_that_is_better_ends_the_experiment_and_a_new_start_begins_anew(
    laboratory: MakeLaboratory, publish: Publish, tmp_path: Path
) -> None:
    parts = laboratory(SHADOW)
    for ticker in ("AAPL", "MSFT", "TSLA"):
        publish(ticker, version=1, below=(0.0, 2.0, 2.0), above=(0.0, 2.0, 2.0))
        publish(ticker, version=2, experiment="beside", quantiles=tuple(np.linspace(-2.2, 2.2, 103)))
    await parts.look()
    await replay(parts, dict(parts.market.bars), sessions=40)

    await parts.desk.end_if_settled(parts.trial)

    assert parts.trial.state.status == "stopped"
    assert "the challenger is better" in parts.trial.state.reason
    assert parts.trial.state.reason.endswith("promote it")
    judged = (await parts.desk.of("beside")).judgements[0]
    assert (judged.verdict, judged.evidence >= 20) == ("challenger", True)
    restarted = await parts.desk.start("beside")
    assert (restarted.trial, restarted.judgements[0].sessions) == (2, 0)
    assert TrackRecord(tmp_path).head() != "0" * 64


async def replay(parts: Laboratory, whole: dict[str, Any], sessions: int) -> None:
    """Live through the last sessions before the newest, one after the other."""
    for back in range(sessions, 0, -1):
        parts.market.bars = {ticker: _before(bars, back) for ticker, bars in whole.items()}
        await answer_all(parts)
        await parts.shadows.make_waiting()
    parts.market.bars = whole


def _before(bars: Any, back: int) -> Any:
    return replace(bars[:-back], source=bars.source)


async def test_a_challenger_that_nothing_can_be_is_told_from_one_that_is_not_published_yet(
    laboratory: MakeLaboratory,
) -> None:
    named = ("7", "boosting", "challenger", "bosting")
    parts = laboratory(*({"name": f"e{place}", "challenger": name} for place, name in enumerate(named)))
    details = [await parts.desk.of(f"e{place}") for place in range(len(named))]
    *known, unknown = [one.challengers[0].problem or "" for one in details]

    assert set(known) == {"nothing is published yet; run `python -m training publish`"}
    assert unknown.startswith("there is no recipe bosting among forest, boosting, ")
    assert "no version with the alias bosting was published" in unknown
