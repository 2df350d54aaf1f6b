"""Events of any product: read by what their keys mean, with a stated confidence, and only where no format of ours knows them."""

import json
from typing import Any

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.checking import check
from secops_agent.importers.values.event_keys import leaves_of
from secops_agent.importers.values.event_levels import level_of
from secops_agent.services.records import AlertRecord
from tests.secops.syslog import lines_aid

from . import cn_samples, test_feed_guards, test_guards
from .reading_aid import of, read, rejected, source_of

NESTED: dict[str, Any] = {  # invented; the shape of an EDR's answer
    "id": "det-1", "createdAt": "2026-11-20T00:30:00Z", "severity": 8, "status": "OPEN",
    "rule": {"id": "r-77", "name": "Credential dumping"},
    "device": {"hostname": "web-01", "localIp": "10.0.3.20", "externalIp": "198.51.100.7"},
    "process": {"commandLine": "tool.exe -password s3cr3t --token=s3cr3t", "sha256": "ab" * 32},
    "network": {"src_ip": "203.0.113.66", "dst_ip": "10.0.3.20"}, "user": {"name": "zhangsan"},
    "mitre": [{"technique": "T1003.001"}], "url": "https://edr.example/alerts/det-1",
}  # fmt: skip
OCSF: dict[str, Any] = {
    "class_uid": 2004, "severity_id": 5, "time": 1795134600000, "metadata": {"version": "1.3.0", "uid": "u-1"}, "status_id": 1,
    "finding_info": {"title": "Ransomware behaviour", "attacks": [{"technique": {"uid": "T1486"}}]},
    "device": {"hostname": "web-01", "ip": "10.0.3.20"}, "src_endpoint": {"ip": "203.0.113.66"},
    "observables": [{"type_id": 8, "name": "h", "value": "ab" * 32}, {"type_id": [], "value": "x"}, None],
}  # fmt: skip
ECS: dict[str, Any] = {
    "@timestamp": "2026-11-20T00:30:00Z", "event": {"kind": "alert", "severity": 73, "id": "e-1"}, "rule": {"name": "Port scan", "id": "9"},
    "source": {"ip": "203.0.113.66"}, "destination": {"ip": "10.0.3.20"}, "host": {"name": "web-01"}, "user": {"name": "zhangsan"},
    "threat": {"technique": {"id": ["T1046"]}}, "ecs": {"version": "8.11"},
}  # fmt: skip
HAYABUSA: dict[str, Any] = {
    "Timestamp": "2026-11-20 08:30:00.000 +08:00", "RuleTitle": "Suspicious Service Path", "Level": "med", "Computer": "web-01", "Channel": "Sys",
    "EventID": 7045, "MitreTags": ["T1543.003"], "RecordID": 17, "Details": {"Svc": "x", "Path": "C:\\a.exe", "SrcIP": "203.0.113.66"}, "RuleID": "r-1",
}  # fmt: skip
CHAINSAW: dict[str, Any] = {
    "group": "Sigma", "kind": "individual", "name": "Suspicious Service Path", "timestamp": "2026-11-20T00:30:00Z", "level": "high", "status": "stable",
    "tags": ["attack.persistence", "attack.t1543.003"], "id": "r-1", "logsource": {"product": "windows"},
    "document": {"kind": "evtx", "path": "a.evtx", "data": {"Event": {"EventData": {"IpAddress": "203.0.113.66"}, "System": {"Computer": "web-01", "EventID": 7045}}}},
}  # fmt: skip
AUDIT = {
    "eventName": "ConsoleLogin", "eventTime": "2026-11-20T00:30:00Z", "sourceIPAddress": "203.0.113.66",
    "userIdentity": {"userName": "zhangsan"}, "eventID": "a-1", "outcome": "Failure",
}  # fmt: skip


def only(event: Any) -> AlertRecord:
    assert registry.detect(source_of(event)) == "events"
    [found] = of(read("events", event), AlertRecord)
    return found


@pytest.mark.parametrize(
    ("event", "title", "severity"),
    [
        ({"alert_id": "a", "message": "CPU of web-01 is above 80%", "priority": "P1", "createdAt": "2026-11-20T00:30:00Z", "responders": [{"type": "team"}]}, "CPU of web-01 is above 80%", "critical"),
        ({"number": "SIR1", "short_description": "Phishing mail", "category": "Mail", "priority": "3 - medium", "sys_created_on": "2026-11-20 00:30:00", "host_name": "web-01"}, "Phishing mail", "medium"),
        ({"alert_id": "a", "alert_type": "Unclassified", "name": "Behavioral threat", "severity": "high", "event_timestamp": 1795134600000}, "Behavioral threat", "high"),
        ({"incident": {"policy_name": "projects/9/alertPolicies/x", "summary": "Errors of the shop", "severity": "warning", "started_at": 1795134600}}, "Errors of the shop", "medium"),
    ],
    ids=["message", "short description", "name before type", "no path"],
)  # fmt: skip
def test_its_own_words_stand_before_what_kind_it_is(event: dict[str, Any], title: str, severity: str) -> None:
    found = next(iter(of(read("events", event), AlertRecord)))
    assert (found.title, found.severity) == (title, severity)


@pytest.mark.parametrize(
    ("event", "title", "severity", "attacker", "host", "technique"),
    [
        (NESTED, "Credential dumping", "high", "203.0.113.66", "web-01", "T1003.001"),
        (OCSF, "Ransomware behaviour", "critical", "203.0.113.66", "web-01", "T1486"),
        (ECS, "Port scan", "high", "203.0.113.66", "web-01", "T1046"),
        (AUDIT, "ConsoleLogin", "low", "203.0.113.66", "", ""),
        (HAYABUSA, "Suspicious Service Path", "medium", "203.0.113.66", "web-01", "T1543.003"),
        (CHAINSAW, "Suspicious Service Path", "high", "203.0.113.66", "web-01", "T1543.003"),
    ],
    ids=["nested", "OCSF", "ECS", "audit", "hayabusa", "chainsaw"],
)
def test_an_event_is_read_by_what_its_keys_mean(
    event: dict[str, Any], title: str, severity: str, attacker: str, host: str, technique: str
) -> None:
    found = only(event)
    assert (found.title, found.severity) == (title, severity)
    assert found.occurred_at is not None
    assert found.occurred_at.isoformat() == "2026-11-20T00:30:00+00:00"
    assert attacker in {each.value for each in found.indicators if each.kind == "ip"}
    assert [each.name for each in found.assets][:1] == [host] * bool(host)
    assert "10.0.3.20" not in {each.value for each in found.indicators}
    assert found.techniques == (technique,) * bool(technique)
    assert "按字段的含义读出（把握" in found.description
    assert "s3cr3t" not in repr(found)
    assert found.event_id


def test_a_closed_connection_and_a_shared_address_say_nothing_of_the_alert() -> None:
    flow = only(
        {
            **AUDIT,
            "state": "closed",
            "device": {"external_ip": "198.51.100.7", "ip": "10.0.3.20", "hostname": "web-01"},
        }
    )
    assert flow.status_hint == ""
    assert "198.51.100.7" not in {*(each.value for each in flow.indicators), *flow.assets[0].ips}
    assert only({**NESTED, "status": "resolved"}).status_hint == "closed"


def test_ocsf_and_an_alert_of_ecs_are_sure() -> None:
    assert [("（把握 100）" in only(each).description) for each in (OCSF, ECS, NESTED, AUDIT)] == [
        True,
        True,
        False,
        False,
    ]
    assert "没有写级别" in only(AUDIT).description
    assert {each.value for each in only(OCSF).indicators if each.kind == "hash"} == {"ab" * 32}


@pytest.mark.parametrize(
    "wrapped",
    [[NESTED, NESTED], {"incidents": [NESTED]}, {"total": 1, "data": {"items": [NESTED]}}, {"value": [NESTED], "next": None},
     {"host": "shipper", "message": json.dumps(NESTED)}, "\n".join([json.dumps(NESTED)] * 3)],
    ids=["array", "in an answer", "deeper", "page", "text", "lines"],
)  # fmt: skip
def test_events_are_found_in_every_wrapping(wrapped: Any) -> None:
    assert registry.detect(source_of(wrapped)) == "events"
    assert {each.title for each in of(read("events", wrapped), AlertRecord)} == {"Credential dumping"}
    assert rejected(read("events", wrapped)) == []


def test_what_may_be_of_another_format_is_asked_about() -> None:
    assert registry.candidates(source_of({"alerts": [NESTED]})) == ["generic", "events"]
    assert registry.detect(source_of({"alerts": [NESTED]})) == ""


@pytest.mark.parametrize(
    ("event", "severity"),
    [
        ({"severity": 8}, "high"), ({"severity": "73"}, "high"), ({"severity": "E_MEDIUM"}, "medium"), ({"priority": 1}, "high"),
        ({"priority": 4}, "low"), ({"severity_id": 6}, "critical"), ({"risk_score": 95}, "critical"), ({"score": 0.75}, "high"),
        ({"level": "高风险"}, "high"), ({"log": {"level": "error"}, "severity": "low"}, "low"), ({"Level": 4, "operationName": "x"}, "low"),
        ({"alert": {"severity": 1, "signature": "x"}}, "high"), ({"severity": 5, "detail": {"severity": "HIGH"}}, "medium"),
        ({"severity": 30, "SeverityName": "Critical"}, "critical"), ({"integrityLevel": "High"}, None), ({"severity": "s4"}, None),
        ({"severity": -1}, None), ({"severity": 1e12}, None), ({"risk": "NaN"}, None),
    ],
)  # fmt: skip
def test_levels_have_a_scale_and_a_direction(event: dict[str, Any], severity: str | None) -> None:
    found = level_of(leaves_of(event))
    assert (found[1] if found else None) == severity


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"level": "info", "msg": "started", "time": "2026-11-20T00:30:00Z"}, "没有地址、主机、账号或哈希"),
        ({"name": "widget", "price": 5}, "没有级别、时间、地址、主机、账号或哈希"),
        ({"bytes": 5, "packets": 7}, "没有可以作标题的字段"),
        (
            {"title": "threat-actor", "description": "a schema", "$id": "http://a.example/s.json"},
            "没有级别、时间",
        ),
    ],
)
def test_what_is_doubtful_stays_a_line_and_says_why(event: dict[str, Any], why: str) -> None:
    assert registry.detect(source_of(event)) == ""
    line = lines_aid.alert(f"<12>Nov 26 11:59:00 app x: {json.dumps(event)}")
    assert line.raw["format"] == "plain"
    assert why in line.description
    with pytest.raises(InvalidInput, match=r"不像安全事件|可能是 events"):
        registry.detect_or_ask(source_of(event), "请写明格式")


def test_no_file_of_another_format_is_taken() -> None:
    others = {
        **test_guards.SHAPES,
        **dict(test_feed_guards.SHAPES.values()),
        **dict(test_feed_guards.TEXTS.values()),
        **dict(cn_samples.FILES.values()),
    }
    assert {registry.detect(source_of(value)) for value in others.values()} == set(others)


def test_an_event_in_syslog_obeys_the_level_of_the_source() -> None:
    grave, slight = json.dumps(NESTED), json.dumps(AUDIT)
    assert lines_aid.alert(f"<134>Nov 26 11:59:00 edr x: {grave}").title == "Credential dumping"
    assert lines_aid.read(f"<134>Nov 26 11:59:00 aws x: {slight}").alerts == ()
    assert lines_aid.alert(f"<132>Nov 26 11:59:00 aws x: {slight}").title == "ConsoleLogin"
    assert (
        lines_aid.alert(f"<134>Nov 26 11:59:00 aws x: {slight}", lines_aid.source(plain_level=5)).severity
        == "low"
    )


def test_the_check_says_what_was_taken_from_where() -> None:
    lines = "\n".join(check("events", source_of([NESTED, {"a": 1, "b": 2}])))
    for part in (
        "标题 ← rule.name = Credential dumping",
        "级别 ← severity = 8",
        "攻击者 ← network.src_ip",
        "拒绝：不像安全事件",
    ):
        assert part in lines


def test_huge_and_hostile_events_cost_little() -> None:
    event = {"a_" * 140 + str(number): "@" * 4000 for number in range(2000)}
    assert len(leaves_of(event)) == 400
    deep: Any = NESTED
    for _ in range(60):
        deep = {"event": [deep]}
    for odd in (
        {**NESTED, "title": "@" * 4000},
        {"event": {"class_uid": 1}},
        {"class_uid": [], "metadata": {}},
        deep,
        event,
    ):
        registry.detect(source_of(odd))
