"""Figures about the streams of prices."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import REGISTRY

from serving.monitoring.price_stream_figures import PriceStreamFigures
from serving.telemetry import metrics
from serving.telemetry.batches import write_all


def value(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"stocks_price_stream_{name}", {"provider": "alpaca"})


def test_messages_and_reconnects_are_counted_from_nothing() -> None:
    figures = PriceStreamFigures(["alpaca"])
    write_all()
    assert (value("messages_total"), value("reconnects_total")) == (0, 0)
    figures.received("alpaca")
    figures.received("alpaca")
    figures.interrupted("alpaca")
    write_all()
    assert (value("messages_total"), value("reconnects_total")) == (2, 1)
    assert value("newest_timestamp_seconds")


def test_the_owner_is_one_until_it_is_none() -> None:
    figures = PriceStreamFigures([])
    figures.owns(is_owner=True)
    assert REGISTRY.get_sample_value("stocks_price_stream_owner") == 1
    figures.owns(is_owner=False)
    assert REGISTRY.get_sample_value("stocks_price_stream_owner") == 0


def test_a_process_that_was_killed_is_no_owner(tmp_path: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead, alive, counted = (
        tmp_path / name
        for name in (
            f"gauge_livesum_{int(gone.stdout)}.db",
            f"gauge_livesum_{os.getpid()}.db",
            f"counter_{int(gone.stdout)}.db",
        )
    )
    for file in (dead, alive, counted):
        file.touch()
    metrics.forget_dead(tmp_path)
    assert [file.exists() for file in (dead, alive, counted)] == [False, True, True]
