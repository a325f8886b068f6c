"""Settings: every default once, later sources win, and what is wrong is said in one line."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import configuration
from configuration import ConfigurationError, load


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.startswith("STOCKS_") or name in configuration.WELL_KNOWN:
            monkeypatch.delenv(name)
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path / "home"))
    return monkeypatch


def test_the_file_holds_every_default(tmp_path: Path) -> None:
    settings = load()
    assert settings.tickers[:2] == ("AAPL", "GOOGL")
    assert settings.market.providers == ("alpha_vantage", "tiingo", "yahoo", "simulated")
    assert settings.market.alpha_vantage.base_url == "https://www.alphavantage.co/query"
    assert settings.market.alpha_vantage.quota == ("1/second", "25/day")
    assert not settings.market.alpha_vantage.premium
    assert (settings.market.timeout, settings.market.history_ttl, settings.market.quote_ttl) == (3, 86400, 300)
    assert (settings.cache.memory_ttl, settings.cache.redis_ttl, settings.cache.prediction_ttl) == (60, 300, 1800)
    assert settings.home == tmp_path / "home"
    assert settings.tracking_uri == f"sqlite:///{tmp_path}/home/mlflow/mlflow.db"


def test_a_file_is_laid_over_the_defaults_and_the_environment_over_both(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("market: {timeout: 1, quote_ttl: 60}\ntickers: [AAPL]\n")
    environment.setenv("STOCKS_CONFIGURATION", str(path))
    environment.setenv("STOCKS_MARKET__TIMEOUT", "2.5")
    environment.setenv("STOCKS_MARKET__TIINGO__QUOTA", '["10/hour"]')
    settings = load()
    assert (settings.market.timeout, settings.market.quote_ttl) == (2.5, 60)
    assert settings.tickers == ("AAPL",)
    assert settings.market.tiingo.quota == ("10/hour",)
    assert settings.market.history_ttl == 86400


def test_well_known_names_work_and_keys_are_never_shown(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ALPHA_VANTAGE_API_KEY", "SECRET1")
    environment.setenv("TIINGO_API_KEY", "SECRET2")
    environment.setenv("REDIS_URL", "redis://:SECRET3@localhost")
    environment.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    settings = load()
    assert settings.market.alpha_vantage.api_key is not None
    assert settings.market.alpha_vantage.api_key.get_secret_value() == "SECRET1"
    assert settings.tracking_uri == "http://localhost:5000"
    assert "SECRET" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load().tickers = ("AAPL",)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("STOCKS_MARKT__TIMEOUT", "3", "STOCKS_MARKT__TIMEOUT: no such setting"),
        ("STOCKS_MARKET__TIMEOUT", "0", "market.timeout"),
        ("STOCKS_MARKET__TIMEOUT", "soon", 'market.timeout = "soon"'),
        ("STOCKS_MARKET__PROVIDERS", "files", "STOCKS_MARKET__PROVIDERS = files: must be JSON"),
        ("STOCKS_MARKET__PROVIDERS", '["files"]', "market.files.directory must name a directory"),
        ("STOCKS_MARKET__PROVIDERS", '["stooq"]', 'market.providers.0 = "stooq"'),
        ("STOCKS_MARKET__PROVIDERS", '["simulated", "simulated"]', "each value may be given once"),
        ("STOCKS_MARKET__PROVIDERS", "[]", "market.providers"),
        ("STOCKS_MARKET__TIINGO__QUOTA", '["50/fortnight"]', 'market.tiingo.quota.0 = "50/fortnight"'),
        ("STOCKS_MARKET__TIINGO__QUOTA", '["50/hour", "50/day"]', "the longer must admit more in all"),
        ("STOCKS_MARKET__TIINGO__QUOTA", '["1/second", "90000/day"]', "no more for each second"),
        ("STOCKS_MARKET__TIINGO__QUOTA", '["5/day", "7/day"]', "the longer must admit more in all"),
        ("STOCKS_MARKET__ALPHA_VANTAGE__BASE_URL", "localhost", "market.alpha_vantage.base_url"),
        ("STOCKS_TICKERS", '["apple!"]', 'tickers.0 = "APPLE!"'),
        ("STOCKS_TICKERS", '["aapl", "AAPL"]', "each value may be given once"),
        ("STOCKS_TICKERS", "[1]", "tickers.0 = 1"),
        ("STOCKS_HORIZONS", "[2]", "horizons.0"),
        ("STOCKS_PERFORMANCE__HIT_RATE", "1.5", "performance.hit_rate"),
        ("STOCKS_SERVING__RUNNER", "thread", "serving.runner"),
        ("STOCKS_CURRENCY", "Dollars", 'currency = "Dollars": must be three capital letters, such as USD or EUR'),
        ("STOCKS_MARKET__PROVIDERS", '["tiingo"]', "tiingo needs TIINGO_API_KEY in the environment"),
        ("STOCKS_MARKET__PROVIDERS", '["yahoo"]', "yahoo needs market.yahoo.enabled: true"),
        (
            "MLFLOW_TRACKING_URI",
            "foo",
            "training.tracking_uri: MLflow takes no such address; it reads http://HOST:5000",
        ),
        ("MLFLOW_TRACKING_URI", "ftp://host", "training.tracking_uri: MLflow takes no such address"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    environment: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["REDIS_URL", "STOCKS_CACHE__REDIS_URL"])
@pytest.mark.parametrize(
    ("url", "reason"),
    [("foo://:SECRET@host", "no such scheme"), ("redis://:SECRET@host:port", "a port is no number")],
)
def test_a_url_that_is_none_of_redis_is_said_without_its_password(
    environment: pytest.MonkeyPatch, name: str, url: str, reason: str
) -> None:
    environment.setenv(name, url)
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert str(caught.value).startswith(f"configuration: cache.redis_url: {reason}")
    assert "REDIS_URL reads redis://host:6379/0" in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_case_of_a_ticker_does_not_matter(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("STOCKS_TICKERS", '["aapl", "brk.b", "Msft"]')
    assert load().tickers == ("AAPL", "BRK.B", "MSFT")


def test_a_wrong_key_is_not_repeated(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("STOCKS_SECURITY__API_KEYS", "SECRET")
    with pytest.raises(ConfigurationError, match="must be JSON") as caught:
        load()
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("market: {speed: 9}", "market.speed"),
        ("market: [", ":1: not valid YAML"),
        ("- a\n- b\n", "must hold `key: value` lines"),
        ("tickers: AAPL\n", "tickers"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, environment: pytest.MonkeyPatch, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    environment.setenv("STOCKS_CONFIGURATION", str(path))
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [("market: {speed: 9}", "market.speed"), ("tikers: [AAPL]", "tikers"), ("tickers: [AAPL, 5]", "tickers.1")],
)
def test_a_wrong_key_is_told_with_the_file_that_it_stands_in(
    tmp_path: Path, environment: pytest.MonkeyPatch, text: str, key: str
) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    environment.setenv("STOCKS_CONFIGURATION", str(tmp_path / "mine.yaml"))
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert str(caught.value).startswith(f"configuration, {tmp_path / 'mine.yaml'}: {key}")


def test_a_wrong_variable_is_not_blamed_on_a_file(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("market: {timeout: 2}")
    environment.setenv("STOCKS_CONFIGURATION", str(tmp_path / "mine.yaml"))
    environment.setenv("STOCKS_MARKET__TIMEOUT", "soon")
    with pytest.raises(ConfigurationError, match=r"^configuration: market\.timeout"):
        load()


def test_a_missing_file_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("STOCKS_CONFIGURATION", "/nowhere.yaml")
    with pytest.raises(ConfigurationError, match=r"/nowhere\.yaml: No such file"):
        load()


def test_an_empty_file_changes_nothing(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("")
    before = load()
    environment.setenv("STOCKS_CONFIGURATION", str(tmp_path / "mine.yaml"))
    assert load() == before


def test_paths_become_absolute_for_child_processes(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    environment.chdir(tmp_path)
    environment.setenv("STOCKS_HOME", "home")
    environment.setenv("STOCKS_MARKET__FILES__DIRECTORY", "bars")
    environment.delenv("BENTOML_HOME", raising=False)
    environment.setenv("BENTOML_DO_NOT_TRACK", "True")
    configuration.anchor()
    assert os.environ["STOCKS_HOME"] == str(tmp_path / "home")
    assert os.environ["BENTOML_HOME"] == str(tmp_path / "home" / "bentoml")
    assert load().market.files.directory == tmp_path / "bars"


@pytest.mark.parametrize("ticker", ["AAPL", "BRK.B", "BF-B", "A", "T2"])
def test_tickers(ticker: str) -> None:
    assert configuration.is_ticker(ticker)


@pytest.mark.parametrize("ticker", ["", "aapl", "AAPL\n", "../AAPL", "AAPL ", "TOOLONGNAME", ".A"])
def test_what_is_no_ticker(ticker: str) -> None:
    assert not configuration.is_ticker(ticker)


@given(limit=st.integers(1, 10**6), unit=st.sampled_from(sorted(configuration.WINDOW_SECONDS)))
def test_a_window_of_a_quota(limit: int, unit: str) -> None:
    assert configuration.quota_window(f"{limit}/{unit}") == (limit, configuration.WINDOW_SECONDS[unit])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STOCKS_MARKET", '{"tiingo": {"api_key": "SECRET"'),
        ("STOCKS_MARKET", '{"tiingo": "SECRET"}'),
        ("STOCKS_MARKET", '{"tiingo": {"token": "SECRET"}}'),
        ("STOCKS_MARKET", '"SECRET"'),
        ("STOCKS_CACHE", '{"redis_url": "redis://:SECRET@host'),
        ("STOCKS_CACHE", '{"redis_url": "redis://:SECRET@host:port"}'),
        ("STOCKS_CACHE", '["redis://:SECRET@host"]'),
        ("STOCKS_SECURITY", '{"api_keys": "SECRET"}'),
        ("STOCKS_SECURITY", '{"api_keys": ["SECRET", {"SECRET": 1}]}'),
        ("STOCKS_SECURITY", "SECRET"),
        ("STOCKS_SECURITY__API_KEYS", "SECRET"),
        ("STOCKS_MARKET__TIINGO", "SECRET"),
    ],
)
def test_what_may_hold_a_secret_is_refused_without_being_shown(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert "SECRET" not in str(caught.value)
    assert name.removeprefix("STOCKS_").split("__")[0] in str(caught.value).upper()
    assert "\n" not in str(caught.value)


def test_a_home_that_is_a_file_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path / "file"))

    with pytest.raises(configuration.ConfigurationError, match=r"STOCKS_HOME = .*/file: .*/file is a file; name a"):
        configuration.load()


def test_a_stream_without_its_key_is_told(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("STOCKS_MARKET__STREAMS", '["alpaca"]')
    environment.setenv("APCA_API_KEY_ID", "SECRET1")
    with pytest.raises(ConfigurationError, match=r"market\.streams names alpaca, which needs") as told:
        load()
    assert "SECRET1" not in str(told.value)
    environment.setenv("APCA_API_SECRET_KEY", "SECRET2")
    assert load().market.streams == ("alpaca",)


SECRETS = {
    "TIINGO_API_KEY": "market.tiingo.api_key",
    "ALPHA_VANTAGE_API_KEY": "market.alpha_vantage.api_key",
    "APCA_API_KEY_ID": "market.alpaca.key_id",
    "APCA_API_SECRET_KEY": "market.alpaca.secret_key",
    "STOCKS_MARKET__TIINGO__API_KEY": "market.tiingo.api_key",
    "REDIS_URL": "cache.redis_url",
    "MLFLOW_TRACKING_URI": "training.tracking_uri",
}


def usual(name: str) -> str:
    return {"REDIS_URL": "redis://:SECRET@host/0", "MLFLOW_TRACKING_URI": "http://u:SECRET@host"}.get(name, "SECRETKEY")


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("stray", ["é", "\n"])
def test_a_stray_character_in_a_secret_is_refused_by_the_name_of_its_variable(
    environment: pytest.MonkeyPatch, name: str, stray: str
) -> None:
    environment.setenv(name, usual(name)[:15] + stray + usual(name)[15:] + "1234")
    with pytest.raises(ConfigurationError) as caught:
        load()
    said = str(caught.value)
    assert said.startswith(f"configuration: {SECRETS[name]}: ")
    assert said.endswith(f"; given by {name}")
    assert "SECRET" not in said.removesuffix(name)
    assert len(said.splitlines()) == 1
    assert said.isascii()


@pytest.mark.parametrize("name", SECRETS)
def test_white_space_around_a_secret_is_no_part_of_it(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.setenv(name, f" {usual(name)}\r\n")
    found: Any = load()
    for part in SECRETS[name].split("."):
        found = getattr(found, part)
    assert (found if isinstance(found, str) else found.get_secret_value()) == usual(name)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_of_white_space_alone_is_none(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.setenv(name, " \n")
    found: Any = load()
    for part in SECRETS[name].split("."):
        found = getattr(found, part)
    assert found is None


def test_a_database_of_runs_may_lie_under_any_name(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLFLOW_TRACKING_URI", "sqlite:////home/josé/my runs.db\n")
    assert load().tracking_uri == "sqlite:////home/josé/my runs.db"


def test_a_contact_that_no_header_carries_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("STOCKS_MARKET__EDGAR__CONTACT", "josé@example.com")
    with pytest.raises(ConfigurationError, match=r"market\.edgar\.contact"):
        load()


def test_a_token_of_mlflow_that_no_header_carries_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MLFLOW_TRACKING_TOKEN", "SECRETé")
    with pytest.raises(ConfigurationError, match="MLFLOW_TRACKING_TOKEN: its character 7 fits in no HTTP") as caught:
        load()
    assert "SECRET" not in str(caught.value)
    environment.setenv("MLFLOW_TRACKING_TOKEN", "SECRET\n")
    load()
