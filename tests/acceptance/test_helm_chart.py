"""The Helm chart: linted and rendered by Helm's own library, every resource valid, its commands and variables ours."""

import re
import shlex
import subprocess
from collections.abc import Mapping
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from tests.acceptance.test_deploy_files import DEPLOY

CHART = DEPLOY / "helm" / "bifang"
SECRET = {"existingSecret": "bifang"}
ALL = {
    **SECRET,
    **{part: {"enabled": True} for part in ("feishu", "syslog", "consume", "ingress")},
    "secretFiles": "bifang-files",
    "kafka": {"servers": "kafka:9092", "topics": "alerts"},
    "image": {"digest": "sha256:" + "0" * 64},
    "networkPolicy": {"syslogFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
}
PARTS = {"web", "stream", "feishu", "tasks", "syslog", "consume"}


def render(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every resource."""
    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(dict(values), name="demo", namespace="security")
    return [found for text in texts.values() for found in yaml.safe_load_all(text) if found]


def of_kind(rows: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {row["metadata"]["name"].removeprefix("demo-"): row for row in rows if row["kind"] == kind}


def pods(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {**of_kind(rows, "Deployment"), **of_kind(rows, "Job")}
    return {name: row["spec"]["template"]["spec"] for name, row in found.items()}


def containers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        each for pod in pods(rows).values() for each in [*pod["containers"], *pod.get("initContainers", [])]
    ]


def test_helm_finds_nothing_but_a_missing_icon() -> None:
    told = helm_python.lint(CHART, values=ALL, strict=True, kube_version="v1.30.0")
    assert [each["error"] for each in told["messages"]] == ["icon is recommended"]
    assert told["errors"] == []


@pytest.mark.parametrize("values", [SECRET, ALL], ids=["default", "all"])
@pytest.mark.parametrize("version", ["1.25", "1.31", "1.37"])
def test_every_resource_is_valid(values: Mapping[str, Any], version: str) -> None:
    rows = render(values)
    for row in rows:
        kubernetes_validate.validate(row, version, strict=True)
    assert len({(row["kind"], row["metadata"]["name"]) for row in rows}) == len(rows)


def test_parts_are_those_that_were_asked_for_each_guarded() -> None:
    few, every = render(SECRET), render(ALL)
    assert set(of_kind(few, "Deployment")) == {"web", "stream", "tasks"}
    assert set(of_kind(every, "Deployment")) == set(of_kind(every, "PodDisruptionBudget")) == PARTS
    assert set(of_kind(every, "HorizontalPodAutoscaler")) == {"web"}
    assert "replicas" not in of_kind(every, "Deployment")["web"]["spec"], "the autoscaler's"
    job = of_kind(few, "Job")["migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert set(of_kind(few, "NetworkPolicy")) == {"demo", "web"}
    assert not of_kind(render({**SECRET, "networkPolicy": {"enabled": False}}), "NetworkPolicy")


def test_without_its_secret_it_says_what_is_missing() -> None:
    with pytest.raises(helm_python.HelmError, match="existingSecret"):
        render({})


def test_containers_have_no_rights_and_bounds() -> None:
    rows = render(ALL)
    for container in containers(rows):
        security = container["securityContext"]
        assert security == {
            "readOnlyRootFilesystem": True, "runAsNonRoot": True, "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert {"limits", "requests"} == set(container["resources"])
        assert container["image"] == f"bifang@sha256:{'0' * 64}"
    for pod in pods(rows).values():
        assert not pod["automountServiceAccountToken"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_commands_are_those_of_compose_and_variables_those_of_the_environment_file() -> None:
    rows = render(ALL)
    composed = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text("utf-8"))["services"]
    names = {"stream": "dingtalk-stream", "feishu": "feishu-stream"}
    for part in PARTS - {"web"}:
        ours = pods(rows)[part]["containers"][0]["command"]
        assert shlex.join(ours) == composed[names.get(part, f"bifang-{part}")]["command"], part
    image = (DEPLOY / "docker" / "Dockerfile").read_text("utf-8")
    web = pods(rows)["web"]["containers"][0]["command"]
    assert " ".join(f'"{word}"' for word in web).replace('" "', '", "') in image
    listed = set(re.findall(r"(?m)^#?([A-Z][A-Z_]+)=", (DEPLOY / "env.example").read_text("utf-8")))
    for container in containers(rows):
        assert {one["name"] for one in container["env"]} <= listed


def test_health_of_what_is_no_web_server_is_the_age_of_its_pulse(tmp_path: Any) -> None:
    pulse = tmp_path / "pulse"
    for part in PARTS - {"web"}:
        (container,) = pods(render(ALL))[part]["containers"]
        shell = container["livenessProbe"]["exec"]["command"]
        assert {"name": "BIFANG_PULSE_FILE", "value": "/tmp/pulse"} in container["env"]
    ours = [*shell[:-1], shell[-1].replace("/tmp/pulse", str(pulse))]

    def healthy() -> bool:
        return subprocess.run(ours, capture_output=True).returncode == 0

    assert not healthy()
    pulse.touch()
    assert healthy()
    subprocess.run(["touch", "-d", "5 minutes ago", pulse], check=True)
    assert not healthy()
