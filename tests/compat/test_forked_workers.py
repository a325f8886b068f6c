import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from configuration import ROOT
from tests.patience import PATIENT

# What a worker says of itself; it stands in for BentoML's.
WORKER = """
import json, os, random, signal, sys
from pathlib import Path

def target(name):
    try:
        return os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        return ""  # of the listing itself

found = {target(name).split(":")[0] for name in os.listdir("/proc/self/fd")}
Path(sys.argv[-1]).write_text(json.dumps({
    "argv": sys.argv[1:-1],
    "descriptors": sorted(found - {""} - {name for name in found if name.startswith("/proc")}),
    "random": random.random(),
    "environment": dict(os.environ),
    "signals": [
        (line[:6], line[-8:])  # the first 32; the system's library has some of the others
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(("SigBlk", "SigIgn", "SigCgt"))
    ],
    "command": Path("/proc/self/cmdline").read_bytes().decode().split(chr(0))[:2],
    "session": os.getsid(0) == os.getpid(),
    "parent": os.getppid(),
}))
exec(os.environ.get("THEN", ""))
"""

SCRIPT = """
import json, os, signal, socket, sys, tempfile, asyncio
from pathlib import Path
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
from circus.process import Process
from compat import bentoml_worker, forked_workers
bentoml_worker.WORKER = "worker_of_a_test"

def run(name, *program, **given):
    command = [*(program or [bentoml_worker.__file__]), "--service-name", "forests", str(folder / name)]
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"), **given}
    process = Process(
        name, 1, sys.executable, command, env=environment, use_fds=True, pipe_stdout=False, pipe_stderr=False
    )
    process.wait()
    return process.returncode()

loop = asyncio.new_event_loop()
secret = open(folder / "secret", "w")
listener = socket.socket()
listener.set_inheritable(True)
signal.signal(signal.SIGHUP, lambda *_: None)
signal.signal(signal.SIGINT, lambda *_: None)
(folder / "metrics").mkdir()
status = {"executed": run("executed", str(folder / "worker_of_a_test.py"))}
forked_workers.fork_workers(["json"], folder / "metrics")
status["forked"] = run("forked", ADDED="yes")
status["again"] = run("again")
status["exits"] = run("exits", THEN="sys.exit(3)")
status["says"] = run("says", THEN="sys.exit('no port')")
status["raises"] = run("raises", THEN="raise KeyError('of the worker')")
status["registers"] = run("registers", THEN="import atexit; atexit.register(print, 'at the end')")
status["ended"] = run("ended", THEN="os.kill(os.getpid(), signal.SIGHUP)")
status["killed"] = run("killed", THEN="os.kill(os.getpid(), signal.SIGKILL)")
status["blocked here"] = len(signal.pthread_sigmask(signal.SIG_BLOCK, []))
status["pid"] = os.getpid()
print(json.dumps(status))
"""


class Family:
    """What a process and the workers that it has forked have left."""

    def __init__(self, folder: Path) -> None:
        (folder / "worker_of_a_test.py").write_text(WORKER)
        command = [sys.executable, "-c", SCRIPT, str(folder)]
        environment = {**os.environ, "BENTOML_HOME": str(folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=PATIENT
        )
        assert done.returncode == 0, done.stderr
        self.output, self.errors = done.stdout, done.stderr
        self.status: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
        self._folder = folder

    def worker(self, name: str) -> dict[str, Any]:
        """What a worker has said of itself."""
        found: dict[str, Any] = json.loads((self._folder / name).read_text())
        return found


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    return Family(tmp_path_factory.mktemp("forked"))


def test_a_worker_has_the_descriptors_that_it_has_as_a_program_of_its_own(family: Family) -> None:
    executed, forked = family.worker("executed"), family.worker("forked")
    assert forked["descriptors"] == executed["descriptors"]
    assert "socket" in forked["descriptors"]
    assert not any(name.endswith("secret") for name in forked["descriptors"])


def test_a_worker_treats_signals_as_a_program_of_its_own_does(family: Family) -> None:
    executed, forked = family.worker("executed"), family.worker("forked")
    assert forked["signals"] == executed["signals"]
    assert family.status["blocked here"] == 0


def test_a_worker_has_the_command_line_and_the_environment_it_was_given(family: Family) -> None:
    executed, forked = family.worker("executed"), family.worker("forked")
    assert forked["argv"] == executed["argv"] == ["--service-name", "forests"]
    assert forked["environment"] == executed["environment"] | {"ADDED": "yes"}
    assert forked["command"] == ["bentoml_worker.py", "forests"]


def test_a_worker_is_a_child_of_its_supervisor_in_a_session_of_its_own(family: Family) -> None:
    forked = family.worker("forked")
    assert forked["parent"] == family.status["pid"]
    assert forked["session"]


def test_workers_draw_different_random_numbers(family: Family) -> None:
    assert family.worker("forked")["random"] != family.worker("again")["random"]


@pytest.mark.parametrize(
    ("worker", "status"),
    [
        ("forked", 0),
        ("exits", 3),
        ("says", 1),
        ("raises", 1),
        ("registers", 0),
        ("ended", -signal.SIGHUP),
        ("killed", -signal.SIGKILL),
    ],
)
def test_the_supervisor_learns_how_a_worker_ended(family: Family, worker: str, status: int) -> None:
    assert family.status[worker] == status


def test_what_a_worker_ends_with_is_written(family: Family) -> None:
    assert "KeyError: 'of the worker'" in family.errors
    assert "no port" in family.errors.splitlines()
    assert "at the end" in family.output.splitlines()


def test_a_release_of_circus_that_starts_otherwise_is_named() -> None:
    script = """
from pathlib import Path
from compat import forked_workers
forked_workers.STARTER = "Elsewhere"
try:
    forked_workers.fork_workers([], Path("."))
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENT
    )
    assert done.stdout.strip().endswith("compat/forked_workers.py replaces it")
