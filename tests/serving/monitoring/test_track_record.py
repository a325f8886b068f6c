import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.monitoring.track_record import ROLLING, TrackRecord


async def predictions(parts: Any, make_bars: Any, count: int, horizon: int = 1) -> Any:
    """One prediction on each of the sessions before the last ones."""
    whole = make_bars("AAPL")
    found = []
    for end in range(len(whole) - count - horizon, len(whole) - horizon):
        parts.market.bars["AAPL"] = whole[: end + 1]
        found.append((await parts.computing.compute("AAPL", horizon)).prediction)
    return whole, found


async def test_coverage_is_the_share_of_outcomes_inside(parts: Any, make_bars: Any, tmp_path: Path) -> None:
    whole, made = await predictions(parts, make_bars, 40)
    record = TrackRecord(tmp_path)
    for prediction in made:
        record.note(prediction)

    score = record.join({"AAPL": whole})["AAPL", 1]

    inside = 0
    for prediction in made:
        price_prediction = prediction.prediction
        actual = whole.close[whole.session == np.datetime64(price_prediction.target_on)][0]
        inside += price_prediction.interval.lower <= actual <= price_prediction.interval.upper
    assert score.count == 40
    assert score.coverage == pytest.approx(inside / 40)
    assert 0 < score.mean_absolute_error < 0.2
    assert 0 <= score.direction_accuracy <= 1


async def test_what_is_not_due_yet_is_not_judged(parts: Any, tmp_path: Path) -> None:
    record = TrackRecord(tmp_path)
    record.note((await parts.computing.compute("AAPL", 1)).prediction)

    assert record.join(parts.market.bars) == {}


async def test_a_prediction_counts_once_however_many_workers_served_it(
    parts: Any, make_bars: Any, tmp_path: Path
) -> None:
    whole, (prediction,) = await predictions(parts, make_bars, 1)
    workers = [TrackRecord(tmp_path) for _ in range(3)]
    for worker in workers:
        worker.note(prediction)
        worker.note(prediction)

    lines = [line for path in (tmp_path / "served").iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == 3
    assert workers[0].join({"AAPL": whole})["AAPL", 1].count == 1


async def test_of_what_was_said_of_one_session_the_newest_model_counts(
    parts: Any, make_bars: Any, tmp_path: Path
) -> None:
    whole, (baseline,) = await predictions(parts, make_bars, 1)
    sure = baseline.prediction.interval.model_copy(update={"lower": 0.01, "upper": 1e6})
    models = [
        baseline.model_copy(
            update={
                "model": baseline.model.model_copy(update={"type": "random_forest", "version": version}),
                "prediction": baseline.prediction.model_copy(update={"interval": interval}),
            }
        )
        for version, interval in ((2, sure), (1, sure.model_copy(update={"upper": 0.02})))
    ]
    record = TrackRecord(tmp_path)
    for prediction in (baseline, *models):
        record.note(prediction)

    score = record.join({"AAPL": whole})["AAPL", 1]

    assert (score.count, score.coverage) == (1, 1.0)


async def test_a_line_that_was_cut_off_spoils_nothing(parts: Any, make_bars: Any, tmp_path: Path) -> None:
    whole, (prediction,) = await predictions(parts, make_bars, 1)
    record = TrackRecord(tmp_path)
    record.note(prediction)
    (path,) = (tmp_path / "served").iterdir()
    with path.open("a") as file:
        file.write('{"ticker": "AA\n[1]\n{}\n')

    assert record.join({"AAPL": whole})["AAPL", 1].count == 1


async def test_simulated_prices_do_not_judge_real_predictions(parts: Any, make_bars: Any, tmp_path: Path) -> None:
    whole, (prediction,) = await predictions(parts, make_bars, 1)
    record = TrackRecord(tmp_path)
    record.note(prediction)

    assert record.join({"AAPL": replace(whole, source="files")}) == {}


async def test_a_provisional_prediction_is_not_noted(parts: Any, tmp_path: Path) -> None:
    prediction = (await parts.computing.compute("AAPL", 1)).prediction
    data = prediction.data.model_copy(update={"provisional": True})
    TrackRecord(tmp_path).note(prediction.model_copy(update={"data": data}))

    assert not (tmp_path / "served").exists()


async def test_scores_look_back_over_the_last_sessions_only(parts: Any, make_bars: Any, tmp_path: Path) -> None:
    whole, made = await predictions(parts, make_bars, ROLLING + 10)
    record = TrackRecord(tmp_path)
    for prediction in made:
        record.note(prediction)

    assert record.join({"AAPL": whole})["AAPL", 1].count == ROLLING
    (family,) = record.figures()
    assert [sample.labels for sample in family.samples] == [{"ticker": "AAPL", "horizon": "1"}]


async def test_a_full_disk_costs_no_answer(parts: Any, tmp_path: Path) -> None:
    (tmp_path / "served").write_text("in the way")

    TrackRecord(tmp_path).note((await parts.computing.compute("AAPL", 1)).prediction)


async def test_each_line_is_json_that_says_what_was_predicted(parts: Any, tmp_path: Path) -> None:
    TrackRecord(tmp_path).note((await parts.computing.compute("AAPL", 1)).prediction)

    (path,) = (tmp_path / "served").iterdir()
    noted = json.loads(path.read_text())
    assert noted["ticker"] == "AAPL"
    assert noted["lower"] < noted["median"] < noted["upper"]
