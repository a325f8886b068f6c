"""What the documents say is there: files, targets, commands with their options, settings."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from configuration import ROOT
from tests.patience import PATIENT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("benchmarks/*.md"))]
LONGEST_README = 200
NO_OPTIONS = ("pytest", "pip", "venv")


def matches(pattern: str) -> list[tuple[str, str]]:
    """Each match of a pattern with one group, with its document."""
    return [(path.name, found) for path in DOCUMENTS for found in re.findall(pattern, path.read_text(encoding="utf-8"))]


def commands() -> list[str]:
    """Every `python -m …` of this repository that the documents show, without what explains it."""
    found = {text.split("  ")[0].split("#")[0].strip() for _, text in matches(r"python -m ([^`|\n]+)")}
    return sorted(command for command in found if not command.startswith(NO_OPTIONS))


@cache
def help_of(module: str, subcommand: str) -> str:
    words = [module, *([subcommand] if subcommand else []), "--help"]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    shown = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENT,
        check=False,
    )
    assert shown.returncode == 0, f"python -m {' '.join(words)}: {shown.stderr}"
    return shown.stdout


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]

    assert not missing


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    named = {name for _, name in matches(r"(?m)(?:`|^)make ([a-z-]+)(?=`| [A-Z]+=|  |$)")}

    assert named <= targets


@pytest.mark.parametrize("command", commands())
def test_commands_and_their_options_exist(command: str) -> None:
    module, *rest = re.sub(r"[\[\]]", "", command).split()
    if module.startswith("market.calendar"):
        return
    subcommand = rest[0] if module in {"market", "training", "serving"} and rest and rest[0].islower() else ""
    options = [word.partition("=")[0] for word in rest if word.startswith("--")]

    shown = help_of(module, subcommand)

    assert [option for option in options if option not in shown] == []


def settings(group: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, value in group.items():
        yield before + name
        if isinstance(value, dict):
            yield from settings(value, f"{before}{name}.")


def test_settings_exist() -> None:
    tree = yaml.safe_load((ROOT / "configuration.yaml").read_text(encoding="utf-8"))
    groups = {name for name, value in tree.items() if isinstance(value, dict)}
    dotted = [name for _, name in matches(r"`([a-z_]+(?:\.[a-z_]+)+)(?::[^`]*)?`")]
    named = {name for name in dotted if name.partition(".")[0] in groups}

    assert named - set(settings(tree)) == set()
