"""The training process beside the service."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def start_trainer() -> "subprocess.Popen[bytes]":
    """Start `python -m training work`, which ends by itself when this process does."""
    return subprocess.Popen([sys.executable, "-m", "training", "work"], cwd=ROOT, stdin=subprocess.DEVNULL)
