"""BentoML's workers as copies of their supervisor: what it has imported is in memory once, and a worker starts sooner.

circus 0.19 starts each process that it keeps by fork and exec. Here the forked process goes on as the worker, as
Python's own `multiprocessing` has it on Linux; circus still starts, waits for and signals a child of its own. The
worker keeps the descriptors, the environment and the ways to end that it would have after an exec.
"""

import atexit
import ctypes
import gc
import importlib
import logging
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from functools import partial
from pathlib import Path
from typing import Any

from compat import bentoml_worker

STARTER = "Popen"
SOURCE = Path(__file__).parent.parent
# Set in every process that a supervisor has started.
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# What a worker of BentoML and its uvicorn import while they start.
SERVER = (
    "_bentoml_impl.client",
    "_bentoml_impl.server.app",
    "bentoml._internal.runner.container",
    "bentoml._internal.server.http.traffic",
    "bentoml._internal.server.http_app",
    "bentoml._internal.utils.telemetry",
    "opentelemetry.instrumentation.asgi",
    "opentelemetry.sdk.trace.export",
    "prometheus_client.multiprocess",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)


def fork_workers(shared: Sequence[str], metrics: Path) -> None:
    """Have circus fork the workers of BentoML that this process starts; elsewhere than on Linux they start as before.

    Args:
        shared: modules that workers need.
        metrics: the folder that they count in; this process itself counts nothing.

    Raises:
        RuntimeError: this release of circus starts processes otherwise.
    """
    process = importlib.import_module("circus.process")

    start = getattr(process, STARTER, None)
    if start is None or STARTER not in process.Process.spawn.__code__.co_names:
        raise RuntimeError(f"circus starts processes by no {STARTER} any more; compat/forked_workers.py replaces it")
    if sys.platform == "linux":
        _import((*SERVER, *shared), metrics)
        setattr(process, STARTER, partial(_start, start))


def _import(names: Sequence[str], metrics: Path) -> None:
    if bentoml_worker.HTTP not in names:
        bentoml_worker.put_off_client()
    # prometheus_client asks when it is imported, and BentoML takes the path away when it has loaded a service.
    os.environ[METRICS_VARIABLE] = str(metrics)
    sys.path.insert(0, str(SOURCE))
    try:
        for name in names:
            importlib.import_module(name)
    finally:
        sys.path.remove(str(SOURCE))
        del os.environ[METRICS_VARIABLE]
    for file in metrics.glob("*.db"):
        file.unlink()
    # What the collector does not look through is not written to, and stays shared.
    gc.collect()
    gc.freeze()


def _start(start: Any, command: list[str], preexec_fn: Callable[[], None], env: dict[str, str], **given: Any) -> Any:
    """Start a process; one of our workers by a function of `subprocess` that does not return."""
    if bentoml_worker.__file__ not in command:
        return start(command, preexec_fn=preexec_fn, env=env, **given)
    # A signal to the new process waits until it no longer treats it as this one does.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}

    def work() -> None:
        _work(command, env, preexec_fn, lambda: _reset_signals(handlers, mask))

    try:
        return start(command, preexec_fn=work, **given)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _work(command: Sequence[str], environment: Mapping[str, str], *prepare: Callable[[], None]) -> None:
    """Be a worker until its end, in the process that was forked."""
    status = 1
    try:
        for step in prepare:
            step()
        os.environ.clear()
        os.environ.update(environment)
        _close_descriptors(environment[METRICS_VARIABLE])
        # Nothing that the supervisor is to do at its end is the worker's to do.
        atexit._clear()  # noqa: SLF001  # as `multiprocessing` does
        atexit.register(logging.shutdown)
        gc.enable()  # off while `subprocess` forks
        sys.argv = [*command[command.index(bentoml_worker.__file__) :]]
        _name_process(Path(sys.argv[0]).name, command[command.index("--service-name") + 1])
        status = Context().run(_run)
    finally:
        os._exit(status)


def _reset_signals(handlers: Mapping[signal.Signals, Any], mask: Any) -> None:
    """As Python has them when it starts, but for what was set after the fork, by a tool that follows forks."""
    for number, handler in handlers.items():
        if callable(handler) and signal.getsignal(number) == handler:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # `subprocess` has set them as other programs have them
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _close_descriptors(metrics: str) -> None:
    """Close what an exec would; prometheus_client closes its own when it finds itself in another process."""
    for opened in [*Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):  # the folder's own, closed meanwhile
            if not os.get_inheritable(int(opened.name)) and not opened.readlink().is_relative_to(metrics):
                os.close(int(opened.name))


def _name_process(*words: str) -> None:
    """Have `ps` show these words, as many as there is room for, in place of the supervisor's command."""
    start, end = map(int, Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[45:47])
    room = end - start
    ctypes.memmove(start, "\0".join(words).encode()[: room - 1].ljust(room, b"\0"), room)


def _run() -> int:
    """Run BentoML's worker, and end as Python does; gives the exit status."""
    status = 0
    try:
        runpy.run_module(bentoml_worker.WORKER, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = _status(end)
    except BaseException:  # noqa: BLE001  # Python itself catches all
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  # waits for threads, as `multiprocessing` does
    atexit._run_exitfuncs()  # noqa: SLF001
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _status(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)  # noqa: T201  # as Python does
    return 1
