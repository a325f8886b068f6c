"""The compose file names nothing that is not there."""

import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

import configuration
from tests.deploy.conftest import DEPLOY

COMPOSE = DEPLOY / "compose.yaml"
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:-[^}]*)?\}")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return found


def example() -> dict[str, str]:
    lines = (DEPLOY / "example.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_variable_has_a_default_and_stands_in_the_example() -> None:
    found = VARIABLE.findall(COMPOSE.read_text(encoding="utf-8"))
    assert [name for name, default in found if not default] == []
    assert {name for name, _ in found} == set(example())


def test_the_example_gives_the_defaults() -> None:
    defaults = {name: default[2:] for name, default in VARIABLE.findall(COMPOSE.read_text(encoding="utf-8"))}
    assert example() == defaults


@pytest.mark.parametrize("service", ["api", "trainer"])
def test_the_settings_of_our_containers_are_valid(
    service: str, services: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path))
    for name, value in services[service]["environment"].items():
        monkeypatch.setenv(name, VARIABLE.sub(lambda found: found[2][2:], value))
    settings = configuration.load()
    assert settings.tracking_uri == "http://mlflow:5000"
    assert len(settings.tickers) == 10


def test_addresses_name_services_and_the_ports_they_listen_on(services: dict[str, Any]) -> None:
    listening = {
        "redis": 6379, "mlflow": 5000, "postgres": 5432, "objects": 9000, "api": 3000, "alertmanager": 9093,
        "prometheus": 9090,
    }  # fmt: skip
    texts = [COMPOSE, *DEPLOY.glob("prometheus/prometheus.yaml"), *DEPLOY.glob("grafana/provisioning/*/*.yaml")]
    named = chain.from_iterable(
        re.findall(r"(?:://(?:[^/\s@]+@)?|\[)([a-z]+):(\d+)", path.read_text(encoding="utf-8")) for path in texts
    )
    addresses = {(host, int(port)) for host, port in named}
    assert {host for host, _ in addresses} <= set(services)
    assert addresses <= set(listening.items())


def test_images_that_are_built_are_targets_of_the_containerfile(services: dict[str, Any]) -> None:
    for service in services.values():
        if build := service.get("build"):
            file = COMPOSE.parent / build["context"] / build["dockerfile"]
            assert f" AS {build['target']}\n" in file.read_text(encoding="utf-8")
        else:
            assert re.search(r":[\w.-]*\d[\w.-]*$|^stock-prediction", service["image"]), "pinned to a release"


def test_named_volumes_are_declared_and_used_and_files_exist(services: dict[str, Any]) -> None:
    mounts = [mount.split(":")[0] for service in services.values() for mount in service.get("volumes", [])]
    declared = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["volumes"]
    assert {mount for mount in mounts if not mount.startswith(".")} == set(declared)
    assert [mount for mount in mounts if mount.startswith(".") and not (COMPOSE.parent / mount).exists()] == []


def test_whoever_is_waited_for_can_say_that_it_is_ready(services: dict[str, Any]) -> None:
    has_check = {name for name, service in services.items() if "healthcheck" in service} | {"api"}  # in its image
    for service in services.values():
        for name, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy":
                assert name in has_check


def test_ports_are_open_on_this_machine_alone_unless_bound_otherwise(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert all(port.startswith("${BIND:-127.0.0.1}:") for port in ports)


def test_our_containers_cannot_change_themselves(services: dict[str, Any]) -> None:
    for name in ("api", "trainer"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]
