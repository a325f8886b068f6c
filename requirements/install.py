"""Install a lock into an environment: `python install.py .venv dev.txt`, by `make`, with the standard library alone.

uv installs, because it takes nothing but what the lock pins, and takes it fast. pip brings uv, and stands in for it
where it is not to be had. A set-up that was interrupted begins anew (uv's cache keeps what was downloaded); two at the
same time take turns.
"""

import fcntl
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
BOOTSTRAP = HERE / "bootstrap.txt"
LOCKED = ("--require-hashes", "--no-deps")  # a lock is complete: what its packages ask for is in it
# Where Python keeps no bytecode (PYTHONDONTWRITEBYTECODE, as in many containers) each start would compile all anew.
COMPILE = ("--compile-bytecode",) if sys.dont_write_bytecode else ()


class Environment:
    """A virtual environment that locks are installed into."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.python = directory / "bin" / "python"
        self.uv = directory / "bin" / "uv"
        self.whole = directory / ".whole"  # while nothing is half done: what the environment was made with
        self.made_here = directory / ".made_by_set_up"

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else made it: making it anew would remove what they keep there."""
        made_here = self.made_here.exists() or self.whole.exists()
        return not made_here and self.directory.exists() and any(self.directory.iterdir())

    def prepare(self) -> None:
        """Make it, unless it is there, whole, made with the same tools and able to run."""
        if not (self.whole.exists() and self.whole.read_text() == BOOTSTRAP.read_text() and self._run("-S", "-c", "")):
            venv.create(self.directory, clear=True, symlinks=True, with_pip=True)
            self.made_here.touch()
            self._pip("--only-binary=:all:", "-r", str(BOOTSTRAP))

    def install(self, lock: Path) -> bool:
        """Whether all that the lock names is there now."""
        self.whole.unlink(missing_ok=True)
        installed = self._by_uv(lock) if self.uv.exists() else self._by_pip(lock)
        if installed:
            self.whole.write_text(BOOTSTRAP.read_text())
        return installed

    def _by_uv(self, lock: Path) -> bool:
        # What comes as source is built by the setuptools that was installed just now, not by whatever is newest.
        words = (*LOCKED, *COMPILE, "--no-build-isolation", "-r", str(lock))
        if self._run(str(HERE / "as_pip.py"), "pip", "install", "--quiet", "--python", str(self.python), *words):
            return True
        print("set-up: uv could not install; pip tries", file=sys.stderr)
        return self._pip("--no-build-isolation", "-r", str(lock))

    def _by_pip(self, lock: Path) -> bool:
        print("set-up: uv was not to be had; pip installs instead, which takes longer", file=sys.stderr)
        return self._pip("-r", str(lock))

    def _pip(self, *words: str) -> bool:
        return self._run("-m", "pip", "install", "-qq", "--no-compile", "--disable-pip-version-check", *LOCKED, *words)

    def _run(self, *words: str) -> bool:
        try:
            return subprocess.run([self.python, *words], check=False).returncode == 0
        except OSError:  # its interpreter is gone
            return False


def main(directory: Path, lock: Path) -> int:
    """Exit status: 0 when the environment holds what the lock names."""
    with BOOTSTRAP.open("r+b") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        environment = Environment(directory)
        if environment.is_foreign:
            print(f"set-up: {directory} was made by something else; move it away, or set VENV=", file=sys.stderr)
            return 1
        environment.prepare()
        if environment.install(lock):
            return 0
    compiler = "" if shutil.which("cc") else "; if a C compiler is asked for: apt-get install build-essential"
    print(f"set-up: {lock} could not be installed, the reason stands above{compiler}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), Path(sys.argv[2])))
