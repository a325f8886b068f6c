"""What kill -9 at random moments of training, promotion, publication and queueing leaves behind.

`python -m benchmarks.kills --times 100` works a queue with a worker that is killed again and again, and then looks:
every database opens, every published model is whole, each champion is what is published once the worker has looked, and
no job was lost or done twice.
"""

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import click
from rich.progress import track

from configuration import ROOT
from forecasting.model_store import newest_folder, read_published_model
from training_queue.jobs import RETRAIN, TrainingJobs
from training_queue.publications import Publications

TICKERS = ("AAPL", "MSFT")
LONGEST_LIFE_SECONDS = 12.0
RECOVERED_WITHIN = 600.0
WORKER = (sys.executable, "-m", "training.worker.process")


def environment(home: Path) -> dict[str, str]:
    """Few and small models of simulated prices."""
    given = {
        "STOCKS_HOME": str(home),
        "BENTOML_HOME": str(home / "bentoml"),
        "STOCKS_TICKERS": '["AAPL", "MSFT"]',
        "STOCKS_HORIZONS": "[1]",
        "STOCKS_TRAINING__TESTED": "250",
        "STOCKS_TRAINING__ON_START": "false",
        "STOCKS_MARKET__PROVIDERS": '["simulated"]',
    }
    return {**os.environ, **given}


def kill_one(home: Path, lives: random.Random) -> None:
    """Let a worker live for a random while, with something to do, and kill it."""
    jobs = TrainingJobs(home)
    for ticker in TICKERS:
        jobs.add(ticker, [1], RETRAIN)
    with subprocess.Popen(WORKER, cwd=ROOT, env=environment(home), stderr=subprocess.DEVNULL) as worker:
        time.sleep(lives.uniform(0, LONGEST_LIFE_SECONDS))
        worker.send_signal(signal.SIGKILL)


def recover(home: Path) -> None:
    """Let a worker finish what is left.

    Raises:
        ClickException: it did not.
    """
    jobs, publications, deadline = TrainingJobs(home), Publications(home), time.monotonic() + RECOVERED_WITHIN
    with subprocess.Popen(WORKER, cwd=ROOT, env=environment(home), stderr=subprocess.DEVNULL) as worker:
        while {"queued", "running"} & jobs.outcomes().keys() or publications.left_behind():
            if time.monotonic() > deadline:
                worker.kill()
                raise click.ClickException(f"there is work left after {RECOVERED_WITHIN:.0f} s: {jobs.outcomes()}")
            time.sleep(1)
        worker.kill()


def problems(home: Path) -> list[str]:
    """Everything that is not as it should be."""
    found = [f"{path}: {state}" for path in home.rglob("*.sqlite") if (state := _checked(path)) != "ok"]
    found += [f"{path}: {state}" for path in home.rglob("*.db") if (state := _checked(path)) != "ok"]
    found += [f"{path}: set aside" for mark in ("damaged", "unreadable") for path in home.rglob(f"*.{mark}-*")]
    for ticker in TICKERS:
        folder = newest_folder([home / "bentoml" / "models"], ticker, 1)
        if folder is None:
            found.append(f"{ticker}: nothing is published")
            continue
        published = read_published_model(folder)
        if hashlib.sha256(published.forest.read_bytes()).hexdigest() != published.card.forest_sha256:
            found.append(f"{folder}: its forest is not the card's")
    with closing(sqlite3.connect(home / "jobs" / "jobs.sqlite")) as connection:
        twice = connection.execute("SELECT job_id FROM steps GROUP BY job_id, horizon HAVING count(*) > 1").fetchall()
    return found + [f"job {job_id} was done twice" for (job_id,) in twice]


def _checked(path: Path) -> str:
    try:
        with closing(sqlite3.connect(path)) as connection:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)


@click.command(help=__doc__)
@click.option("--times", default=100, show_default=True)
@click.option("--seed", default=20240308, show_default=True)
def main(times: int, seed: int) -> None:
    """Exit status 0 only when nothing is wrong."""
    lives = random.Random(seed)  # noqa: S311  # moments, no secrets
    with tempfile.TemporaryDirectory(prefix="stocks-kills-") as folder:
        home = Path(folder)
        for _ in track(range(times), "kill -9"):
            kill_one(home, lives)
        recover(home)
        if found := problems(home):
            raise click.ClickException("; ".join(found))
        click.echo(f"{times} workers killed; nothing is lost: {TrainingJobs(home).outcomes()}")


if __name__ == "__main__":
    main()
