"""Forecasts as of a day of the past: by the champion of that day, or a model that knew no more."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

import configuration
from configuration import Settings
from market.bars import Bars
from market.errors import NothingThen
from market.history.past import KnownBy
from tests.training.recipes_of_tests import quick
from tests.training.test_commands import write_csv
from training.execution import past_forecast
from training.execution.past_forecast import forecast_as_of
from training.learning.pipeline import Trained
from training.mlflow_registry.runs.contents import card_of

DAY = date(2021, 3, 31)


@pytest.fixture
def files(settings: Settings, short_bars: Bars, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A directory with the bars of TEST to the middle of 2021, first fetched today."""
    folder = settings.home / "bars"
    folder.mkdir()
    write_csv(short_bars, folder)
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["files"]')
    monkeypatch.setenv("STOCKS_MARKET__FILES__DIRECTORY", str(folder))
    monkeypatch.setattr(past_forecast, "training_configs", lambda _: [quick(refit_every=120, tested=240)])
    return configuration.load()


def test_a_model_that_is_fitted_now_knows_nothing_that_came_later(files: Settings, short_bars: Bars) -> None:
    whole = forecast_as_of(files, "TEST", 1, DAY)
    known = short_bars.session <= np.datetime64(DAY)
    write_csv(short_bars[: int(known.sum())], files.market.files.directory or Path())

    cut = forecast_as_of(files, "TEST", 1, DAY)

    assert whole.forecast == cut.forecast
    assert whole.known.history.known_by is KnownBy.SESSION_DATE
    assert (whole.fitted_later, whole.made_by) == (True, "forest, fitted now on what was known then")
    assert str(whole.known.history.bars.session[-1]) == "2021-03-31"


def test_the_champion_of_that_day_answers(files: Settings, trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    card = card_of(trained, "", 3)
    monkeypatch.setattr(past_forecast, "_champion", lambda *_: (card, trained.onnx))

    _, said = (forecast_as_of(files, "TEST", 1, datetime.now(UTC).date()) for _ in range(2))  # the first stores

    assert (said.fitted_later, said.made_by) == (False, "forest, version 3")
    assert said.known.history.known_by is KnownBy.FETCH_TIME


def test_before_the_first_bar_there_is_nothing_to_say(files: Settings) -> None:
    with pytest.raises(NothingThen, match="TEST: no bar up to 2017-06-30 is known"):
        forecast_as_of(files, "TEST", 1, date(2017, 6, 30))
