"""Run uv with these arguments, on the indexes and with the certificates that pip is configured with."""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

UV = Path(sys.executable).with_name("uv")
NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}


def configured(listing: str) -> dict[str, str]:
    """What `pip install` is told by its files and variables, from the output of `pip config list`."""
    found: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):  # the later wins
        for line in listing.splitlines():
            if line.startswith(section):
                name, _, value = line.removeprefix(section).partition("=")
                found[name] = " ".join(str(ast.literal_eval(value)).split())
    return found


def translated(listing: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that makes uv ask where pip would; what it says to uv already wins.

    Any index that has a package may provide it, as with pip: the locks' hashes say which file it is.
    """
    told = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "true"}
    for bundle in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        if environment.get(bundle):
            told["SSL_CERT_FILE"] = environment[bundle]
    told |= {NAMES[name]: value for name, value in configured(listing).items() if name in NAMES}
    if "UV_FIND_LINKS" in told:
        told["UV_FIND_LINKS"] = told["UV_FIND_LINKS"].replace(" ", ",")
    return told | dict(environment)


def main(words: list[str]) -> int:
    """Exit status of uv."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(pip, capture_output=True, text=True, check=True).stdout
    if configured(listing).get("no-index", "").lower() in {"1", "true", "yes", "on"}:
        words = [*words, "--no-index"]
    return subprocess.run([UV, *words], env=translated(listing, os.environ), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
