"""The README's first screen, run as it stands."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from configuration import ROOT
from tests.patience import PATIENT
from tests.redis_servers import free_port
from tests.serving.running import END_WITHIN, START_WITHIN, environment, is_warm, wait_until

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service as `make serve` starts it."""
    command = next(line.split("  ")[0] for line in README.splitlines() if line.startswith("make serve"))
    home, port = tmp_path_factory.mktemp("home"), free_port()
    given = environment(home, PORT=str(port), STOCKS_TICKERS='["AAPL"]', STOCKS_TRAINING__ON_START="false")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command.split(), cwd=ROOT, env=given, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_until(lambda: is_warm(f"http://127.0.0.1:{port}") or process.poll() is not None, START_WITHIN, "warm")
        assert process.poll() is None, (home / "log").read_text(encoding="utf-8")
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(END_WITHIN)


def keys(value: Any) -> Any:
    """The shape of a JSON object."""
    return {name: keys(inner) for name, inner in value.items()} if isinstance(value, dict) else None


def test_the_first_request_is_answered_in_the_shape_that_the_readme_shows(url: str) -> None:
    command, shown = re.findall(r"\$ (curl .+)\n(\{(?:.+\n)+?)```", README)[0]

    answer = subprocess.run(
        command.replace("localhost:3000", url).split(), capture_output=True, text=True, timeout=PATIENT, check=True
    )

    assert keys(json.loads(answer.stdout)) == keys(json.loads(shown))


@pytest.mark.parametrize("document", ["README.md", "docs/api.md"])
def test_every_request_in_the_documents_succeeds(url: str, document: str) -> None:
    lines = re.findall(r"(?m)^\$? ?(curl .+?)(?:  +#.*)?$", (ROOT / document).read_text(encoding="utf-8"))
    assert lines
    for line in lines:
        complete = line.replace("localhost:3000", url).replace("…", ", ".join(["0.01"] * 23))
        answer = subprocess.run(
            ["/usr/bin/env", "bash", "-c", f"{complete} -s -o /dev/null -w '%{{http_code}}'"],
            capture_output=True,
            text=True,
            timeout=PATIENT,
            check=True,
        )
        without_model = {"503"} if "/v2/models/" in line else set()  # nothing is trained here
        assert answer.stdout in {"200", "202"} | without_model, f"{line}: {answer.stdout}"


def test_the_page_of_the_api_is_there(url: str) -> None:
    assert httpx.get(f"http://{url}/docs", timeout=PATIENT).status_code == 200


def test_links_to_the_documents_are_on_the_first_page() -> None:
    assert all(f"({path.relative_to(ROOT)})" in README for path in sorted(Path(ROOT, "docs").glob("*.md")))
