"""A token that is bound to sources speaks for these alone, whatever door, format or spelling it tries."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from bifang.core.errors import InvalidInput
from secops_agent.models import Alert, ApiToken, Asset, Component, Finding, ImportJob
from secops_agent.models.choices import AlertStatus
from secops_agent.services.people import tokens
from secops_agent.uploads.runner import run_next_job
from tests.admin_pages import superuser, text_of
from tests.secops.api.callers import with_token
from tests.secops.api.test_receivers_attacked import AT, RECEIVERS, alertmanager

pytestmark = pytest.mark.django_db(transaction=True)
ALERT = {"title": "暴力破解", "severity": "high", "event_id": "e-1", "occurred_at": AT}
SARIF = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "CodeQL"}}, "results": [{"ruleId": "r", "message": {"text": "坏"}}]}]}  # fmt: skip
BOM = {
    "bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": {"component": {"type": "application", "name": "支付系统"}},
    "components": [{"type": "library", "name": "left-pad", "version": "1.0"}],
}  # fmt: skip


def send(client: Client, name: str, body: Any, query: str = "") -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    address = "/services/collector/event" if name == "hec" else f"/api/v1/ingest/{name}/{query}"
    return client.post(address, data, "application/json")


def generic(**more: Any) -> dict[str, Any]:
    return {"format": "bifang", "version": 1, "alerts": [ALERT | more]}


def nothing_came(answer: Any) -> None:
    message = str(answer.json())
    assert answer.status_code == 403, message
    assert "只能代表来源「waf」" in message
    assert not any(kind.objects.exists() for kind in (Alert, Asset, Finding, Component))


@pytest.mark.parametrize("name", RECEIVERS)
def test_the_only_source_is_the_default_of_every_receiver(name: str) -> None:
    answer = send(with_token("ingest", sources=["边界 WAF"]), name, RECEIVERS[name]("告警", "web-01"))
    assert answer.status_code == 200, answer.content
    assert set(Alert.objects.values_list("source", flat=True)) == {"边界 WAF"}


@pytest.mark.parametrize(
    ("source", "answered"),
    [("waf", 200), ("%20waf%20", 200), ("", 200), ("WAF", 403), ("Waf", 403), ("ｗａｆ", 403), ("wa%20f", 403),
     ("waf%E2%80%8B", 403), ("%D0%B0waf", 403), ("waf%00", 400), ("grafana", 403), ("waf,grafana", 403), ("wa", 403)],
)  # fmt: skip
def test_the_address_may_name_no_other(source: str, answered: int) -> None:
    found = send(
        with_token("ingest", sources=["waf"]),
        "grafana",
        RECEIVERS["grafana"]("告警", "web-01"),
        f"?source={source}",
    )
    assert found.status_code == answered, found.content
    assert set(Alert.objects.values_list("source", flat=True)) == ({"waf"} if answered == 200 else set())
    states = set(ImportJob.objects.values_list("state", flat=True))
    assert states == {200: {"done"}, 403: {"failed"}, 400: set()}[answered], "the history says so, too"
    assert answered != 200 or ImportJob.objects.get().options["source"] == "waf"


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        generic(source="edr"),
        generic(source="WAF"),
        generic(source="waf\u200b"),
        generic(assets=[{"hostname": "web-01", "source": "edr"}]),
        {**generic(), "alerts": [ALERT, ALERT | {"event_id": "e-2", "source": "edr"}]},
        {"assets": [{"hostname": "web-01", "source": "edr"}]},
        {"components": [{"name": "left-pad", "version": "1", "asset": "web-01", "source": "edr"}]},
        {"findings": [{"kind": "code", "asset": "web-01", "title": "坏", "severity": "low", "rule_id": "r", "source": "edr"}]},
        {"scans": [{"asset": "web-01", "kinds": ["code"], "source": "edr"}]},
        {"scans": [{"asset": {"hostname": "web-01", "source": "edr"}, "kinds": ["code"]}]},
    ],
)  # fmt: skip
def test_the_body_may_name_no_other_and_nothing_of_it_is_taken(body: dict[str, Any]) -> None:
    nothing_came(send(with_token("ingest", sources=["waf"]), "generic", body))
    lines = [
        {"record": name[:-1], **each}
        for name, found in body.items()
        if isinstance(found, list)
        for each in found
    ]
    nothing_came(
        send(with_token("ingest", sources=["waf"]), "generic", "\n".join(map(json.dumps, lines)).encode())
    )
    assert set(ImportJob.objects.values_list("state", flat=True)) == {"failed"}


def test_a_source_of_the_whole_body_counts_as_the_tokens_own() -> None:
    assert (
        send(with_token("ingest", sources=["waf"]), "generic", {**generic(), "source": "edr"}).status_code
        == 200
    )
    assert Alert.objects.get().source == "waf"


def test_what_another_source_has_told_cannot_be_closed() -> None:
    send(with_token("ingest"), "alertmanager", alertmanager("磁盘已满", "web-01"))
    over = alertmanager("磁盘已满", "web-01")
    over["alerts"][0] |= {"status": "resolved", "endsAt": "2026-11-20T11:00:00Z"}
    bound = with_token("ingest", sources=["waf", "edr"])
    refused = send(bound, "alertmanager", over)
    assert (
        refused.status_code,
        "?source" in str(refused.json()) or "source 参数" in str(refused.json()),
    ) == (403, True)
    assert send(bound, "alertmanager", over, "?source=edr").status_code == 200
    assert Alert.objects.get(source="alertmanager").status != AlertStatus.CLOSED
    assert send(with_token("ingest"), "alertmanager", over).status_code == 200
    assert Alert.objects.get(source="alertmanager").status == AlertStatus.CLOSED


def test_scans_lists_and_statements_are_bound_as_well() -> None:
    bound = with_token("ingest", sources=["waf", "edr"])
    assert send(bound, "sarif", SARIF, "?asset=web-01").status_code == 403
    assert send(bound, "cyclonedx", BOM).status_code == 403
    assert (
        send(
            bound, "indicators_csv", b"type,value\nip,203.0.113.9\n", "?source=%E5%8E%82%E5%95%86"
        ).status_code
        == 403
    )
    assert send(bound, "indicators_csv", b"type,value\nip,203.0.113.9\n", "?source=edr").status_code == 200
    vex = {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://x/1", "author": "Red Hat", "timestamp": AT, "version": 1,
           "statements": [{"vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": "pkg:deb/a@1"}], "status": "fixed"}]}  # fmt: skip
    said = send(bound, "openvex", vex, "?source=edr")
    assert (said.status_code, "「Red Hat」" in str(said.json())) == (403, True)


def test_the_answer_of_a_collector_is_in_its_own_words() -> None:
    answer = send(with_token("ingest", sources=["waf", "edr"]), "hec", RECEIVERS["hec"]("告警", "web-01"))
    assert (answer.status_code, answer.json()["code"], Alert.objects.count()) == (403, 4, 0)
    assert "「splunk」" in answer.json()["message"]


def test_a_job_remembers_what_its_sender_may() -> None:
    bound = with_token("ingest", sources=["waf"])
    assert send(bound, "generic", generic(), "?background=true&source=edr").status_code == 403
    for body in (generic(), generic(source="edr", event_id="e-2")):
        assert send(bound, "generic", body, "?background=true").status_code == 202
        run_next_job()
    assert list(Alert.objects.values_list("source", flat=True)) == ["waf"]
    first, last = ImportJob.objects.filter(options__source="waf").order_by("pk")
    assert (first.state, last.state, "「edr」" in last.error) == ("done", "failed", True)


def test_a_token_without_sources_is_as_before() -> None:
    client = with_token("ingest")
    assert send(client, "generic", generic(source="edr")).status_code == 200
    assert send(client, "grafana", RECEIVERS["grafana"]("告警", "web-01"), "?source=waf").status_code == 200
    assert set(Alert.objects.values_list("source", flat=True)) == {"edr", "waf"}


def test_the_command_and_the_page_make_and_show_them() -> None:
    out = StringIO()
    call_command(
        "create_api_token",
        "采集",
        "--scope",
        "ingest",
        "--source",
        " waf ",
        "--source",
        "edr",
        stdout=out,
        stderr=StringIO(),
    )
    assert ApiToken.objects.get().sources == ["waf", "edr"]
    with pytest.raises(CommandError, match="任何来源"):
        call_command("create_api_token", "变量没有值", "--scope", "ingest", "--source", "")
    assert tokens.recognise(out.getvalue().strip()).actor.sources == ("waf", "edr")  # type: ignore[union-attr]
    with pytest.raises(CommandError, match="看不见的字符"):
        call_command("create_api_token", "新的", "--scope", "ingest", "--source", "wa\u200bf")
    root = superuser()
    form = {
        "name": "网页",
        "scopes": ["ingest"],
        "sources": "边界 WAF\r\n\r\nedr\r\n",
        "expires_at_0": "",
        "expires_at_1": "",
        "rate": "3000",
    }
    made = root.post("/admin/secops_agent/apitoken/add/?for=alerts", form)
    assert made.status_code == 200, made.content
    row = ApiToken.objects.get(name="网页")
    assert row.sources == ["边界 WAF", "edr"]
    assert "边界 WAF、edr" in text_of(root.get(f"/admin/secops_agent/apitoken/{row.pk}/change/"))
    assert "看不见的字符" in text_of(
        root.post(
            "/admin/secops_agent/apitoken/add/?for=alerts", form | {"name": "坏", "sources": "wa\u200bf"}
        )
    )


@pytest.mark.parametrize("names", [["x" * 61], ["wa\u202ef"], ["wa\nf"], [f"s{n}" for n in range(51)]])
def test_what_no_source_can_be_called_is_refused(names: list[str]) -> None:
    with pytest.raises(InvalidInput):
        tokens.create("令牌", ["ingest"], sources=names)
    assert not ApiToken.objects.exists()
