"""The workflows: no mistakes that linters know, and no step that is not also a make target."""

import re

import pytest
import yaml

from configuration import ROOT
from tests.deploy.conftest import Tool

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))


def test_actionlint_finds_nothing(tool: Tool) -> None:
    done = tool("actionlint", *WORKFLOWS)
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing(tool: Tool) -> None:
    done = tool("zizmor", "--offline", *WORKFLOWS)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_hash_with_their_release_beside_it(workflow: object) -> None:
    text = ROOT.joinpath(str(workflow)).read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", one) for one in used)


def test_make_targets_that_workflows_call_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for workflow in WORKFLOWS:
        for job in yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values():
            for step in job["steps"]:
                for call in re.findall(r"\bmake ([a-z -]+)", step.get("run", "")):
                    assert set(call.split()) <= targets


def test_deploying_gives_every_image_the_release_from_the_registry(tool: Tool) -> None:
    done = tool("env", "ONLY_PRINT=1", "deploy/kubernetes/deploy.sh", "ghcr.io/somebody", "42")
    assert done.returncode == 0, done.stderr
    ours = set(re.findall(r"image: (\S*stock-prediction\S*)", done.stdout))
    assert {image.rsplit("/", 1)[0] for image in ours} == {"ghcr.io/somebody"}
    assert {image.rsplit(":", 1)[1] for image in ours} == {"42"}
