"""Tools that check what is shipped: `make test-deploy` insists on them, other runs skip a test without its tool."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from configuration import ROOT

DEPLOY = ROOT / "deploy"
INSISTING = "TOOLS_MUST_BE_THERE"

Tool = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def tool() -> Tool:
    """Run a tool from beside Python or from the PATH; its exit status is the caller's to look at."""

    def run(name: str, *words: str | Path, folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [find_tool(name), *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=300, check=False
        )

    return run


def find_tool(name: str) -> str:
    """Where a tool is; without it the test fails or is skipped."""
    path = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if path is None and os.environ.get(INSISTING):
        pytest.fail(f"{name} is not installed; docs/operations.md says what `make test-deploy` needs")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path
