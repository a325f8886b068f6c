"""Redis that is away: one line in the log, no further calls for a while, and an error that says so."""

import pytest
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from redis_client import connect, connect_async, place_of
from redis_client.failures import RedisFailures, RedisUnavailable


def fail(failures: RedisFailures, error: Exception | None = None) -> None:
    with pytest.raises(RedisUnavailable), failures.guarding():
        raise error or RedisError("with a password in it")


def test_a_failure_is_logged_once_without_its_text_and_redis_is_left_alone() -> None:
    moment = 0.0
    failures = RedisFailures("quotes", "cache:6379", now=lambda: moment)
    with capture_logs() as lines:
        fail(failures)
        with pytest.raises(RedisUnavailable, match="not called for another 5 s"), failures.guarding():
            raise AssertionError("it was called")
    assert lines == [
        {"event": "redis.unavailable", "purpose": "quotes", "at": "cache:6379", "error": "RedisError",
         "retry_after": 5.0, "log_level": "warning"}
    ]  # fmt: skip
    assert failures.circuit.seconds_open > 0
    moment = 5.1
    with capture_logs() as lines:
        for _ in range(2):
            with failures.guarding():
                pass
    assert not failures.is_open
    assert lines == [{"event": "redis.available", "purpose": "quotes", "at": "cache:6379", "log_level": "info"}]


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


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://user:secret@cache:7000/1", "cache:7000"),
        ("rediss://:secret@cache", "cache:6379"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
        ("redis+cluster://:secret@one,two:7001", "one:6379,two:7001"),
        ("redis+sentinel://user:secret@one:26380/main", "one:26380"),
    ],
)
def test_the_log_can_say_where_redis_is_without_credentials(url: str, place: str) -> None:
    assert place_of(connect(url, 1.0)) == place
    assert place_of(connect_async(url, 1.0)) == place
    assert place_of(None) == ""
