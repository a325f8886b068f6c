"""The alerts: valid, each tested, each with a line that says what to do."""

import re

import yaml

from configuration import ROOT
from tests.deploy.conftest import DEPLOY, Tool

RULES, CASES = DEPLOY / "prometheus" / "rules.yaml", DEPLOY / "prometheus" / "rules_test.yaml"


def alerts() -> list[dict[str, object]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_the_rules_are_valid(tool: Tool) -> None:
    done = tool("promtool", "check", "rules", RULES)
    assert done.returncode == 0, done.stderr


def test_the_rules_do_what_their_cases_say(tool: Tool) -> None:
    done = tool("promtool", "test", "rules", CASES.name, folder=CASES.parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_that_loads_them_is_valid(tool: Tool) -> None:
    done = tool("promtool", "check", "config", DEPLOY / "prometheus" / "prometheus.yaml")
    assert done.returncode == 0, done.stderr


def test_the_receivers_are_valid(tool: Tool) -> None:
    done = tool("amtool", "check-config", DEPLOY / "alertmanager" / "alertmanager.yaml")
    assert done.returncode == 0, done.stderr


def test_each_alert_is_raised_by_a_case() -> None:
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    raised = {test["alertname"] for case in cases for test in case.get("alert_rule_test", []) if test.get("exp_alerts")}
    assert raised == {rule["alert"] for rule in alerts()}


def test_each_alert_says_where_its_remedy_stands() -> None:
    headings = re.findall(r"^#+ (\w+)$", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"), re.MULTILINE)
    for rule in alerts():
        annotations = rule["annotations"]
        assert isinstance(annotations, dict)
        assert annotations["runbook"] == f"docs/operations.md#{str(rule['alert']).lower()}"
        assert rule["alert"] in headings


def test_the_metrics_that_rules_and_dashboards_name_are_exported() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "serving").rglob("*.py"))
    exported = set(re.findall(r'"(stocks_[a-z_]+)"', source))
    texts = [RULES, *(DEPLOY / "grafana" / "dashboards").glob("*.json")]
    named = {name for path in texts for name in re.findall(r"stocks_[a-z_]+", path.read_text(encoding="utf-8"))}
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in named} <= exported
