"""The recurrent network from a training to an answer of the service, which needs none of its packages."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from click.testing import CliRunner, Result

import configuration
from configuration import Settings
from market.calendar.sessions import Sessions
from market.providers.simulated import simulate
from tests.patience import PATIENT
from tests.redis_servers import free_port
from tests.serving.running import Service, start
from tests.training.test_commands import write_csv
from training.__main__ import main
from training.execution.engine import Engine
from training.execution.loading import load
from training.execution.pooling import share
from training.execution.run import RunRequest, run, training_configs
from training.learning.dataset import make_dataset
from training.publishing.operations import newest_card

pytest.importorskip("equinox", reason="`make lstm` installs the packages of this recipe")

TICKERS = ("AAPL", "MSFT")
SETTINGS = {
    "STOCKS_TICKERS": '["AAPL", "MSFT"]',
    "STOCKS_HORIZONS": "[1]",
    "STOCKS_MARKET__PROVIDERS": '["files"]',
    "STOCKS_TRAINING__ON_START": "false",
    "STOCKS_TRAINING__REFIT_EVERY": "900",
    "STOCKS_TRAINING__TESTED": "200",
    "STOCKS_TRAINING__RECIPES__LSTM__REFIT_EVERY": "2000",
    "STOCKS_TRAINING__RECIPES__LSTM__HIDDEN": "4",
    "STOCKS_TRAINING__RECIPES__LSTM__EPOCHS": "2",
}


@pytest.fixture
def variables(
    settings: Settings, model_store: Path, tmp_path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """What the training and the service are told: bars of two invented tickers that end in the past."""
    files = tmp_path / "bars"
    files.mkdir()
    days = sessions.between(np.datetime64("2019-01-02"), np.datetime64("2021-06-30"))
    for ticker in TICKERS:
        write_csv(simulate(ticker, days), files)
    places = {"BENTOML_HOME": str(model_store.parent), "STOCKS_MARKET__FILES__DIRECTORY": str(files)}
    for name, value in (SETTINGS | places).items():
        monkeypatch.setenv(name, value)
    assert settings.home == tmp_path
    return SETTINGS | places


@pytest.fixture
def promoted(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Result:
    """What the promotion of a version says that no training will try again; both tickers were learnt from."""
    assert variables
    monkeypatch.setenv("STOCKS_TRAINING__RECIPES_TRIED", '["lstm"]')
    (outcome,) = run(configuration.load(), RunRequest(["AAPL"], [1], engine=Engine(processes=1)))
    assert (outcome.recipe, outcome.failed) == ("lstm", False)
    monkeypatch.delenv("STOCKS_TRAINING__RECIPES_TRIED")
    return CliRunner().invoke(main, ["promote", "AAPL", "1"])


@pytest.fixture
def service(promoted: Result, variables: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    assert promoted.exit_code == 0, promoted.output
    started = start(tmp_path, free_port(), **variables)
    try:
        yield started
    finally:
        started.end()


def prices_of_the_training_library(settings: Settings) -> tuple[float, float, float]:
    """Median, lower and upper end for AAPL: the network fitted anew on the same bars, and read by the card."""
    bars, _ = load(settings, TICKERS)
    (config,) = share(training_configs(settings, ["lstm"]), list(bars.values()), 1, Engine(processes=1))
    data, card = make_dataset(bars["AAPL"], 1), newest_card(settings, "AAPL", 1)
    last = slice(len(data) - 1, None)
    outputs = config.fit(data, data.known).model.predict(data.model_inputs(last, config.recipe.sessions))
    assert card is not None
    forecast = card.forecast(outputs, data.inputs[last], float(data.unit[-1]))
    close = float(data.close[-1])
    return close * (1 + forecast.median), close * (1 + forecast.lower), close * (1 + forecast.upper)


def packages_in(service: Service, names: tuple[str, ...]) -> set[str]:
    """Those of `names` that any process of the service has loaded libraries of."""
    family = [psutil.Process(service.process.pid), *service.children()]
    files = {mapped.path for process in family for mapped in process.memory_maps()}
    return {name for name in names if any(f"/{name}/" in file for file in files)}


@pytest.mark.slow
def test_it_answers_what_the_training_library_says(service: Service, promoted: Result) -> None:
    answer = httpx.get(f"{service.url}/predict/AAPL", timeout=PATIENT).json()

    assert (answer["model"]["type"], answer["model"]["version"]) == ("lstm", 1)
    said = answer["prediction"]
    found = (said["price_target"], said["interval"]["lower"], said["interval"]["upper"])
    np.testing.assert_allclose(found, prices_of_the_training_library(configuration.load()), rtol=1e-5)
    assert packages_in(service, ("onnxruntime", "jaxlib", "sklearn")) == {"onnxruntime"}
    assert "`training.recipes_tried` has no lstm, so no training refits this version" in promoted.output
    assert "the next one replaces it where forest is better by 0.2%" in promoted.output
