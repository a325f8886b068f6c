"""Forecasts as a file."""

import numpy as np
import pytest

from market.calendar.sessions import Sessions
from training.learning.pipeline import Trained
from training.scoring import forecast_file


def test_is_read_as_it_was_written(trained: Trained, sessions: Sessions) -> None:
    made_on, found = forecast_file.read(forecast_file.write(trained.data, trained.evaluation, sessions))
    np.testing.assert_array_equal(made_on, trained.data.session[trained.evaluation.row])
    for name in ("median", "lower", "upper", "probability_up", "actual"):
        np.testing.assert_array_equal(getattr(found, name), getattr(trained.evaluation, name))


def test_names_the_session_the_forecast_is_for(trained: Trained, sessions: Sessions) -> None:
    lines = forecast_file.write(trained.data, trained.evaluation, sessions).splitlines()
    columns = [dict(zip(forecast_file.COLUMNS, line.split(","), strict=True)) for line in lines[1:]]
    assert [one["target_on"] for one in columns[:-1]] == [one["made_on"] for one in columns[1:]]
    last = np.datetime64(columns[-1]["made_on"])
    assert columns[-1]["target_on"] == str(sessions.after(last, 1))
    assert columns[-1]["actual_return"] == ""


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", ",".join(forecast_file.COLUMNS) + "\n"])
def test_refuses_another_file(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a file of forecasts|not enough values"):
        forecast_file.read(text)
