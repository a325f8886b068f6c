"""Closed-loop load by wrk, which costs the machine least."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SCRIPT = """
local paths, headers, method, body = %s, %s, "%s", %s
local number = 0
request = function()
  number = number + 1
  return wrk.format(method, paths[number %% #paths + 1], headers, body)
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.stderr:write(string.format('{"count":%%d,"microseconds":%%d,"p50":%%d,"p95":%%d,"p99":%%d,"errors":%%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load.

    Attributes:
        rate: answers a second.
        p50, p95, p99: milliseconds.
        errors: failed requests, those with a status of 400 and above included.
    """

    connections: int
    rate: float
    p50: float
    p95: float
    p99: float
    errors: int
    count: int


def run(
    url: str,
    paths: Sequence[str],
    *,
    connections: int,
    seconds: int,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
) -> Load:
    """Ask for `paths` in turn over `connections` kept open, one request after the other on each.

    Raises:
        FileNotFoundError: wrk is not installed.
    """
    program = shutil.which("wrk")
    if program is None:
        raise FileNotFoundError("wrk is not installed; Debian and Homebrew have it under that name")
    method = "POST" if body is not None else "GET"
    given = (
        "{" + ", ".join(f"[{json.dumps(name)}]={json.dumps(value)}" for name, value in (headers or {}).items()) + "}"
    )
    listed = "{" + ", ".join(json.dumps(path) for path in paths) + "}"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT % (listed, given, method, json.dumps(body) if body is not None else "nil"))
        script.flush()
        command = [program, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", script.name, url]
        ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
    found = json.loads(ended.stderr.splitlines()[-1])
    return Load(
        connections=connections,
        rate=found["count"] / (found["microseconds"] / 1e6),
        p50=found["p50"] / 1000,
        p95=found["p95"] / 1000,
        p99=found["p99"] / 1000,
        errors=found["errors"],
        count=found["count"],
    )
