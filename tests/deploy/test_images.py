"""The file that images are made from."""

import re

from configuration import ROOT
from tests.deploy.conftest import DEPLOY, Tool

CONTAINERFILE = DEPLOY / "image" / "Containerfile"


def test_the_linter_finds_nothing(tool: Tool) -> None:
    done = tool("hadolint", CONTAINERFILE)
    assert done.returncode == 0, done.stdout


def test_everything_copied_exists_and_is_let_through() -> None:
    admitted = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for line in re.findall(r"^COPY (?!--from)(.*)$", CONTAINERFILE.read_text(encoding="utf-8"), re.MULTILINE):
        for path in line.split()[:-1]:
            assert path == "." or any(ROOT.joinpath(path).match(one[1:]) for one in admitted if one.startswith("!"))


def test_every_package_that_the_bento_holds_reaches_the_training_image() -> None:
    admitted = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    for line in (ROOT / "bentofile.yaml").read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r'\s+- "?(\w+)/\*\*/\*\..*"?', line):
            assert f"!{found[1]}\n" in admitted
    assert "!training\n" in admitted
