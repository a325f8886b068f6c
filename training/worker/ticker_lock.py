"""Who trains a ticker, where several replicas could."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import structlog
from redis.exceptions import LockNotOwnedError
from redis.lock import Lock

from configuration import Settings
from redis_client import connect, trouble

log = structlog.get_logger(__name__)

REDIS_TIMEOUT = 1.0
# Seconds after which a lock whose holder has died frees itself; a holder that lives renews it three times as often.
LIFE = 60.0


@contextmanager
def alone(settings: Settings, ticker: str) -> Iterator[bool]:
    """Whether this is the only replica that trains the ticker; without Redis there is no other."""
    url = settings.cache.redis_url
    if url is None:
        yield True
        return
    with closing(connect(url.get_secret_value(), REDIS_TIMEOUT)) as client:
        try:
            # The renewal is a thread of its own, so the lock's token may not belong to one.
            lock = client.lock(f"stocks:training:{ticker}", timeout=LIFE, thread_local=False)
            mine: bool | None = lock.acquire(blocking=False)
        except trouble() as error:
            log.warning("redis", problem=type(error).__name__, training=ticker)
            mine = None
        if not mine:
            yield mine is None
            return
        with _renewed(lock):
            yield True


@contextmanager
def _renewed(lock: Lock) -> Iterator[None]:
    """Keep `lock` while the block runs, and release it."""
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(lock, ended), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        try:
            lock.release()
        except trouble() as error:
            log.warning("redis", problem=type(error).__name__, training="lock not released")


def _renew(lock: Lock, ended: threading.Event) -> None:
    while not ended.wait(LIFE / 3):
        try:
            try:
                lock.reacquire()
            except LockNotOwnedError:
                lock.acquire(blocking=False)  # a Redis that began anew, or a failover, has forgotten it
        except trouble() as error:
            log.warning("redis", problem=type(error).__name__, training="lock not renewed")
