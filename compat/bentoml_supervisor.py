"""BentoML's supervisor, closed to everyone but the service's own user, and with a folder of metrics to itself.

BentoML 1.4.39 starts circus with two TCP ports of 127.0.0.1 that ask for no credentials: who connects adds a watcher
with a shell command, which then runs as the service's user. And each start empties the one folder of metrics that all
services of a BENTOML_HOME share, also a start that fails because its port is in use.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from compat import bentoml_worker, forked_workers
from compat.forked_workers import METRICS_VARIABLE

CHECK_SECONDS = 1.0
# circus's name of what it calls when a process has ended.
AFTER_END = "after_reap"
SERVICE = "--service-name"


def keep_metrics_in(folder: Callable[[], str]) -> None:
    """Have a server that this process starts count in the folder that `folder` makes and names when it is asked.

    Raises:
        RuntimeError: this release of BentoML chooses its folder elsewhere.
    """
    if METRICS_VARIABLE in os.environ:
        return
    from bentoml import serving  # noqa: PLC0415  # only the supervisor needs it

    if not callable(getattr(serving, "ensure_prometheus_dir", None)):
        raise RuntimeError(  # noqa: TRY004  # it is the release of a library that is wrong, no argument
            "bentoml has no serving.ensure_prometheus_dir any more; compat/bentoml_supervisor.py replaces it"
        )
    setattr(serving, "ensure_prometheus_dir", folder)  # noqa: B010  # a name of a library is assigned to


def close_control_ports(
    folder: Path, metrics: Path, shared: Sequence[str], ended: Callable[[str, int, int], None]
) -> None:
    """Have the supervisor that this process starts take commands by sockets in `folder` alone.

    Its processes are looked after each second instead of every ten, and forked from it where the source stays as it is.

    Args:
        folder: may be entered by nobody but the service's user.
        metrics: where its processes count.
        shared: modules that they need.
        ended: called with the service, the process id and the exit status (below 0: the signal) of each that ended
            unasked; it is started again.

    Raises:
        RuntimeError: this release of BentoML starts its supervisor otherwise.
    """
    from bentoml._internal.utils import circus  # noqa: PLC0415  # only the supervisor needs its 20 MB
    from circus.exc import ConflictError  # noqa: PLC0415

    arbiter = getattr(circus, "Arbiter", None)
    if not isinstance(arbiter, type) or "Arbiter" not in circus.create_standalone_arbiter.__code__.co_names:
        raise RuntimeError("bentoml starts no Arbiter any more; compat/bentoml_supervisor.py closes its ports")

    class PrivateArbiter(arbiter):  # type: ignore[misc, valid-type]  # a class of a library without types
        """Takes commands only from who may enter the folder."""

        def __init__(self, watchers: list[Any], *args: Any, **given: Any) -> None:
            for watcher in watchers:
                _import_less(watcher)
                _tell_of_ends(watcher, ended)
            if not given.get("plugins"):  # `--reload` has one, for which workers read the source again
                forked_workers.fork_workers(shared, metrics)
            given |= {
                "endpoint": f"ipc://{folder / 'control.sock'}",
                "pubsub_endpoint": f"ipc://{folder / 'events.sock'}",
                "check_delay": CHECK_SECONDS,
            }
            super().__init__(watchers, *args, **given)

        def manage_watchers(self) -> Any:
            """Look after the processes, but while they are being started: then it is tried again a second later."""
            with suppress(ConflictError):
                return super().manage_watchers()

    setattr(circus, "Arbiter", PrivateArbiter)  # noqa: B010  # a type is not assigned to otherwise


def _import_less(watcher: Any) -> None:
    """Have the processes of a watcher started by compat/bentoml_worker.py."""
    if watcher.args[:2] == ["-m", bentoml_worker.WORKER]:
        watcher.args[:2] = [bentoml_worker.__file__]


def _tell_of_ends(watcher: Any, ended: Callable[[str, int, int], None]) -> None:
    """Have `ended` called for each process of a watcher that ends while it should run.

    circus drops a process without a word that has ended since it looked for such; here it is looked for once more.
    """
    from circus.process import DEAD_OR_ZOMBIE, UNEXISTING  # noqa: PLC0415  # only the supervisor needs it

    service = watcher.args[watcher.args.index(SERVICE) + 1] if SERVICE in watcher.args else watcher.name

    def tell(*, process_pid: int, exit_code: int, **_: Any) -> None:
        if watcher.is_active():
            ended(service, process_pid, exit_code)

    def manage() -> Any:
        for process in [*watcher.processes.values()]:
            if process.status in {DEAD_OR_ZOMBIE, UNEXISTING}:
                watcher.reap_process(process.pid)
        return managed()

    managed = watcher.manage_processes
    watcher.manage_processes, watcher.hooks[AFTER_END] = manage, tell
