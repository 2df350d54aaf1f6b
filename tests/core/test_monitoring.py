"""What monitoring reads: the form of our metrics, and rules and a dashboard that name only what there is."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bifang.core.monitoring.metrics import render_metrics
from tests.acceptance.processes import PROJECT
from tests.admin_pages import connected, dingtalk

HERE = PROJECT / "deploy" / "monitoring"
RULES: list[dict[str, Any]] = yaml.safe_load((HERE / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]


def panels() -> list[str]:
    board = json.loads((HERE / "grafana.json").read_text("utf-8"))
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


@pytest.mark.django_db
def test_rules_and_dashboard_name_metrics_that_there_are() -> None:
    families = text_string_to_metric_families(render_metrics().decode())
    known = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    named = {
        name
        for text in (*panels(), *(each["expr"] for each in RULES))
        for name in re.findall(r"bifang_\w+", text)
    }
    assert named - known == set()


def test_every_rule_has_a_runbook() -> None:
    text = (PROJECT / "docs/operations.md").read_text("utf-8")
    headings = {line.lower().removeprefix("#### ") for line in text.splitlines() if line.startswith("#### ")}
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["alert"].lower() in headings


def promtool(*arguments: str | Path, told: str = "") -> None:
    done = subprocess.run(["promtool", *arguments], input=told, capture_output=True, text=True, cwd=HERE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.outside("promtool")
@pytest.mark.django_db
def test_prometheus_accepts_the_metrics_the_rules_and_every_query(tmp_path: Path) -> None:
    connected(dingtalk(), owner="a")
    promtool("check", "metrics", told=render_metrics().decode())
    promtool("check", "rules", "alerts.yml")
    promtool("test", "rules", "alerts.test.yml")
    promtool("check", "config", "--syntax-only", "prometheus.yml")
    queries = [{"record": f"panel_{number}", "expr": expr} for number, expr in enumerate(panels())]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": queries}]}), encoding="utf-8")
    promtool("check", "rules", file)
