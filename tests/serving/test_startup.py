"""A start that cannot succeed ends with one line for a person."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from configuration import ROOT
from tests.patience import PATIENT
from tests.redis_servers import free_port
from tests.serving.running import command, environment

TIMEOUT = PATIENT


def failed(words: list[str], home: Path, **variables: str) -> str:
    """What it says when it ends, which it does with exit status 1."""
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("url", ["foo://x", "redis://localhost:port"])
@pytest.mark.parametrize(
    "words",
    [
        command(free_port()),
        [sys.executable, "-m", "training", "status"],
        [sys.executable, "-m", "training", "work"],
        [sys.executable, "-m", "market", "fetch"],
    ],
    ids=lambda words: " ".join(words[2:4]),
)
def test_a_wrong_url_of_redis_is_named_by_every_command(tmp_path: Path, words: list[str], url: str) -> None:
    (line,) = failed(words, tmp_path, REDIS_URL=url).splitlines()

    assert line.removeprefix("Error: ").startswith("configuration: cache.redis_url: ")


@pytest.mark.slow
def test_a_port_in_use_is_said_so(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        (line,) = failed(command(other.getsockname()[1]), tmp_path, STOCKS_TRAINING__ON_START="false").splitlines()

    assert line.startswith("the port is in use")


@pytest.mark.slow
@pytest.mark.parametrize("port", [0, 65536])
def test_what_is_no_port_is_refused(tmp_path: Path, port: int) -> None:
    (line,) = failed(command(port), tmp_path, STOCKS_TRAINING__ON_START="false").splitlines()

    assert line == f"--port {port}: there is no such port; give one from 1 to 65535 (`make serve PORT=8000`)"
