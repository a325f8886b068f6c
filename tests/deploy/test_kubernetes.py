"""The manifests, as kubectl makes them from the overlays."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import DEPLOY, Tool, find_tool

OVERLAYS = ("development", "production", "keda")
# Kinds that clusters learn from an operator; no schema of Kubernetes knows them.
FOREIGN = frozenset({"ScaledObject"})

Manifests = list[dict[str, Any]]


def build(overlay: str) -> Manifests:
    done = subprocess.run(
        [find_tool("kubectl"), "kustomize", str(DEPLOY / "kubernetes" / overlay)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def pods(manifests: Manifests) -> list[dict[str, Any]]:
    found = []
    for manifest in manifests:
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found.append(spec["template"]["spec"])
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_manifest_fits_its_schema(overlay: str, tool: Tool, tmp_path: Path) -> None:
    file = tmp_path / "manifests.yaml"
    known = [manifest for manifest in build(overlay) if manifest["kind"] not in FOREIGN]
    file.write_text(yaml.safe_dump_all(known), encoding="utf-8")
    done = tool("kubernetes-validate", "--strict", file)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "WARN" not in output


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_names_that_manifests_refer_to_exist(overlay: str) -> None:
    manifests = build(overlay)
    names = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests}
    made_by_hand = set() if overlay == "development" else {("Secret", "stock-prediction"), ("Secret", "mlflow")}
    for pod in pods(manifests):
        for container in pod["containers"]:
            for source in container.get("envFrom", []):
                kind, reference = next(iter(source.items()))
                name = reference["name"]
                assert ({"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], name) in names | made_by_hand
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            assert mounted <= {volume["name"] for volume in pod.get("volumes", [])}
        for volume in pod.get("volumes", []):
            if claim := volume.get("persistentVolumeClaim"):
                assert ("PersistentVolumeClaim", claim["claimName"]) in names


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_our_containers_are_ordinary_users_on_a_root_that_nobody_writes(overlay: str) -> None:
    for pod in pods(build(overlay)):
        for container in pod["containers"]:
            assert container["resources"]["limits"]["memory"]
            if "stock-prediction" in container["image"]:
                assert pod["securityContext"]["runAsNonRoot"]
                assert container["securityContext"]["readOnlyRootFilesystem"]
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_selectors_of_services_policies_and_budgets_find_pods() -> None:
    manifests = build("production")
    labels = [
        manifest["spec"].get("jobTemplate", manifest)["spec"]["template"]["metadata"]["labels"]
        for manifest in manifests
        if manifest["kind"] in {"Deployment", "StatefulSet", "CronJob"}
    ]
    for manifest in manifests:
        spec = manifest.get("spec", {})
        selector = spec.get("selector") if manifest["kind"] == "Service" else spec.get("podSelector")
        wanted = (selector or {}).get("matchLabels", selector or {})
        assert any(wanted.items() <= each.items() for each in labels), manifest["metadata"]["name"]


def test_no_secret_stands_in_production() -> None:
    assert [manifest for manifest in build("production") if manifest["kind"] == "Secret"] == []


def test_keda_takes_the_place_of_the_autoscaler() -> None:
    manifests = build("keda")
    assert [manifest for manifest in manifests if manifest["kind"] == "HorizontalPodAutoscaler"] == []
    (scaled,) = [manifest for manifest in manifests if manifest["kind"] == "ScaledObject"]
    assert scaled["apiVersion"] == "keda.sh/v1alpha1"
    assert scaled["spec"]["scaleTargetRef"] == {"name": "api"}
    assert {trigger["type"] for trigger in scaled["spec"]["triggers"]} == {"prometheus"}
