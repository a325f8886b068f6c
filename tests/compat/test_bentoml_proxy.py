import subprocess
import sys

from configuration import ROOT
from tests.patience import PATIENT


def run(script: str) -> str:
    """What `script` prints in a process of its own, where nothing of BentoML was imported before."""
    command = [sys.executable, "-c", "from compat import bentoml_proxy; bentoml_proxy.load_when_called()\n" + script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENT).stdout


def test_an_application_is_made_without_the_proxy() -> None:
    script = "import sys, _bentoml_impl.server.app; print('aiohttp' in sys.modules, 'pyparsing' in sys.modules)"

    assert run(script).split() == ["False", "False"]


def test_a_proxy_is_made_by_bentoml_itself() -> None:
    script = """
import bentoml
from _bentoml_impl.server.app import create_proxy_app
@bentoml.service(cmd=["true"])
class Command: ...
print(type(create_proxy_app(Command)).__name__)
"""
    assert run(script).split() == ["FastAPI"]


def test_a_release_without_it_is_named() -> None:
    script = """
import sys
del sys.modules[bentoml_proxy.PROXY]
bentoml_proxy.PROXY = "_bentoml_impl.server.elsewhere"
try:
    bentoml_proxy.load_when_called()
except RuntimeError as error:
    print(error)
"""
    assert run(script).strip().endswith("compat/bentoml_proxy.py stands for it")
