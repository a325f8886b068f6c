"""Another user of the machine reaches nothing of the service but its HTTP port."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import zmq

from tests.serving.running import Service

pytestmark = pytest.mark.slow

NOBODY = 65534


@pytest.fixture(scope="module")
def service(start_service: Callable[..., Service]) -> Service:
    return start_service()


def family(service: Service) -> list[psutil.Process]:
    return [psutil.Process(service.process.pid), *service.children()]


def sockets_of(service: Service) -> list[Path]:
    """Every socket file that a process of the service listens on."""
    found = {one.laddr for process in family(service) for one in process.net_connections("unix") if one.laddr}
    return [Path(str(path)) for path in found if Path(str(path)).is_socket()]


def can_connect(path: Path, user: int) -> bool:
    """Whether a process of `user` can connect to a socket file."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            socket.socket(socket.AF_UNIX).connect(str(path))
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_http_port_is_the_only_one_that_listens(service: Service) -> None:
    listening = {
        one.laddr.port
        for process in family(service)
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN or one.type == socket.SOCK_DGRAM
    }

    assert listening == {int(service.url.rsplit(":", 1)[1])}


def test_the_supervisor_takes_commands_by_its_private_socket(service: Service) -> None:
    control = next(path for path in sockets_of(service) if path.name == "control.sock")
    with zmq.Context() as context, context.socket(zmq.DEALER) as client:
        client.connect(f"ipc://{control}")
        client.send_json({"id": "1", "command": "list", "properties": {}})
        assert client.poll(60_000), "no answer"
        assert b'"service"' in client.recv()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try it as another user")
def test_another_user_reaches_no_socket_of_the_service(service: Service) -> None:
    sockets = sockets_of(service)

    assert {"control.sock", "events.sock"} <= {path.name for path in sockets}
    assert any("bentoml-uds" in str(path) for path in sockets), "the forests' socket"
    assert all(can_connect(path, os.geteuid()) for path in sockets), "its own user reaches them"
    assert not [path for path in sockets if can_connect(path, NOBODY)]
