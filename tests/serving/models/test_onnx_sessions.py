from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from features import NAMES
from forecasting.card import FOREST_FILE
from forecasting.model_store import PublishedModel
from serving.models.onnx_sessions import IDLE, OnnxSessions, Output, Row

BUDGET = 16.0  # MiB

Publish = Callable[..., PublishedModel]


def row(published: PublishedModel, first: float = 0.0, width: int = len(NAMES)) -> Row:
    inputs = np.zeros(width, dtype=np.float32)
    inputs[0] = first
    return Row(str(published.folder), inputs.tobytes())


def numbers(answer: Output) -> list[float]:
    assert not answer.problem
    values: list[float] = np.frombuffer(answer.values, dtype=np.float32).tolist()
    return values


def test_a_row_gets_the_outputs_of_its_forest(publish: Publish) -> None:
    published = publish(below=(0.25, -0.5, 0.0), above=(0.75, 0.5, 1.0))

    below, above = OnnxSessions(BUDGET).predict([row(published, -1.0), row(published, 1.0)])

    assert numbers(below) == [0.25, -0.5, 0.0]
    assert numbers(above) == [0.75, 0.5, 1.0]


def test_rows_of_many_models_are_answered_in_their_order(publish: Publish) -> None:
    models = [publish(ticker, below=(number, 0.0, 0.0)) for number, ticker in enumerate(["AAPL", "MSFT", "TSLA"])]
    order = [2, 0, 1, 1, 0, 2, 2]

    answers = OnnxSessions(BUDGET).predict([row(models[number]) for number in order])

    assert [numbers(answer)[0] for answer in answers] == order


def test_a_corrupt_forest_spoils_only_its_own_rows(publish: Publish) -> None:
    good, bad = publish("AAPL", below=(0.5, 0.0, 0.0)), publish("MSFT", corrupt=True)

    answers = OnnxSessions(BUDGET).predict([row(good), row(bad), row(good)])

    assert [numbers(answer)[0] for answer in answers[::2]] == [0.5, 0.5]
    assert "not the file its card belongs to" in answers[1].problem


def test_a_row_of_the_wrong_width_is_a_problem_and_no_number(publish: Publish) -> None:
    (answer,) = OnnxSessions(BUDGET).predict([row(publish(), width=3)])

    assert answer.problem


@pytest.mark.parametrize("missing", ["card.json", FOREST_FILE])
def test_a_missing_file_is_named(publish: Publish, missing: str) -> None:
    published = publish()
    (published.folder / missing).unlink()

    (answer,) = OnnxSessions(BUDGET).predict([row(published)])

    assert str(Path(published.folder.name) / missing) in answer.problem


def test_models_with_the_same_file_share_a_session(publish: Publish) -> None:
    models = [publish(ticker, below=(0.5, 0.0, 0.0)) for ticker in ("AAPL", "MSFT", "TSLA")]
    sessions = OnnxSessions(BUDGET)

    answers = sessions.predict([row(model) for model in models])

    assert [numbers(answer)[0] for answer in answers] == [0.5, 0.5, 0.5]
    assert len(sessions) == 1


def test_a_damaged_copy_spoils_no_other_of_the_same_file(publish: Publish) -> None:
    damaged, whole = (publish(ticker, below=(0.5, 0.0, 0.0)) for ticker in ("AAPL", "MSFT"))
    (damaged.folder / FOREST_FILE).write_bytes(b"no model")

    answers = OnnxSessions(BUDGET).predict([row(damaged), row(whole)])

    assert "not the file its card belongs to" in answers[0].problem
    assert numbers(answers[1])[0] == 0.5


def test_a_session_that_is_unused_for_long_is_closed_when_another_is_opened(publish: Publish) -> None:
    seconds = [0.0]
    models = [publish(ticker, below=(number, 0.0, 0.0)) for number, ticker in enumerate(["AAPL", "MSFT", "TSLA"])]
    sessions = OnnxSessions(BUDGET, clock=lambda: seconds[0])
    sessions.predict([row(models[0]), row(models[1])])
    seconds[0] = IDLE
    sessions.predict([row(models[1])])
    seconds[0] = IDLE + 1

    sessions.predict([row(models[2])])

    assert len(sessions) == 2, "the first was closed"
    assert numbers(sessions.predict([row(models[0])])[0])[0] == 0, "and is opened again"
