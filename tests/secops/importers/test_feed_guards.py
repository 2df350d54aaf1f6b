"""Alert, advisory and asset formats: every file is known for what it is, and damage never raises anything else."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bifang.core.errors import BifangError
from secops_agent.importers import registry
from secops_agent.services.records import AlertRecord, Rejected

from .reading_aid import of, read, source_of
from .test_alertmanager import WEBHOOK
from .test_alerts_csv import OWN as EVENTS
from .test_aliyun_sas import RESPONSE
from .test_assets_csv import CHINESE, ENGLISH
from .test_cnvd import ENTRY as ADVISORY
from .test_cnvd import document
from .test_elastic import DETECTION, HISTORY
from .test_epss import HEAD, ROWS
from .test_falco import EVENT as FALCO
from .test_findings_csv import OWN as FLAWS
from .test_grafana import WEBHOOK as GRAFANA
from .test_guards import JSON, spoilt
from .test_kev import CATALOGUE
from .test_splunk import ACTION, ENVELOPE
from .test_suricata import EVENT as EVE
from .test_wazuh import ALERT, STATE
from .test_zabbix import PROBLEM

EVENT = {
    "id": "det-1", "createdAt": "2026-11-20T00:30:00Z", "severity": "high", "rule": {"id": "r-77", "name": "Credential dumping"},
    "device": {"hostname": "web-01", "ip": "10.0.3.20"}, "network": {"src_ip": "203.0.113.66"}, "user": {"name": "zhangsan"},
}  # fmt: skip
STIX: dict[str, Any] = {
    "type": "bundle", "id": "bundle--1", "objects": [
        {"type": "indicator", "spec_version": "2.1", "id": "indicator--1", "pattern_type": "stix", "name": "C2", "valid_until": "2027-01-01T00:00:00Z",
         "pattern": "[ipv4-addr:value = '203.0.113.66'] OR [domain-name:value = 'c2.example.net']"},
        {"type": "indicator", "spec_version": "2.1", "id": "indicator--2", "pattern_type": "stix", "pattern": "[file:hashes.'SHA-256' = '" + "ab" * 32 + "']"},
    ],
}  # fmt: skip
MISP: dict[str, Any] = {
    "Event": {"info": "Campaign", "uuid": "u", "Attribute": [{"type": "ip-dst|port", "value": "203.0.113.66|443", "to_ids": True, "category": "Network activity"}],
              "Object": [{"name": "file", "Attribute": [{"type": "filename|md5", "value": "a.exe|" + "cd" * 16, "to_ids": True}]}]},
}  # fmt: skip
SHAPES: dict[str, tuple[str, Any]] = {
    "wazuh alert": ("wazuh", ALERT), "wazuh state": ("wazuh", STATE), "suricata": ("suricata", EVE),
    "falco": ("falco", FALCO), "alertmanager": ("alertmanager", WEBHOOK), "aliyun_sas": ("aliyun_sas", RESPONSE),
    "kev": ("kev", CATALOGUE), "grafana": ("grafana", GRAFANA), "kibana": ("elastic", HISTORY),
    "detection": ("elastic", DETECTION), "zabbix": ("zabbix", PROBLEM), "hec": ("splunk", ENVELOPE), "splunk": ("splunk", ACTION),
    "events": ("events", EVENT), "misp": ("indicators_json", MISP), "stix": ("indicators_json", STIX),
}  # fmt: skip
TEXTS: dict[str, tuple[str, str]] = {
    "epss": ("epss", HEAD + ROWS), "cnvd": ("cnvd", document(ADVISORY)), "chinese": ("assets_csv", CHINESE),
    "english": ("assets_csv", ENGLISH), "flaws": ("findings_csv", FLAWS), "events": ("alerts_csv", EVENTS),
}  # fmt: skip


FOREIGN = {  # frames of formats of ours around something else
    "end of life, not vulnerabilities": {
        "matches": [], "source": {"type": "image", "target": {"userInput": "web:1"}}, "descriptor": {"name": "xeol"},
    },
    "a match of another kind": {"matches": [{"Cycle": {}, "artifact": {"name": "web"}}], "descriptor": {"name": "xeol"}},
    "a scanner's packages": {"results": [{"id": "sha256:1", "packages": [{"name": "bash", "version": "5"}]}]},
    "an erratum's packages": {"results": [{"id": 1, "packages": ["bash-5"]}]},
    "no findings": {"findings": []},
    "other findings": {"findings": [{"title": "a", "severity": "high", "findingArn": "b", "type": "c"}]},
    "other vulnerabilities": {"version": "2.3", "vulnerabilities": [{"name": "a", "cve": "b", "scanner": {"id": "c"}}]},
}  # fmt: skip


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_detect_claims_no_other_tools_file(content: dict[str, Any]) -> None:
    assert registry.detect(source_of(content)) == ""


@pytest.mark.parametrize("name", ["wazuh", "suricata", "falco"])
def test_array_lines_and_packed_lines_read_the_same(name: str) -> None:
    value = SHAPES[name if name in SHAPES else f"{name} alert"][1]
    lines = f"{json.dumps(value)}\n" * 3
    assert read(name, lines) == read(name, [value] * 3) == read(name, lines, packed=True)


def test_alerts_keep_what_json_can_hold_and_no_verdict() -> None:
    for shape in SHAPES.keys() - {"kev", "wazuh state"}:
        name, value = SHAPES[shape]
        for alert in of(read(name, value), AlertRecord):
            assert json.loads(json.dumps(alert.raw)) == alert.raw
            assert not hasattr(alert, "verdict")


def check(name: str, written: str) -> None:
    """Whatever stands there: records and rejections that can be hashed, or an error of ours."""
    with suppress(BifangError):
        for item in registry.parse(name, source_of(written)):
            hash(item)
            assert not isinstance(item, Rejected) or (item.position and item.reason)


@pytest.mark.slow
@settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_spoilt_event_never_raises_anything_else(shape: str, data: st.DataObject) -> None:
    name, value = SHAPES[shape]
    check(name, json.dumps(spoilt(value, data.draw)))


@pytest.mark.slow
@settings(max_examples=80, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
@pytest.mark.parametrize("shape", sorted(TEXTS))
def test_spoilt_text_never_raises_anything_else(shape: str, data: st.DataObject) -> None:
    name, written = TEXTS[shape]
    start = data.draw(st.integers(0, len(written)))
    end = data.draw(st.integers(start, min(len(written), start + 40)))
    check(name, written[:start] + data.draw(st.text('<>/&;",\n\0é中1.', max_size=12)) + written[end:])


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrap", [lambda value: {"a": value}, lambda value: [value], lambda value: {"item": [value]}]
)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(JSON)
def test_random_json_is_never_an_event(wrap: Callable[[Any], Any], value: Any) -> None:
    for name in (
        "wazuh",
        "suricata",
        "falco",
        "alertmanager",
        "aliyun_sas",
        "kev",
        "epss",
        "cnvd",
        "assets_csv",
        "grafana",
        "elastic",
        "zabbix",
        "splunk",
        "events",
    ):
        check(name, json.dumps(wrap(value)))
