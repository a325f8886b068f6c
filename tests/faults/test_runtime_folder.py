"""Each service counts in a folder of its own, in memory, that no other start touches and that goes with it."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from configuration import ROOT
from serving.runtime_folder import SHARED_MEMORY, remove_stale
from tests.patience import PATIENT
from tests.serving.running import START_WITHIN, Service, command, environment

pytestmark = pytest.mark.slow

COUNTED = 'stocks_request_seconds_count{method="GET",route="/tickers",status="200"}'
ENDS_WITHIN = PATIENT


@pytest.fixture(scope="module")
def service(start_service: Callable[..., Service]) -> Service:
    return start_service()


@pytest.fixture
def another(start_service: Callable[..., Service]) -> Service:
    return start_service()


def counted(service: Service) -> float:
    lines = httpx.get(f"{service.url}/metrics", timeout=PATIENT).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(COUNTED))


def metrics_folder(service: Service) -> Path:
    mapped = {one.path for process in service.children() for one in process.memory_maps()}
    (folder,) = {Path(path).parent for path in mapped if path.endswith(".db")}
    return folder


def test_metrics_lie_in_memory_and_outside_of_what_the_service_keeps(service: Service) -> None:
    folder = metrics_folder(service)

    assert folder.is_relative_to(SHARED_MEMORY) == os.access(SHARED_MEMORY, os.W_OK)
    assert not folder.is_relative_to(service.home)
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_a_second_start_that_fails_leaves_the_metrics_of_the_running_service(service: Service) -> None:
    httpx.get(f"{service.url}/tickers", timeout=PATIENT)
    before = counted(service)

    port = int(service.url.rsplit(":", 1)[1])
    second = subprocess.run(
        command(port), cwd=ROOT, env=environment(service.home), capture_output=True, timeout=START_WITHIN, check=False
    )

    assert second.returncode != 0
    assert b"the port is in use" in second.stderr
    httpx.get(f"{service.url}/tickers", timeout=PATIENT)
    assert counted(service) == before + 1


def test_the_folder_goes_with_its_service(another: Service) -> None:
    folder = metrics_folder(another).parent

    another.end()

    assert not folder.exists()


def test_a_killed_service_takes_its_processes_along_and_its_folder_is_collected(another: Service) -> None:
    children, folder = another.children(), metrics_folder(another).parent

    os.kill(another.process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=ENDS_WITHIN)
    remove_stale(folder.parent)

    assert not alive
    assert not folder.exists()


def test_a_folder_in_use_is_not_collected(service: Service) -> None:
    folder = metrics_folder(service).parent

    remove_stale(folder.parent)

    assert folder.exists()
