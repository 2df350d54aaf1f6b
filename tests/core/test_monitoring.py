"""What monitoring reads: the form of our metrics, and rules and a dashboard that name only what there is."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.live_server_helper import LiveServer

from bifang.core.monitoring.counting import TALLIES
from bifang.core.monitoring.metrics import render_metrics
from tests.acceptance.processes import PROJECT
from tests.admin_pages import connected, dingtalk, serve_plain_static
from tests.deadline import wait_until

HERE = PROJECT / "deploy" / "monitoring"
RULES: list[dict[str, Any]] = yaml.safe_load((HERE / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]


def panels() -> list[str]:
    board = json.loads((HERE / "grafana.json").read_text("utf-8"))
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


@pytest.mark.django_db
def test_rules_and_dashboard_name_metrics_that_there_are() -> None:
    families = text_string_to_metric_families(render_metrics().decode())
    ends = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
    known = {f"{family.name}{end}" for family in families for end in ends.get(family.type, ("",))}
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


SCRAPED = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs: [{{job_name: bifang, static_configs: [{{targets: ["{target}"]}}]}}]
rule_files: [{rules}]
"""
# What an installation in which nothing has happened yet has nothing of.
OPTIONAL = (
    "syslog",
    "consumer",
    "quota",
    "feed",
    "round_trip",
    'result!="ok"',
    'status=~"5.."',
    "bifang_disk_free_bytes <",
)


def is_ready(http: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return http.get("/-/ready").status_code == 200
    return False


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def address(settings: Any, tmp_path: Path, database: Any) -> Iterator[str]:
    """Where this test's database is served."""
    serve_plain_static(settings, tmp_path)
    server = LiveServer("localhost")
    yield server.url
    server.stop()


@pytest.mark.outside("prometheus")
def test_prometheus_answers_every_query_of_the_dashboard_and_the_rules(tmp_path: Path, address: str) -> None:
    connected(dingtalk(), owner="a")
    for tally in TALLIES:
        (tally.observe if tally.buckets else tally.add)(*([0.2] if tally.buckets else []), *tally.labels)
    target, port = address.removeprefix("http://"), free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(SCRAPED.format(target=target, rules=HERE / "alerts.yml"), encoding="utf-8")
    listen = f"--web.listen-address=127.0.0.1:{port}"
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}", listen]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        try:

            def ask(expr: str) -> list[Any]:
                answer = http.get("/api/v1/query", params={"query": expr})
                assert answer.status_code == 200, (expr, answer.text)
                return list(answer.json()["data"]["result"])

            wait_until(lambda: is_ready(http), within=30.0, every=0.3)
            scraped = "count_over_time(bifang_build_info[1m]) > 2"
            wait_until(lambda: bool(ask(scraped)), within=30.0, every=0.3)
            for expr in panels():
                assert ask(expr) or any(word in expr for word in OPTIONAL), expr
            for rule in RULES:
                ask(rule["expr"])
            health = http.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
            assert {each["name"]: each["health"] for each in health} == {
                each["alert"]: "ok" for each in RULES
            }
        finally:
            http.close()
            server.terminate()
