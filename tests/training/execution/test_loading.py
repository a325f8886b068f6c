"""Which bars the pipeline trains on: final ones, fetched only for a person."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import configuration
from market.history.sqlite_store import HistoryStore
from market.providers.files import parse_csv
from training.execution.loading import PartByPart, load

CSV = "date,open,high,low,close,volume\n2024-03-07,10,12,9,11,1000\n2024-03-08,11,13,10,12,2000\n"


@pytest.fixture
def bars_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bars"
    folder.mkdir()
    (folder / "AAPL.csv").write_text(CSV)
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["files"]')
    monkeypatch.setenv("STOCKS_MARKET__FILES__DIRECTORY", str(folder))
    return folder


@pytest.mark.usefixtures("settings")
def test_a_file_is_read_as_it_is_now_for_a_person_and_in_the_background(bars_folder: Path) -> None:
    settings = configuration.load()
    for text, newer_than in ((CSV, None), (CSV.replace(",12,2", ",12.5,2"), None), (CSV, datetime.now(UTC))):
        (bars_folder / "AAPL.csv").write_text(text)
        bars, failures = load(settings, ["AAPL", "MSFT"], newer_than)
        expected = parse_csv(text.encode(), "AAPL", "AAPL.csv").bars
        assert bars["AAPL"].fingerprint() == expected.fingerprint()
        assert "MSFT: no prices from any provider: no file" in failures["MSFT"]


@pytest.mark.usefixtures("settings")
def test_stored_real_bars_are_trained_on_though_no_provider_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["simulated"]')
    settings = configuration.load()
    stored = parse_csv(CSV.encode(), "AAPL", "AAPL.csv")
    HistoryStore(settings.home).replace(stored, datetime.now(UTC) - timedelta(days=30))
    bars, failures = load(settings, ["AAPL", "MSFT"], datetime.now(UTC))
    assert (bars["AAPL"].source, len(bars["AAPL"]), failures) == ("files", 2, {})
    assert bars["MSFT"].simulated


@pytest.mark.usefixtures("settings")
def test_the_next_part_is_loaded_when_that_is_asked_for_and_no_later_than_its_turn(
    bars_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.execution.loading.CHUNK", 2)
    parts = PartByPart(configuration.load(), ["AAPL", "MSFT", "META", "TSLA", "NVDA"])
    told: list[tuple[list[str], list[str]]] = []
    for bars, failures in parts:
        if not told:
            parts.load_next()
            parts.load_next()
            (bars_folder / "META.csv").write_text(CSV)  # too late for the second part
            (bars_folder / "NVDA.csv").write_text(CSV)
        told.append((list(bars), list(failures)))
    assert told == [(["AAPL"], ["MSFT"]), ([], ["META", "TSLA"]), (["NVDA"], [])]
