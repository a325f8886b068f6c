"""Processes of the service that ended and that their supervisor starts again: a line in the log, and a count."""

import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from concurrency.atomic_file import replace_file

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

log = structlog.get_logger(__name__)

FILE = "ended-workers.json"
SERVICES = ("stock_prediction", "forest_runner")


def how_it_ended(status: int) -> dict[str, Any]:
    """The exit status of a process, or the name of the signal that ended it, which is given as a negative status."""
    if status >= 0:
        return {"status": status}
    try:
        return {"signal": signal.Signals(-status).name}
    except ValueError:
        return {"signal": str(-status)}


class EndedWorkers:
    """Written by the supervisor alone, and read by who is asked for metrics.

    The supervisor keeps no files of Prometheus's client, which belong to the processes that count.
    """

    def __init__(self, folder: Path) -> None:
        """Count in a file of `folder`."""
        self._file = folder / FILE

    def note(self, service: str, pid: int, status: int) -> None:
        """Log and count the end of a process of `service` with the exit status `status`."""
        log.error("worker.ended", service=service, pid=pid, **how_it_ended(status))
        counts = self._read()
        counts[service] = counts.get(service, 0) + 1
        try:
            with replace_file(self._file, durable=False) as file:
                file.write(json.dumps(counts).encode())
        except OSError as error:
            log.warning("worker.not_counted", file=str(self._file), problem=error.strerror)

    def figures(self) -> "Iterable[Metric]":
        """For Prometheus: how many have ended, by service."""
        # The supervisor imports this file before it has said where processes count.
        from prometheus_client.metrics_core import CounterMetricFamily  # noqa: PLC0415

        ended = CounterMetricFamily(
            "stocks_workers_ended_total",
            "Processes that ended and were started again, by their service.",
            labels=["service"],
        )
        for service, count in (dict.fromkeys(SERVICES, 0) | self._read()).items():
            ended.add_metric([service], count)
        return [ended]

    def _read(self) -> dict[str, int]:
        try:
            counts: dict[str, int] = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return {}
        return counts


def ended_workers() -> Iterable["Metric"]:
    """Those of the service that this process is part of; none where no supervisor has started it."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return EndedWorkers(Path(folder)).figures() if folder else []
