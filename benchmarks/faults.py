"""What a user sees while one part of the service fails, under load.

`python -m benchmarks.faults --connections 100 --seconds 60` starts the service with two API workers, publishes models
by training, and for each fault asks from many connections, half of it uncached: errors, p95 during the fault, and the
seconds until a model answers again after the part is back. Who may mount gives the service a small disk of its own,
which fills up; without that right this fault is left out.
"""

import asyncio
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import click
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.load import TIMEOUT, Outcomes
from benchmarks.servers import RedisServer, Server, ours, redis_server

TICKERS = '["AAPL", "MSFT", "NVDA", "TSLA"]'
FRESH = {"Cache-Control": "no-cache"}
OK = 200
MODELS_WITHIN = 900.0
BACK_WITHIN = 120.0


DISK_SIZE = "512m"
UNFINISHED = 1010


@dataclass
class Scene:
    """The service and what it stands on.

    Attributes:
        disk: of the service alone; None without the right to mount one.
        unfinished: connections whose request never ends.
    """

    server: Server
    redis: RedisServer
    disk: Path | None
    unfinished: list[socket.socket] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Fault:
    """A part that is hurt, and mended after half of the time when it does not come back by itself."""

    name: str
    hurt: Callable[[Scene], None]
    mend: Callable[[Scene], None] = lambda _scene: None
    needs_disk: bool = False


def send(number: signal.Signals, part: str) -> Callable[[Scene], None]:
    """Send a signal to a process of the service."""

    def act(scene: Scene) -> None:
        if (found := part_of(scene.server, part)) is None:
            raise click.ClickException(f"{part or 'supervisor'}: there is no such process")
        found.send_signal(number)

    return act


def part_of(server: Server, word: str) -> psutil.Process | None:
    """The process of the service with `word` on its command line; without a word the supervisor."""
    top = psutil.Process(server.process.pid)
    if not word:
        return top
    for process in top.children(recursive=True):
        with suppress(psutil.Error):
            if word in process.cmdline():
                return process
    return None


def fill_disk(scene: Scene) -> None:
    """Leave no byte free on the disk of the service."""
    assert scene.disk is not None  # noqa: S101  # the fault is left out without it
    with (scene.disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def empty_disk(scene: Scene) -> None:
    """Make room again."""
    assert scene.disk is not None  # noqa: S101  # the fault is left out without it
    (scene.disk / "filler").unlink()


def begin_requests(scene: Scene) -> None:
    """Send the head of many requests and a part of their bodies, and then nothing."""
    address = urlsplit(scene.server.url)
    head = (
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"
    )
    for _ in range(UNFINISHED):
        connection = socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10)
        connection.sendall(head)
        scene.unfinished.append(connection)


def leave_requests(scene: Scene) -> None:
    """Close them."""
    while scene.unfinished:
        scene.unfinished.pop().close()


FORESTS, WORKER, TRAINER, SUPERVISOR = "forest_runner", "stock_prediction", "training.worker.process", ""
FAULTS = (
    Fault("forests frozen", send(signal.SIGSTOP, FORESTS), send(signal.SIGCONT, FORESTS)),
    Fault("forests killed", send(signal.SIGKILL, FORESTS)),
    Fault("one of two API workers killed", send(signal.SIGKILL, WORKER)),
    Fault("trainer killed", send(signal.SIGKILL, TRAINER)),
    Fault("supervisor frozen", send(signal.SIGSTOP, SUPERVISOR), send(signal.SIGCONT, SUPERVISOR)),
    Fault("Redis frozen", lambda scene: scene.redis.freeze(), lambda scene: scene.redis.thaw()),
    Fault("Redis killed", lambda scene: scene.redis.kill(), lambda scene: scene.redis.start()),
    Fault("disk full", fill_disk, empty_disk, needs_disk=True),
    Fault(f"{UNFINISHED:,} unfinished POSTs", begin_requests, leave_requests),
)


async def load(url: str, connections: int, until: Callable[[], bool], outcomes: Outcomes, pause: float = 0.0) -> None:
    """Ask from `connections` at once, every second request uncached, until `until` says so.

    Args:
        pause: seconds between an answer and the next request of the same connection.
    """
    paths = ["/predict/AAPL", "/predict/MSFT?horizon=1", "/predict/NVDA", "/predict/TSLA"]
    async with aiohttp.ClientSession(url, timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def user(number: int) -> None:
            step = number
            while not until():
                step += 1
                await ask(session, paths[step % len(paths)], FRESH if step % 2 else {}, outcomes)
                await asyncio.sleep(pause)

        await asyncio.gather(*(user(number) for number in range(connections)))


async def ask(session: aiohttp.ClientSession, path: str, headers: dict[str, str], outcomes: Outcomes) -> None:
    """One request; anything but 200 is an error."""
    started = time.perf_counter()
    try:
        async with session.get(path, headers=headers) as answer:
            await answer.read()
            right = answer.status == OK
    except (aiohttp.ClientError, TimeoutError, OSError):
        right = False
    if right:
        outcomes.seconds.append(time.perf_counter() - started)
    else:
        outcomes.errors += 1


async def by_model(url: str) -> bool:
    """Whether every ticker is answered by a model now."""
    async with aiohttp.ClientSession(url, timeout=TIMEOUT) as session:
        for ticker in ("AAPL", "MSFT", "NVDA", "TSLA"):
            try:
                async with session.get(f"/model/status/{ticker}") as status:
                    if not (await status.json())["model_loaded"]:
                        return True  # it was rejected; the others show what is looked for
                async with session.get(f"/predict/{ticker}", headers=FRESH) as answer:
                    if answer.status != OK or (await answer.json())["model"]["type"] == "baseline":
                        return False
            except (aiohttp.ClientError, TimeoutError, OSError):
                return False
    return True


async def suffer(scene: Scene, fault: Fault, connections: int, seconds: float) -> tuple[Outcomes, float]:
    """The outcomes of the load during a fault, and the seconds until models answer again after its end."""
    outcomes, ends = Outcomes(), time.monotonic() + seconds
    loading = asyncio.create_task(load(scene.server.url, connections, lambda: time.monotonic() > ends, outcomes))
    await asyncio.sleep(seconds / 4)
    await asyncio.to_thread(fault.hurt, scene)
    await asyncio.sleep(seconds / 2)
    await asyncio.to_thread(fault.mend, scene)
    back = await seconds_until_back(scene.server.url)
    await loading
    return outcomes, back


async def seconds_until_back(url: str) -> float:
    """Seconds until every model answers."""
    began = time.monotonic()
    while not await by_model(url):
        if time.monotonic() - began > BACK_WITHIN:
            return float("inf")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def trained(url: str) -> None:
    """Wait until no training is open."""
    deadline = time.monotonic() + MODELS_WITHIN
    async with aiohttp.ClientSession(url, timeout=TIMEOUT) as session:
        while time.monotonic() < deadline:
            async with session.get("/metrics") as answer:
                text = await answer.text()
            done = [line for line in text.splitlines() if line.startswith("stocks_trainings{")]
            if done and not any("queued" in line or "running" in line for line in done):
                return
            await asyncio.sleep(1)
    raise click.ClickException(f"the models were not trained within {MODELS_WITHIN:.0f} s")


def show(rows: Sequence[tuple[Fault, Outcomes, float]], console: Console) -> None:
    """The table of docs/reliability.md."""
    table = Table("fault", "requests", "errors", "p50 ms", "p95 ms", "longest ms", "models again after s")
    for fault, outcomes, back in rows:
        times = (f"{1000 * outcomes.quantile(fraction):.0f}" for fraction in (0.5, 0.95, 1.0))
        table.add_row(fault.name, str(outcomes.count), str(outcomes.errors), *times, f"{back:.1f}")
    console.print(table)


@click.command(help=__doc__)
@click.option("--connections", default=100, show_default=True)
@click.option("--seconds", default=60.0, show_default=True, help="Of load for each fault.")
@click.option("--only", default="", help="Faults whose name has this word.")
def main(connections: int, seconds: float, only: str) -> None:
    """Each fault in its turn, on one service."""
    with scene() as here:
        asyncio.run(trained(here.server.url))
        faults = [one for one in FAULTS if only in one.name and (here.disk or not one.needs_disk)]
        rows = [(fault, *asyncio.run(suffer(here, fault, connections, seconds))) for fault in faults]
    show(rows, Console())


@contextmanager
def scene() -> Iterator[Scene]:
    """A service on a disk of its own, with a Redis."""
    given = {
        "STOCKS_TICKERS": TICKERS,
        "STOCKS_HORIZONS": "[1]",
        "STOCKS_SERVING__WORKERS": "2",
        "STOCKS_MARKET__PROVIDERS": '["simulated"]',
        "STOCKS_TRAINING__ON_START": "true",
    }
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stocks-faults-")))
        mounted = stack.enter_context(small_disk(home / "disk"))
        redis = stack.enter_context(redis_server())
        server = stack.enter_context(ours(home / "disk", **given, STOCKS_CACHE__REDIS_URL=redis.url))
        yield Scene(server, redis, home / "disk" if mounted else None)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A folder, and whether it is a disk of its own."""
    folder.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", str(folder)]
    mounted = bool(mount and unmount) and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run([str(unmount), "--lazy", str(folder)], check=True)


if __name__ == "__main__":
    main()
