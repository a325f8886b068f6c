import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from market.bars import Bars
from serving.contract.performance import Accuracy
from serving.monitoring.track_record.served_predictions import Noted, PredictionLog
from serving.monitoring.track_record.track_record import ROLLING, TrackRecord, sessions_held


def scored(record: TrackRecord, bars: Mapping[str, Bars]) -> dict[tuple[str, int], Accuracy]:
    record.write()
    record.score_due(bars)
    return {
        (ticker, horizon): score
        for ticker, found in record.scores.by_ticker().items()
        for horizon, score in found.items()
    }


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

    score = scored(record, {"AAPL": whole})["AAPL", 1]

    inside = 0
    for prediction in made:
        price_prediction = prediction.prediction
        actual = whole.close[whole.session == np.datetime64(price_prediction.target_on)][0]
        inside += price_prediction.interval.lower <= actual <= price_prediction.interval.upper
    assert score.count == 40
    assert score.coverage == pytest.approx(inside / 40)
    assert 0 < score.mean_absolute_error < 0.2
    assert 0 <= score.direction_accuracy <= 1


async def test_what_cannot_be_written_is_said_once_and_until_it_is_written(
    parts: Any, make_bars: Any, tmp_path: Path
) -> None:
    _, made = await predictions(parts, make_bars, 2)
    (tmp_path / "served").touch()  # a file in place of the folder
    record = TrackRecord(tmp_path)
    with capture_logs() as lines:
        for prediction in made:
            record.note(prediction)
            record.write()
        (problem,) = record.problems()
        (tmp_path / "served").unlink()
        record.write()

    assert problem.startswith("predictions are not written to the track record, 2 wait in memory: ")
    assert str(tmp_path / "served") in problem
    assert record.problems() == []
    assert [line["event"] for line in lines] == ["predictions.not_written", "predictions.written"]


async def test_only_the_last_sessions_are_held(parts: Any, make_bars: Any, tmp_path: Path) -> None:
    whole, made = await predictions(parts, make_bars, 12)
    record = TrackRecord(tmp_path, sessions_held=5)
    for prediction in made:
        record.note(prediction)

    assert scored(record, {"AAPL": whole})["AAPL", 1].count == 5
    held = [noted.made_on for noted, _ in record.last_outcomes()["AAPL", 1]]
    assert held == [str(prediction.prediction.made_on) for prediction in made[-5:]]


@pytest.mark.parametrize(("models", "held"), [(0, 300), (30, 300), (500, 300), (1000, 150), (20_000, 81)])
def test_of_very_many_models_fewer_sessions_are_held(models: int, held: int) -> None:
    assert sessions_held(models) == held


async def test_what_is_not_due_yet_is_not_judged(parts: Any, tmp_path: Path) -> None:
    record = TrackRecord(tmp_path)
    record.note((await parts.computing.compute("AAPL", 1)).prediction)

    assert scored(record, parts.market.bars) == {}


async def test_only_predictions_whose_session_has_closed_since_the_last_score_are_due(
    parts: Any, make_bars: Any, tmp_path: Path
) -> None:
    whole, (prediction,) = await predictions(parts, make_bars, 1)
    record = TrackRecord(tmp_path)
    record.note(prediction)
    made_on, target_on = (str(day) for day in (prediction.prediction.made_on, prediction.prediction.target_on))

    assert (record.due(made_on), record.due(target_on)) == (set(), {"AAPL"})
    scored(record, {"AAPL": whole[:-1]})
    assert record.due(target_on) == {"AAPL"}, "its bar was not there yet"
    assert scored(record, {"AAPL": whole})["AAPL", 1].count == 1
    assert record.due(target_on) == set()
    assert TrackRecord(tmp_path).due(target_on) == {"AAPL"}, "another process has scored nothing yet"


async def test_a_prediction_counts_once_however_many_workers_served_it(
    parts: Any, make_bars: Any, tmp_path: Path
) -> None:
    whole, (prediction,) = await predictions(parts, make_bars, 1)
    workers = [TrackRecord(tmp_path) for _ in range(3)]
    for worker in workers:
        worker.note(prediction)
        worker.note(prediction)
        worker.write()

    lines = [line for path in (tmp_path / "served").iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == 3
    assert scored(workers[0], {"AAPL": whole})["AAPL", 1].count == 1


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

    score = scored(record, {"AAPL": whole})["AAPL", 1]

    assert (score.count, score.coverage) == (1, 1.0)


async def test_a_line_that_was_cut_off_spoils_nothing(parts: Any, make_bars: Any, tmp_path: Path) -> None:
    whole, (prediction,) = await predictions(parts, make_bars, 1)
    record = TrackRecord(tmp_path)
    record.note(prediction)
    record.write()
    (path,) = (tmp_path / "served").glob("*.jsonl")
    with path.open("a") as file:
        file.write('{"ticker": "AA\n[1]\n{}\n')

    assert scored(record, {"AAPL": whole})["AAPL", 1].count == 1


async def test_simulated_prices_do_not_judge_real_predictions(parts: Any, make_bars: Any, tmp_path: Path) -> None:
    whole, (prediction,) = await predictions(parts, make_bars, 1)
    record = TrackRecord(tmp_path)
    record.note(prediction)

    assert scored(record, {"AAPL": replace(whole, source="files")}) == {}


async def test_a_provisional_prediction_is_not_noted(parts: Any, tmp_path: Path) -> None:
    prediction = (await parts.computing.compute("AAPL", 1)).prediction
    data = prediction.data.model_copy(update={"provisional": True})
    record = TrackRecord(tmp_path)
    record.note(prediction.model_copy(update={"data": data}))
    record.write()

    assert not (tmp_path / "served").exists()


async def test_scores_look_back_over_the_last_sessions_only(parts: Any, make_bars: Any, tmp_path: Path) -> None:
    whole, made = await predictions(parts, make_bars, ROLLING + 10)
    record = TrackRecord(tmp_path)
    for prediction in made:
        record.note(prediction)

    assert scored(record, {"AAPL": whole})["AAPL", 1].count == ROLLING
    (family,) = record.scores.figures()
    assert [sample.labels for sample in family.samples] == [{"ticker": "AAPL", "horizon": "1"}]


async def test_what_a_full_disk_does_not_take_is_written_when_it_does(
    parts: Any, make_bars: Any, tmp_path: Path
) -> None:
    whole, (prediction,) = await predictions(parts, make_bars, 1)
    (tmp_path / "served").write_text("in the way")
    record = TrackRecord(tmp_path)
    record.note(prediction)
    assert scored(record, {"AAPL": whole}) == {}

    (tmp_path / "served").unlink()

    assert scored(record, {"AAPL": whole})["AAPL", 1].count == 1


async def test_only_what_was_appended_is_read_again(parts: Any, make_bars: Any, tmp_path: Path) -> None:
    whole, made = await predictions(parts, make_bars, 2)
    record = TrackRecord(tmp_path)
    record.note(made[0])
    assert scored(record, {"AAPL": whole})["AAPL", 1].count == 1
    (path,) = (tmp_path / "served").glob("*.jsonl")
    size = path.stat().st_size
    path.write_bytes(b"x" * (size - 1) + b"\n")
    record.note(made[1])

    assert scored(record, {"AAPL": whole})["AAPL", 1].count == 2


async def test_months_that_are_no_longer_kept_are_removed(parts: Any, make_bars: Any, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "2019-01.jsonl").write_text("{}\n")
    record = TrackRecord(tmp_path, months_kept=12)
    record.note((await parts.computing.compute("AAPL", 1)).prediction)

    scored(record, {"AAPL": make_bars("AAPL")})

    assert [path.stem for path in (tmp_path / "served").iterdir()] != ["2019-01"]
    assert not (tmp_path / "served" / "2019-01.jsonl").exists()


async def test_following_writes_and_scores_by_itself(parts: Any, make_bars: Any, tmp_path: Path) -> None:
    whole, made = await predictions(parts, make_bars, 3)
    parts.market.bars["AAPL"] = whole
    record = TrackRecord(tmp_path)
    for prediction in made:
        record.note(prediction)

    following = asyncio.create_task(record.follow(parts.market, ["AAPL", "ZZZZ"]))
    async with asyncio.timeout(60):
        while record.scores.of("AAPL", 1) is None:  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.01)
    following.cancel()

    score = record.scores.of("AAPL", 1)
    assert score is not None
    assert score.count == 3


async def test_of_many_tickers_the_first_are_told_and_all_others_together(tmp_path: Path, make_bars: Any) -> None:
    record, bars = TrackRecord(tmp_path), make_bars("AAPL")
    session = bars.session
    tickers = [f"T{number:03}" for number in range(110)]
    wide = {ticker: 1.0 if number % 2 else 0.0 for number, ticker in enumerate(tickers)}
    PredictionLog(tmp_path).append(
        Noted(ticker, 1, str(session[-3]), str(session[-2]), "baseline", None, True, 0.0, -half, half)
        for ticker, half in wide.items()
    )

    record.score_due({ticker: replace(bars, ticker=ticker) for ticker in tickers})

    scores = record.scores.by_ticker()
    assert [*scores] == [*tickers[:20], "others"]
    assert (scores["others"][1].count, scores["others"][1].coverage) == (90, 0.5)
    (figures,) = record.scores.figures()
    assert [sample.labels["ticker"] for sample in figures.samples] == [*tickers[:100], "others"]
    assert record.tickers() == tickers


async def test_each_line_is_json_that_says_what_was_predicted(parts: Any, tmp_path: Path) -> None:
    record = TrackRecord(tmp_path)
    record.note((await parts.computing.compute("AAPL", 1)).prediction)
    record.write()

    (path,) = (tmp_path / "served").glob("*.jsonl")
    noted = json.loads(path.read_text())
    assert noted["ticker"] == "AAPL"
    assert noted["lower"] < noted["median"] < noted["upper"]
