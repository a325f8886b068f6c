"""What the worker waits for before it can train, for the service to tell."""

from pathlib import Path

from concurrency.atomic_file import replace_file


class WorkerWait:
    """One sentence in a file of a STOCKS_HOME, which is there while the worker waits."""

    def __init__(self, home: Path) -> None:
        self._path = home / "jobs" / "worker.waits"

    def begin(self, reason: str) -> None:
        """Say what is waited for.

        Raises:
            OSError: the file cannot be written.
        """
        with replace_file(self._path, durable=False) as file:
            file.write(reason.encode())

    def end(self) -> None:
        """Nothing is waited for any more.

        Raises:
            OSError: the file cannot be removed.
        """
        self._path.unlink(missing_ok=True)

    def reason(self) -> str:
        """The sentence; empty when nothing is waited for, or it cannot be read."""
        try:
            return self._path.read_text(encoding="utf-8")
        except OSError:
            return ""
