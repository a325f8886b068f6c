"""The API as it is described, held to what it answers, by a tool that makes requests of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from forecasting.model_store import PublishedModel
from tests.patience import PATIENT
from tests.serving.running import Service, wait_until

pytestmark = pytest.mark.slow

KEY = "a-key-of-this-test"
TICKERS = ("AAPL", "MSFT")
# They never end.
STREAMS = ("/events", "/stream/predictions")
INFERENCE = ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer")
WITHIN = PATIENT


@pytest.fixture(scope="module")
def service(
    start_service: Callable[..., Service], publisher: Callable[[Path], Callable[..., PublishedModel]]
) -> Service:
    """A service with keys, and a model for everything: without one, the inference protocol has 503 say so."""
    service = start_service(
        STOCKS_TICKERS='["AAPL", "MSFT"]',
        STOCKS_SECURITY__API_KEYS=f'["{KEY}"]',
    )
    publish = publisher(service.home / "bentoml" / "models")
    for ticker in TICKERS:
        for horizon in (1, 5, 21):
            publish(ticker, horizon)
    ready = f"{service.url}/v2/repository/index"
    wait_until(lambda: "UNAVAILABLE" not in httpx.post(ready).text, WITHIN, "all models are ready")
    return service


@pytest.mark.parametrize(
    "options",
    [
        [word for path in (*STREAMS, *INFERENCE) for word in ("--exclude-path", path)],
        # That the shape fits the data cannot be said in a schema, so requests that fit the schema may be refused.
        [word for path in INFERENCE for word in ("--include-path", path)]
        + ["--exclude-checks", "positive_data_acceptance"],
    ],
    ids=["everything", "inference"],
)
def test_requests_of_every_kind_are_answered_as_described(service: Service, tmp_path: Path, options: list[str]) -> None:
    ended = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{service.url}/openapi.json", *options),
            *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--seed", "1"),
            *("--header", f"Authorization: Bearer {KEY}", "--request-timeout", "60", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENT,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout[-8000:]
