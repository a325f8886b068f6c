"""Which replica trains a ticker, where several share a Redis."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from redis.exceptions import LockNotOwnedError
from redis.lock import Lock

from configuration import Settings
from redis_client import connect, trouble
from training.errors import TrainingError
from training_queue.jobs import RETRAIN
from training_queue.steps import Status, Step

log = structlog.get_logger(__name__)

REDIS_TIMEOUT = 1.0
# Seconds after which the lock of a holder that died expires; a living holder renews it three times as often.
EXPIRY = 60.0
# Seconds for which Redis remembers who took a lock last; longer than any training or pause.
HOLDER_EXPIRY = 86400


class LockLost(TrainingError):
    """Another replica has taken the lock since, so its training counts and not this one."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a training: status and reason as the queue has them."""

    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class TickerLock:
    """A ticker's lock as its holder has it.

    Attributes:
        redis: null where there is no other replica, or Redis cannot be reached.
    """

    ticker: str
    redis: Any = None
    token: bytes = b""

    def check(self) -> None:
        """Make sure before a champion moves that no other replica took the lock, if only for a while.

        A lock expires while its holder is paused, and is free again when the other replica is done, so that the lock
        itself does not tell. The holder's token fences: each replica that takes the lock leaves its own.

        Raises:
            LockLost: another replica did.
        """
        if self.redis is None:
            return
        try:
            last = self.redis.get(_holder_key(self.ticker))
        except trouble() as error:
            log.warning("redis.unavailable", problem=type(error).__name__, ticker=self.ticker, doing="lock check")
            return
        if last not in {None, self.token}:
            raise LockLost(f"{self.ticker}: another replica has trained it meanwhile; its version counts")

    def done_since(self, step: Step) -> Done | None:
        """What a training came to that ended after `step` was asked for, if one did; for a person a person's alone.

        Others may have begun before, on bars that the person did not want.
        """
        if self.redis is None:
            return None
        try:
            found = json.loads(self.redis.get(_done_key(self.ticker, step.horizon)) or "{}")
        except trouble() as error:
            log.warning("redis.unavailable", problem=type(error).__name__, ticker=self.ticker, doing="outcome")
            return None
        is_enough = step.priority != RETRAIN or found.get("priority") == RETRAIN
        return Done(found["status"], found["reason"]) if is_enough and found.get("at", 0.0) >= step.queued_at else None

    def tell(self, step: Step, done: Done) -> None:
        """Tell other replicas what a training has come to."""
        if self.redis is None:
            return
        told = json.dumps({"at": time.time(), "priority": step.priority, "status": done.status, "reason": done.reason})
        try:
            self.redis.set(_done_key(self.ticker, step.horizon), told, ex=HOLDER_EXPIRY)
        except trouble() as error:
            log.warning("redis.unavailable", problem=type(error).__name__, ticker=self.ticker, doing="outcome")


@contextmanager
def alone(settings: Settings, ticker: str) -> Iterator[TickerLock | None]:
    """The ticker's lock while the block runs; None when another replica trains the ticker.

    Without Redis, or while it cannot be reached, there is no other replica.
    """
    url = settings.cache.redis_url
    if url is None:
        yield TickerLock(ticker)
        return
    with closing(connect(url.get_secret_value(), REDIS_TIMEOUT)) as client:
        try:
            # The renewal is a thread of its own, so the lock's token may not belong to one.
            lock = client.lock(f"stocks:training:{ticker}", timeout=EXPIRY, thread_local=False)
            if not lock.acquire(blocking=False):
                yield None
                return
            client.set(_holder_key(ticker), lock.local.token, ex=HOLDER_EXPIRY)
        except trouble() as error:
            log.warning("redis.unavailable", problem=type(error).__name__, ticker=ticker, doing="lock")
            yield TickerLock(ticker)
            return
        with _renewed(lock):
            yield TickerLock(ticker, client, lock.local.token)


def _holder_key(ticker: str) -> str:
    return f"stocks:training:{ticker}:holder"


def _done_key(ticker: str, horizon: int) -> str:
    return f"stocks:training:{ticker}:{horizon}:done"


@contextmanager
def _renewed(lock: Lock) -> Iterator[None]:
    """Renew `lock` while the block runs, then release it."""
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(lock, ended), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join()
        try:
            lock.release()
        except trouble() as error:
            log.warning("redis.unavailable", problem=type(error).__name__, doing="lock release")


def _renew(lock: Lock, ended: threading.Event) -> None:
    while not ended.wait(EXPIRY / 3):
        try:
            try:
                lock.reacquire()
            except LockNotOwnedError:
                # Redis was restarted or failed over and has lost it, or it expired. The token stays the holder's own.
                lock.acquire(blocking=False, token=lock.local.token)
        except trouble() as error:
            log.warning("redis.unavailable", problem=type(error).__name__, doing="lock renewal")
