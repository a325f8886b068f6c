"""Which code trained a model."""

import os
import subprocess
from functools import cache

from configuration import ROOT


@cache
def code_version() -> str:
    """Commit of the checkout, with `+` when it has been changed since; in an image, what SOURCE_COMMIT says."""
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return os.environ.get("SOURCE_COMMIT", "unknown")
    return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=10, check=True)  # noqa: S607  # the user's own git
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
