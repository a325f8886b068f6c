import subprocess
import sys

from configuration import ROOT
from tests.patience import PATIENT


def run(script: str) -> str:
    """What `script` prints in a process of its own, where nothing of BentoML was imported before."""
    command = [sys.executable, "-c", "import sys\nfrom compat import bentoml_worker\n" + script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENT).stdout


def test_a_worker_makes_its_application_without_the_supervisor_and_the_client() -> None:
    script = """
bentoml_worker.import_less()
import _bentoml_impl.server.app
from _bentoml_impl.client import RemoteProxy
client = RemoteProxy("http://127.0.0.1:9")
print("circus" in sys.modules, "zmq" in sys.modules, "aiohttp.client" in sys.modules)
"""
    assert run(script).split() == ["False", "False", "False"]


def test_a_client_that_is_used_connects_and_closes() -> None:
    script = """
import asyncio
bentoml_worker.import_less()
from _bentoml_impl.client.proxy2 import AsyncClient
async def main():
    client = AsyncClient("http://127.0.0.1:9", server_ready_timeout=0)
    await client.close()
    try:
        await client.is_ready()
    except Exception as error:
        print(type(error).__name__)
    await client.close()
asyncio.run(main())
"""
    assert run(script).split() == ["ClientConnectorError"]


def test_the_starter_of_servers_is_there_when_it_is_called() -> None:
    script = """
bentoml_worker.import_less()
from _bentoml_impl.server import serve_http
try:
    serve_http()
except TypeError as error:
    print(error)
"""
    assert "missing 1 required positional argument: 'bento_identifier'" in run(script)


def test_a_release_without_the_client_is_named() -> None:
    script = """
bentoml_worker.SESSIONS = "Elsewhere"
try:
    bentoml_worker.import_less()
except RuntimeError as error:
    print(error)
"""
    assert run(script).strip().endswith("compat/bentoml_worker.py puts it off")
