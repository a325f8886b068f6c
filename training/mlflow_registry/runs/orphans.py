"""Runs whose process was killed: MLflow would show them as running for ever.

Each run carries a tag that names its process. A run is ended only when that process is surely gone: it was one of
this machine, and this machine has been started anew since, or has nobody of that number who began at that moment.
What another machine or another container writes is left alone, and so is everything on systems without `/proc`.
"""

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import structlog
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

log = structlog.get_logger(__name__)

TAG = "process"
PAGE = 1000

# Of what /proc/PID/stat has after the program's name: the state, and the start in ticks since the machine's own.
STATE, STARTED = 0, 19
ENDED = {"Z", "X", "x"}


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told from every other on any machine.

    Attributes:
        machine: of the installation of its system; empty when that is not told.
        boot: of the machine's last start.
        namespace: within which `pid` is unique.
        started: ticks from the machine's start to its own.
    """

    host: str
    machine: str
    boot: str
    namespace: str
    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The living process `pid` of this machine; None when there is none, or nothing is known of it."""
        started = _started(pid)
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            namespace = Path("/proc/self/ns/pid").readlink().name
        except OSError:
            return None
        return cls(socket.gethostname(), _machine(), boot, namespace, pid, started) if started is not None else None

    @classmethod
    def current(cls) -> Self | None:
        """This one."""
        return cls.of(int(Path("/proc/self").readlink().name)) if Path("/proc/self").exists() else None

    def tags(self) -> dict[str, str]:
        """As a run carries it."""
        return {TAG: json.dumps(asdict(self))}

    def is_gone(self, here: "Process") -> bool:
        """Whether it surely lives no more, as seen from the process `here`."""
        if (self.host, self.machine) != (here.host, here.machine):
            return False
        if self.boot != here.boot:
            return bool(self.machine)
        return self.namespace == here.namespace and _started(self.pid) != self.started


def process_tags() -> dict[str, str]:
    """This process, as its runs carry it; nothing where it cannot be told."""
    process = Process.current()
    return process.tags() if process is not None else {}


def end_orphans(client: MlflowClient, experiment_id: str) -> None:
    """End the runs of an experiment whose process is gone as KILLED."""
    here = Process.current()
    if here is None:
        return
    for run in _running(client, experiment_id, "attributes.status = 'RUNNING'"):
        process = _process_of(run)
        if process is not None and process.is_gone(here):
            client.set_terminated(run.info.run_id, "KILLED")
            log.warning(
                "run.ended", name=run.info.run_name, run_id=run.info.run_id, status="KILLED", reason="process gone"
            )


def end_children(client: MlflowClient, experiment_id: str, parent_id: str) -> None:
    """End what still runs below a run that has ended as KILLED: a worker elsewhere died, another has repeated it."""
    below = f"attributes.status = 'RUNNING' AND tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent_id}'"
    for run in _running(client, experiment_id, below):
        client.set_terminated(run.info.run_id, "KILLED")


def _running(client: MlflowClient, experiment_id: str, chosen: str) -> list[Run]:
    found: list[Run] = []
    token = None
    while True:
        page = client.search_runs([experiment_id], chosen, max_results=PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _process_of(run: Run) -> Process | None:
    try:
        return Process(**json.loads(run.data.tags[TAG]))
    except (KeyError, TypeError, ValueError):
        return None


def _started(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[STARTED]) if fields[STATE] not in ENDED else None


def _machine() -> str:
    try:
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
