"""STIX bundles and MISP events as lists of indicators."""

from typing import Any

import pytest

from secops_agent.importers import registry
from secops_agent.importers.base import Options
from secops_agent.services.records import ListedRecord

from .reading_aid import of, read, rejected, source_of
from .test_feed_guards import MISP, STIX


def entries(value: Any) -> list[tuple[str, str]]:
    assert registry.detect(source_of(value)) == "indicators_json"
    return [(each.kind, each.value) for each in of(read("indicators_json", value), ListedRecord)]


def test_a_bundle_gives_its_values() -> None:
    found = of(read("indicators_json", STIX, Options(source="每日情报")), ListedRecord)
    assert [(each.list, each.kind, each.value) for each in found] == [
        ("每日情报", "ip", "203.0.113.66"), ("每日情报", "domain", "c2.example.net"), ("每日情报", "hash", "ab" * 32),
    ]  # fmt: skip
    assert found[0].note == "C2"
    assert found[0].expires_at is not None
    assert found[0].expires_at.isoformat() == "2027-01-01T00:00:00+00:00"
    assert rejected(read("indicators_json", STIX)) == []


@pytest.mark.parametrize("wrapped", [MISP, [MISP], {"response": [MISP, MISP]}, MISP["Event"]])
def test_an_event_gives_its_attributes(wrapped: Any) -> None:
    assert set(entries(wrapped)) == {("ip", "203.0.113.66"), ("hash", "cd" * 16)}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"pattern": "[ipv4-addr:value = '203.0.113.9' AND network-traffic:dst_port = 4]"}, "只收单个值"),
        ({"pattern": "[process:name = 'x.exe']"}, "不收这种对象：process"),
        ({"pattern": "rule x { condition: true }", "pattern_type": "yara"}, "只收单个值"),
        ({"revoked": True}, "已被来源撤销"),
        ({"pattern": "[ipv4-addr:value = '10.0.0.1']"}, ""),
        ({"pattern": ""}, "pattern"),
        ({"pattern": "[" * 1500 + "x"}, "只收单个值"),
        ({"pattern": "[" * 5000}, "超过 2000 个字符"),
    ],
)
def test_what_is_no_single_value_is_rejected_by_itself(more: dict[str, Any], why: str) -> None:
    first, second = STIX["objects"]
    items = read(
        "indicators_json", {**STIX, "objects": [first | more, second, {"type": "malware", "id": "m"}]}
    )
    assert [each.kind for each in of(items, ListedRecord)] == ["hash"]
    [(place, reason), (_, context)] = rejected(items)
    assert place == "objects[0]"
    assert why in reason
    assert context.startswith("1 个不是可用于检测的指标")


def test_what_is_not_for_detection_is_counted() -> None:
    attribute = MISP["Event"]["Attribute"][0]
    event = {
        "Event": {"Attribute": [attribute, attribute | {"to_ids": False}, attribute | {"type": "comment"}]}
    }
    assert rejected(read("indicators_json", event)) == [
        ("其余", "2 个不是可用于检测的指标（STIX 的其他对象，MISP 里 to_ids 为否或类型不收的属性），没有导入")
    ]
