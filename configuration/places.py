"""Where things are: this source, the folder that everything is written to, the BentoML store."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

# The folder of `configuration.yaml` and `service.py`, in a checkout and in a bento.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # each folder in it is made with a random name, for its owner alone
ROOT = Path(__file__).resolve().parents[1]


def home() -> Path:
    """STOCKS_HOME, absolute; `var` in the working directory unless set."""
    return absolute(Path(os.environ.get("STOCKS_HOME") or "var"))


def anchor() -> None:
    """Make STOCKS_HOME and BENTOML_HOME absolute and known to every child process, best before bentoml is imported.

    BentoML starts its workers in another working directory, so relative paths must be resolved once, in the first
    process.
    """
    os.environ["STOCKS_HOME"] = str(home())
    os.environ.setdefault("BENTOML_HOME", str(bento_store() or home() / "bentoml"))
    if not _can_hold(Path(os.environ["BENTOML_HOME"])):
        os.environ["BENTOML_HOME"] = str(scratch() / "bentoml")  # BentoML does not start without one
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    files = (f"STOCKS_MARKET__FILES__{name}" for name in ("DIRECTORY", "REPORTS", "NEWS"))
    for name in ("STOCKS_CONFIGURATION", *files):
        if os.environ.get(name):
            os.environ[name] = str(absolute(Path(os.environ[name])))


@cache
def scratch() -> Path:
    """A folder, in memory where the system offers that, for what serving cannot do without and STOCKS_HOME cannot take.

    Beside the metrics of a service it is that service's, and goes with it; else it is this process's own.
    """
    if metrics := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        folder = Path(metrics).parent / "scratch"
        folder.mkdir(exist_ok=True)
        return folder
    folder = Path(tempfile.mkdtemp(prefix="stocks-scratch-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _can_hold(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return (folder / "models").is_dir() or os.access(folder, os.W_OK)


def bento_folder() -> Path | None:
    """The folder of the bento that this source is part of, if it is part of one."""
    return ROOT.parent if (ROOT.parent / "bento.yaml").exists() else None


def bento_store() -> Path | None:
    """The BentoML store that holds that bento, if one does: `HOME/bentos/NAME/VERSION`."""
    folder = bento_folder()
    return folder.parents[2] if folder is not None and folder.parents[1].name == "bentos" else None


def absolute(path: Path) -> Path:
    """As seen from where the command was given."""
    return (_launch_folder() / path.expanduser()).resolve()


def _launch_folder() -> Path:
    """Where the command was given; BentoML changes into a bento before it imports it, the shell's PWD stays."""
    here = Path.cwd()
    return Path(os.environ.get("PWD", here)) if here == ROOT and bento_folder() else here
