"""Redis that is away: one line in the log, no further calls for a while, and an error that says so."""

import pytest
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from redis_client.failures import RedisFailures, RedisUnavailable


def fail(failures: RedisFailures, error: Exception | None = None) -> None:
    with pytest.raises(RedisUnavailable), failures.guarding():
        raise error or RedisError("with a password in it")


def test_a_failure_is_logged_once_without_its_text_and_redis_is_left_alone() -> None:
    moment = 0.0
    failures = RedisFailures("quotes", now=lambda: moment)
    with capture_logs() as lines:
        fail(failures)
        with pytest.raises(RedisUnavailable, match="not called for another 5 s"), failures.guarding():
            raise AssertionError("it was called")
    assert lines == [
        {"event": "redis.unavailable", "purpose": "quotes", "error": "RedisError", "retry_after": 5.0,
         "log_level": "warning"}
    ]  # fmt: skip
    assert failures.circuit.seconds_open > 0
    moment = 5.1
    with failures.guarding():
        pass
    assert not failures.is_open


def test_some_failures_may_be_allowed() -> None:
    failures = RedisFailures("answers", failures=3)
    with capture_logs() as lines:
        for _ in range(3):
            fail(failures, TimeoutError())
    assert [line["error"] for line in lines] == ["TimeoutError"]


def test_a_mistake_of_the_caller_is_none_of_redis() -> None:
    failures = RedisFailures("quotes")
    with pytest.raises(ZeroDivisionError), failures.guarding():
        raise ZeroDivisionError
    assert not failures.is_open
