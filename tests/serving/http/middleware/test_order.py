"""What a request passes in the application that the server really runs, BentoML's own parts included."""

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
application = service.StockPrediction.to_asgi()

async def main():
    told, asked = asyncio.Queue(), asyncio.Queue()
    life = asyncio.create_task(application({"type": "lifespan", "asgi": {"version": "3.0"}}, told.get, asked.put))
    await told.put({"type": "lifespan.startup"})
    assert (await asked.get())["type"] == "lifespan.startup.complete"
    found = {}
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        await client.get("/predict/AAPL")
        for name, path, headers in (
            ("hit", "/predict/AAPL", {}),
            ("miss", "/predict/AAPL", {"Cache-Control": "no-cache"}),
            ("native", "/livez", {}),
        ):
            passed.clear()
            answer = await client.get(path, headers=headers)
            found[name] = [answer.status_code, answer.headers.get("x-cache"), list(passed)]
    await told.put({"type": "lifespan.shutdown"})
    await life
    print("FOUND " + json.dumps(found))

asyncio.run(main())
"""


def test_what_is_in_memory_never_passes_bentomls_own_layers(tmp_path: Path) -> None:
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
