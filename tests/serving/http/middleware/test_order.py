"""What a request passes in the server that really runs, BentoML's own parts included."""

import json
import subprocess
import sys
from pathlib import Path

from configuration import ROOT
from tests.patience import PATIENT
from tests.serving.running import environment

# Starts the service as a worker of BentoML does, asks, and says by whose hands each request went.
SCRIPT = """
import asyncio, json
import httpx
import uvicorn
from bentoml._internal.server.http.traffic import TimeoutMiddleware
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette.middleware.errors import ServerErrorMiddleware

passed = []

def watch(kind):
    call = kind.__call__
    async def watched(self, scope, receive, send):
        if scope["type"] == "http":
            passed.append(kind.__name__)
        await call(self, scope, receive, send)
    kind.__call__ = watched

for kind in (TimeoutMiddleware, OpenTelemetryMiddleware, ServerErrorMiddleware):
    watch(kind)

import service
from serving.http.middleware.envelope import Envelope

watch(Envelope)
server = uvicorn.Server(uvicorn.Config(service.StockPrediction.to_asgi(), port=0, log_config=None))

async def main():
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    found = {}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await client.get("/predict/AAPL")
        for name, path, headers in (
            ("hit", "/predict/AAPL", {}),
            ("miss", "/predict/AAPL", {"Cache-Control": "no-cache"}),
            ("native", "/livez", {}),
        ):
            passed.clear()
            answer = await client.get(path, headers=headers)
            found[name] = [answer.status_code, answer.headers.get("x-cache"), list(passed)]
    server.should_exit = True
    await serving
    print("FOUND " + json.dumps(found))

asyncio.run(main())
"""


def test_what_is_in_memory_passes_no_application(tmp_path: Path) -> None:
    given = {
        "STOCKS_TICKERS": '["AAPL"]',
        "STOCKS_HORIZONS": "[1]",
        "STOCKS_SERVING__RUNNER": "embedded",
        "STOCKS_TRAINING__ON_START": "false",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=environment(tmp_path / "home", **given),
        capture_output=True,
        text=True,
        timeout=PATIENT,
        check=False,
    )

    lines = [line for line in ended.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, ended.stderr
    bentomls = ["ServerErrorMiddleware", "OpenTelemetryMiddleware", "TimeoutMiddleware"]
    assert json.loads(lines[0].removeprefix("FOUND ")) == {
        "hit": [200, "memory", []],
        "miss": [200, "miss", ["Envelope"]],
        "native": [200, None, ["Envelope", *bentomls]],
    }
