"""Thousands of tickers, made from the trained ones by renaming, and a service with them."""

import hashlib
import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import onnx

from benchmarks.servers import Server, ours
from forecasting.card import CARD_FILE, FOREST_FILE
from forecasting.model_store import LATEST_FILE

DIFFERENT = 500
PREPARED = "prepared"


def multiply(home: Path, bars: Path, work: Path, count: int, different: int) -> list[str]:
    """Copies of models and bars under invented names, unless they are there from an earlier time; the names."""
    tickers = [f"T{number}" for number in range(count)]
    if (work / PREPARED).exists():
        return tickers
    models = sorted((home / "bentoml" / "models").glob("forest-*-1"))
    (work / "bars").mkdir(parents=True)
    shutil.copytree(home / "calendar", work / "home" / "calendar")
    for number, ticker in enumerate(tickers):
        model = models[number % different % len(models)]
        original = model.name.split("-")[1].upper()
        version = (model / LATEST_FILE).read_text(encoding="utf-8").strip()
        target = work / "home" / "bentoml" / "models" / f"forest-{ticker.lower()}-1"
        (target / version).mkdir(parents=True)
        forest = _marked((model / version / FOREST_FILE).read_bytes(), number % different)
        told = {"ticker": ticker, "forest_sha256": hashlib.sha256(forest).hexdigest()}
        card = json.loads((model / version / CARD_FILE).read_bytes()) | told
        (target / version / CARD_FILE).write_text(json.dumps(card), encoding="utf-8")
        (target / version / FOREST_FILE).write_bytes(forest)
        (target / LATEST_FILE).write_text(version, encoding="utf-8")
        shutil.copy(bars / f"{original}.csv", work / "bars" / f"{ticker}.csv")
    (work / PREPARED).touch()
    return tickers


def _marked(forest: bytes, number: int) -> bytes:
    """The same forest as a file of its own: the service shares what is the same to the last bit."""
    model = onnx.load_model_from_string(forest)
    model.doc_string = f"forest {number}"
    return bytes(model.SerializeToString(deterministic=True))


def serving(work: Path, tickers: list[str]) -> AbstractContextManager[Server]:
    """A service with `tickers`, whose models and bars are in `work`, at horizon 1."""
    settings = {
        "STOCKS_CONFIGURATION": str(_configuration(work, tickers)),
        "STOCKS_HORIZONS": "[1]",
        "STOCKS_MARKET__PROVIDERS": '["files"]',
        "STOCKS_MARKET__FILES__DIRECTORY": str(work / "bars"),
    }
    return ours(work / "home", **settings)


def _configuration(work: Path, tickers: list[str]) -> Path:
    """A file that names the tickers: of 20,000 a variable of the environment does not take the names."""
    path = work / "configuration.yaml"
    path.write_text(f"tickers: {json.dumps(tickers)}\n", encoding="utf-8")
    return path
