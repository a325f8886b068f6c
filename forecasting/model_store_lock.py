"""Who writes to a model store: one at a time, of all that publish, follow and prune beside each other."""

from pathlib import Path

from filelock import FileLock

# Seconds to wait for others; each takes a fraction of one.
TIMEOUT = 30.0


def publishing_lock(root: Path) -> FileLock:
    """The lock of the store whose models are in `root`; entering it raises a TimeoutError when others never end."""
    return FileLock(root.parent / "publishing.lock", timeout=TIMEOUT)
