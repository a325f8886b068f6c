import subprocess
import sys

import pytest

from configuration import ROOT
from tests.patience import PATIENT


def run(script: str) -> list[str]:
    """The words that `script` prints in a process of its own, where nothing was imported before."""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENT
    )
    return ended.stdout.split()


def test_structlog_works_without_what_it_does_not_need_and_others_get_it() -> None:
    script = """
import sys
from compat import structlog_alone
structlog_alone.import_structlog()
print("rich" in sys.modules, "greenlet" in sys.modules)
import logs
logs.configure("info")
import structlog
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("any").exception("failed")
print("rich" in sys.modules)
import rich, greenlet
print(rich.__name__)
"""
    assert run(script) == ["False", "False", "False", "rich"]


@pytest.mark.parametrize("module", ["training.worker.process"])
def test_an_idle_trainer_is_small(module: str) -> None:
    assert run(f"import sys, {module}; print('rich' in sys.modules, 'numpy' in sys.modules)") == ["False", "False"]
