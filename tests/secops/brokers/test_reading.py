"""What a message may bring, whoever wrote it."""

from typing import Any

import pytest
from django.utils import timezone

from secops_agent.brokers.config import BrokerSettings
from secops_agent.brokers.reading import NOT_CHOSEN, items_of
from secops_agent.services.intake.deliveries import Delivery
from secops_agent.services.records import ListedRecord, Rejected, VexRecord

VEX = b"""{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex/1", "author": "Some Supplier",
"timestamp": "2026-11-01T00:00:00Z", "version": 1, "statements": [{"vulnerability": {"name": "CVE-2021-44228"},
"products": [{"@id": "pkg:maven/org.example/app@1.0"}], "status": "not_affected",
"justification": "vulnerable_code_not_present"}]}"""
LIST = b"ioc,type,expiry\n203.0.113.66,ip,2099-01-01\n"


def read(data: bytes, chosen: str) -> list[Any]:
    settings = BrokerSettings(1, "总线", "nats://192.0.2.1:4222", "siem", "bifang", format=chosen)
    return list(items_of(settings, Delivery("siem", "1", timezone.now(), data)))


@pytest.mark.parametrize(
    ("data", "name", "kind"), [(VEX, "openvex", VexRecord), (LIST, "indicators_csv", ListedRecord)]
)
def test_statements_and_lists_come_only_where_the_operator_chose_their_format(
    data: bytes, name: str, kind: type
) -> None:
    guessed = read(data, "")
    assert [type(item) for item in guessed] == [Rejected]
    assert guessed[0].reason == NOT_CHOSEN
    assert [type(item) for item in read(data, name)] == [kind]
