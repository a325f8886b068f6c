"""A follower whose MLflow server goes away and comes back; one that works is in tests/training/mlflow_registry."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from structlog.testing import capture_logs

from serving.following.follower import Follower
from serving.following.registry import ChampionRegistry
from tests.http_servers import serving
from tests.redis_servers import free_port


class Empty(BaseHTTPRequestHandler):
    """A server that has no champion yet."""

    tokens: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.tokens.append(self.headers.get("Authorization"))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_words: object) -> None:
        """Nothing."""


def test_an_outage_is_logged_once_when_it_begins_and_once_when_it_is_over(tmp_path: Path) -> None:
    port = free_port()
    with ChampionRegistry(f"http://me:secret@127.0.0.1:{port}/") as champions, capture_logs() as lines:
        follower = Follower(champions, tmp_path, [])
        for _ in range(3):
            follower.try_to_look()
        with serving(HTTPServer(("127.0.0.1", port), Empty)):
            for _ in range(2):
                follower.try_to_look()

    address = f"http://127.0.0.1:{port}"
    assert [(line["event"], line["address"], line["log_level"]) for line in lines] == [
        ("mlflow.unavailable", address, "warning"),
        ("mlflow.available", address, "info"),
    ]
    assert lines[0]["problem"] == "api/2.0/mlflow/experiments/get-by-name: ConnectError"


def test_white_space_around_the_token_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-token\n")
    port = free_port()
    with ChampionRegistry(f"http://127.0.0.1:{port}") as champions, serving(HTTPServer(("127.0.0.1", port), Empty)):
        assert champions.changed_at() == ""
    assert Empty.tokens[-1] == "Bearer a-token"
