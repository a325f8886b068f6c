"""`make setup` in a checkout of its own, with an index that has moved on since the locks were made."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import trustme

from configuration import ROOT
from tests.patience import PATIENT
from tests.setup.package_index import Index, lock

pytestmark = pytest.mark.slow

VERSIONS = {"coverage": "1.0", "reporter": "1.0", "compiled": "1.0"}
PIP_CONF = """
[global]
index-url = {index}
extra-index-url = {index}
find-links = {empty}
constraint =
cert = {certificates}
proxy =
"""


class Checkout:
    """What `make setup` reads, with locks of a few packages; its pip knows the index by its own file alone."""

    def __init__(self, folder: Path, url: str, index: Index, authority: trustme.CA) -> None:
        self.folder = folder / "checkout"
        self.index = index
        self.venv = self.folder / ".venv"
        shutil.copytree(ROOT / "requirements", self.requirements, ignore=shutil.ignore_patterns("*.txt", "__pycache__"))
        shutil.copy(ROOT / "Makefile", self.folder)
        authority.cert_pem.write_to_path(folder / "certificates.pem")
        (folder / "empty").mkdir()
        settings = folder / ".config" / "pip" / "pip.conf"
        settings.parent.mkdir(parents=True)
        settings.write_text(
            PIP_CONF.format(index=url, empty=folder / "empty", certificates=folder / "certificates.pem"),
            encoding="utf-8",
        )
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHON": sys.executable}

    @property
    def requirements(self) -> Path:
        return self.folder / "requirements"

    def write(self, role: str, *files: Path) -> None:
        (self.requirements / f"{role}.txt").write_text(lock(*files), encoding="utf-8")

    def make(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", *words],  # noqa: S607  # the user's own make
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=PATIENT,
            check=False,
        )

    def set_up(self, *words: str) -> None:
        done = self.make(*words or ("setup",))
        assert done.returncode == 0, done.stderr

    def installed(self) -> dict[str, str]:
        listed = [
            str(self.venv / "bin" / "python"),
            "-m",
            "pip",
            "list",
            "--format=json",
            "--disable-pip-version-check",
        ]
        found = json.loads(subprocess.check_output(listed, env=self.environment, text=True))
        return {
            package["name"]: package["version"] for package in found if package["name"] not in {"pip", "setuptools"}
        }

    def changed_at(self) -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in self.venv.rglob("*.dist-info")}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    try:
        version("uv")
    except PackageNotFoundError:
        pytest.skip("no uv for this machine")
    folder = tmp_path_factory.mktemp("setup")
    index, authority = Index(folder / "index"), trustme.CA()
    tools = index.installed("uv"), index.installed("setuptools")
    toml = "Provides-Extra: toml\nRequires-Dist: other; extra == 'toml'\n"
    needing = "Requires-Dist: coverage[toml]>=1.0\nRequires-Dist: compiled\n"
    coverage = index.wheel("coverage", "1.0", metadata=toml)
    reporter = index.wheel("reporter", "1.0", metadata=needing)
    compiled = index.source("compiled", "1.0")
    helper = index.wheel("helper", "1.0")
    # What was published since: everything anew, and a setuptools that builds nothing.
    index.wheel("coverage", "2.0", metadata=toml)
    index.wheel("reporter", "2.0", metadata=needing)
    index.source("compiled", "2.0")
    index.wheel("setuptools", "999.0", source="raise SystemExit('not the pinned setuptools')")
    index.wheel("uv", "999.0")
    with index.served(authority) as url:
        made = Checkout(folder, url, index, authority)
        made.write("bootstrap", *tools)
        made.write("training", coverage, reporter, compiled)
        made.write("dev", coverage, reporter, compiled, helper)
        made.set_up()
        yield made


def test_the_locked_versions_are_installed_whatever_was_published_since(checkout: Checkout) -> None:
    installed = checkout.installed()
    assert installed.items() >= VERSIONS.items()
    assert "other" not in installed


def test_what_is_current_is_left_alone(checkout: Checkout) -> None:
    checkout.set_up()
    asked, before = len(checkout.index.asked), checkout.changed_at()
    checkout.set_up()
    assert (len(checkout.index.asked), checkout.changed_at()) == (asked, before)


def test_roles_add_to_each_other(checkout: Checkout) -> None:
    checkout.set_up()
    before = checkout.changed_at()
    checkout.set_up(".venv/.dev")
    (checkout.venv / ".training").unlink()
    checkout.set_up()
    assert checkout.installed().items() >= (VERSIONS | {"helper": "1.0"}).items()
    assert checkout.changed_at().items() >= before.items()


def test_an_environment_whose_python_is_gone_is_made_anew(checkout: Checkout) -> None:
    python = checkout.venv / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python")
    checkout.set_up()
    assert checkout.installed().items() >= VERSIONS.items()


def test_a_file_that_was_tampered_with_is_refused_and_what_is_half_done_begins_anew(checkout: Checkout) -> None:
    stranger = checkout.index.wheel("stranger", "1.0")
    checkout.write("scale", stranger)
    checkout.index.wheel("stranger", "1.0", source="evil = True")
    refused = checkout.make("scale")
    assert refused.returncode != 0
    assert "set-up: requirements/scale.txt could not be installed" in refused.stderr
    # As if it had been killed while it unpacked: half a package that looks installed.
    shutil.rmtree(next(checkout.venv.glob("lib/*/site-packages/reporter")))
    checkout.set_up()
    assert list(checkout.venv.glob("lib/*/site-packages/reporter/__init__.py"))


def test_pip_stands_in_where_there_is_no_uv(checkout: Checkout) -> None:
    wheels = [checkout.index.folder / name / f"{name}-1.0-py3-none-any.whl" for name in ("coverage", "reporter")]
    checkout.write("plain", *wheels)
    bootstrap = checkout.requirements / "bootstrap.txt"
    pinned = bootstrap.read_text(encoding="utf-8")
    bootstrap.write_text(pinned.replace("uv==", "uv==1000."), encoding="utf-8")
    try:
        done = checkout.make("VENV=.other", ".other/.plain")
    finally:
        bootstrap.write_text(pinned, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "set-up: uv was not to be had" in done.stderr
    assert list(checkout.folder.glob(".other/lib/*/site-packages/coverage-1.0.dist-info"))


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a set-up ended with, beside make's own."""
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    return line


def test_an_environment_of_somebody_else_is_left_alone(checkout: Checkout) -> None:
    theirs = checkout.folder / ".theirs" / "notes.txt"
    theirs.parent.mkdir()
    theirs.write_text("mine", encoding="utf-8")
    line = said(checkout.make("VENV=.theirs", ".theirs/.training"))
    assert line.endswith("/.theirs was made by something else; move it away, or set VENV=")
    assert theirs.read_text(encoding="utf-8") == "mine"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A Python of which the distribution keeps the venv module in another package."""
    script = tmp_path / "python"
    hidden = 'case "$2" in *ensurepip*) exit 1;; esac'
    script.write_text(f'#!/bin/sh\n{hidden}\nexec {sys.executable} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


def test_a_missing_python_is_said_in_one_line_that_names_the_remedy(checkout: Checkout) -> None:
    line = said(checkout.make("VENV=.none", ".none/.training", PYTHON="python2.7 no-such-python"))
    assert line.startswith("set-up: no Python 3.11, 3.12 or 3.13 among: python2.7 no-such-python; install one")
    assert line.endswith("make PYTHON=/path/to/python")


def test_a_missing_venv_module_is_said_in_one_line_that_names_the_package(checkout: Checkout, bare: Path) -> None:
    line = said(checkout.make("VENV=.none", ".none/.training", PYTHON=str(bare)))
    name = f"python3.{sys.version_info.minor}"
    assert line.startswith(
        f"set-up: {name} has no venv module; install it (Debian, Ubuntu: apt-get install {name}-venv)"
    )


def test_a_python_with_a_venv_module_goes_before_one_without(checkout: Checkout, bare: Path) -> None:
    chosen = subprocess.run(
        ["sh", checkout.requirements / "python.sh", "-c", "print('taken')"],  # noqa: S607
        env=checkout.environment | {"PYTHON": f"no-such-python {bare} {sys.executable}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert chosen.stdout == "taken\n"
