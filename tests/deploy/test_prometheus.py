"""Alert rules and dashboards: they parse, fire when they should, and ask for nothing that is not exported."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from gateway import cli
from gateway.observe import metrics

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
RUNBOOKS = ROOT / "docs" / "runbooks"
RULES = yaml.safe_load((PROMETHEUS / "mogate.rules.yml").read_text())
TRIES = yaml.safe_load((PROMETHEUS / "mogate.rules.test.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
SUMS = {rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule}
NAME = re.compile(r"(?<![\w:.])mogate[_:]\w[\w:]*")


def _promtool(*arguments: str, cwd: Path = PROMETHEUS) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _exported() -> set[str]:
    """The names of all samples there can be."""
    names = set()
    for family in metrics.registry.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + ending for ending in endings}
    return names


def _queries(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for marks in dashboard.get("annotations", {}).get("list", ()):
        yield marks["expr"]
    for variable in dashboard.get("templating", {}).get("list", ()):
        if variable["type"] == "query":
            yield re.sub(r"^label_values\((.*), *\w+\)$", r"\1", variable["query"])


def test_prometheus_takes_the_files() -> None:
    """The configuration and the rules it names are valid."""
    _promtool("check", "config", "prometheus.yml")


def test_every_alert_fires_when_it_should_and_alone() -> None:
    """The tries that ship beside the rules hold, as they do for an operator who changes a threshold."""
    _promtool("test", "rules", "mogate.rules.test.yml")


def test_every_alert_is_tried() -> None:
    """No alert without a try that makes it fire, and one try in which nothing does."""
    expected = [
        re.findall(r'alertname="(\w+)"', sample["labels"])
        for test in TRIES["tests"]
        for check in test["promql_expr_test"]
        for sample in check["exp_samples"]
    ]
    assert {name for names in expected for name in names} == {alert["alert"] for alert in ALERTS}
    assert any(not check["exp_samples"] for test in TRIES["tests"] for check in test["promql_expr_test"])


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    """Each has a severity, a summary and a runbook that names it."""
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["annotations"]["summary"]
    page = ROOT / alert["annotations"]["runbook"]
    assert f"`{alert['alert']}`" in page.read_text()
    assert f"`{alert['alert']}`" in (RUNBOOKS / "README.md").read_text()


def test_rules_ask_for_exported_series() -> None:
    """Every name in a rule is one that a gateway exports, or a sum of these."""
    asked = set(NAME.findall(" ".join(rule["expr"] for group in RULES["groups"] for rule in group["rules"])))
    assert asked - {"mogate"} <= _exported() | SUMS


def test_runbooks_ask_for_exported_series() -> None:
    """So does every query that a runbook shows; a histogram may be named as a whole."""
    known = _exported() | SUMS | {family.name for family in metrics.registry.collect()}
    for page in RUNBOOKS.glob("*.md"):
        for query in re.findall(r"`([^`]*mogate[_:][^`]*)`", page.read_text()):
            assert set(NAME.findall(query)) <= known, page.name


def test_runbooks_name_commands_that_exist() -> None:
    """Every `mogate …` that a runbook shows is a command with such options."""
    for page in RUNBOOKS.glob("*.md"):
        for shown in re.findall(r"`mogate ([^`]+)`", page.read_text()):
            command: click.Command = cli.main
            context = click.Context(cli.main)
            words = shown.split()
            while isinstance(command, click.Group) and words:
                found = command.get_command(context, words.pop(0))
                assert found is not None, f"{page.name}: mogate {shown}"
                command = found
            options = {option for param in command.params for option in param.opts}
            assert {word for word in words if word.startswith("--")} <= options, f"{page.name}: mogate {shown}"


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_asks_for_exported_series(file: Path, tmp_path: Path) -> None:
    """Every query of a dashboard is PromQL of series that a gateway exports; every panel says what it shows."""
    dashboard = json.loads(file.read_text())
    assert dashboard["uid"]
    assert dashboard["title"].startswith("MOGate")
    assert all(panel["title"] for panel in dashboard["panels"])
    queries = list(_queries(dashboard))
    assert queries
    for query in queries:
        assert set(NAME.findall(query)) - {"mogate"} <= _exported() | SUMS, query
    rules = [{"record": f"q:{number}", "expr": _without_variables(query)} for number, query in enumerate(queries)]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": file.stem, "rules": rules}]}))
    _promtool("check", "rules", "queries.yml", cwd=tmp_path)


def test_every_series_is_looked_at() -> None:
    """What is exported is on a dashboard or in an alert, but for what Prometheus' own library tells of any process."""
    queries = [query for file in DASHBOARDS for query in _queries(json.loads(file.read_text()))]
    asked = set(NAME.findall(" ".join([*queries, *(alert["expr"] for alert in ALERTS)])))
    families = [family for family in metrics.registry.collect() if not family.name.startswith("mogate_process_")]
    unseen = [one.name for one in families if not any(name.startswith(one.name) for name in asked)]
    assert not unseen


def test_dashboards_have_ids_of_their_own() -> None:
    """No two would replace each other when they are provisioned, and no two panels of one either."""
    found = [json.loads(file.read_text()) for file in DASHBOARDS]
    assert len({one["uid"] for one in found}) == len(found)
    for one in found:
        assert len({panel["id"] for panel in one["panels"]}) == len(one["panels"])


def _without_variables(query: str) -> str:
    """The query as Grafana would send it."""
    query = query.replace("$__rate_interval", "5m").replace("$__interval", "1m")
    return query.replace("$instance", ".*").replace("$campaign", ".*")
