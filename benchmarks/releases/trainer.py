"""Trains what it is told, one line `TICKER HORIZON` each, and says in seconds how long it took, and of the processor.

It runs in any checkout of this project, the release of 22 November included; so it knows the two places that training
of one model had.
"""

import json
import os
import resource
import sys
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import configuration

# What libraries print must not stand among the answers.
answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
configuration.anchor()
OLDER = find_spec("training.execution") is None


def run_one(ticker: str, horizon: int) -> Any:  # each release has a class of its own
    """What became of the model, trained whether it was before or not."""
    training = import_module("training.run" if OLDER else "training.execution.run")
    anew = {"again": True} if OLDER else {"asked_at": datetime.now(UTC)}
    return training.run_one(settings, ticker, horizon, **anew)


def processor() -> float:
    """Seconds of the processor so far, of this process and of those it waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


import_module("training.environment" if OLDER else "training.mlflow_registry.environment").prepare_environment()
settings = configuration.load()
for line in sys.stdin:
    ticker, horizon = line.split()
    wall, busy = perf_counter(), processor()
    outcome = run_one(ticker, int(horizon))
    spent = {"wall": perf_counter() - wall, "processor": processor() - busy}
    answers.write(json.dumps({**spent, "failed": outcome.reason if outcome.failed else None}) + "\n")
    answers.flush()
