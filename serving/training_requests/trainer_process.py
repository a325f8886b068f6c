"""The training process beside the service."""

import importlib.util
import os
import subprocess
import sys

from configuration import ROOT

MODULE = "training.worker.process"


def can_train() -> bool:
    """Whether the training packages are installed here."""
    return importlib.util.find_spec("mlflow") is not None and importlib.util.find_spec("training") is not None


def start_trainer() -> "subprocess.Popen[bytes]":
    """Start a worker of the training queue, which ends by itself when this process does."""
    command = [sys.executable, "-m", MODULE, str(os.getpid())]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
