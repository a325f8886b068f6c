"""Experiments as they are configured."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import configuration
from configuration import ConfigurationError, Settings, load

Configure = Callable[..., Settings]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    for name in configuration.WELL_KNOWN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STOCKS_TICKERS", '["AAPL", "MSFT"]')

    def make(*experiments: dict[str, Any]) -> Settings:
        monkeypatch.setenv("STOCKS_SERVING__EXPERIMENTS", json.dumps(experiments))
        return load()

    return make


def test_an_experiment_is_a_shadow_of_everything_unless_it_says_more(configure: Configure) -> None:
    shadow, canary = configure(
        {"name": "boosted", "challenger": "boosting"},
        {"name": "tenth", "challenger": "3", "tickers": ["msft"], "horizons": [5], "share": 0.1},
    ).serving.experiments

    assert (shadow.is_canary, canary.is_canary) == (False, True)
    assert shadow.keys(("AAPL", "MSFT"), (1, 5)) == {("AAPL", 1), ("AAPL", 5), ("MSFT", 1), ("MSFT", 5)}
    assert canary.keys(("AAPL", "MSFT"), (1, 5)) == {("MSFT", 5)}


@pytest.mark.parametrize(
    ("experiments", "message"),
    [
        ([{"name": "Loud", "challenger": "3"}], 'serving.experiments.0.name = "Loud"'),
        ([{"name": "a", "challenger": "3", "share": 1.5}], "serving.experiments.0.share = 1.5"),
        ([{"name": "a", "challenger": ""}], "serving.experiments.0.challenger"),
        ([{"name": "a", "challenger": "champion"}], "which is what it would be compared with"),
        ([{"name": "a", "challenger": "3", "speed": 1}], "serving.experiments.0.speed"),
        ([{"name": "a", "challenger": "3"}] * 2, "another experiment has this name"),
        ([{"name": "a", "challenger": "3", "tickers": ["IBM"]}], "IBM at horizon 1 is not among"),
        ([{"name": "a", "challenger": "3", "horizons": [2]}], "AAPL at horizon 2 is not among"),
        ([{"name": f"a{n}", "challenger": "3"} for n in range(9)], "serving.experiments"),
        (
            [{"name": "a", "challenger": "3", "share": 0.5}, {"name": "b", "challenger": "4", "share": 0.5}],
            "AAPL at horizon 1 is in the canary a already",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(
    configure: Configure, experiments: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        configure(*experiments)

    assert message in str(error.value)
    assert "\n" not in str(error.value)
