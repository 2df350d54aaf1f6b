"""OpenVEX: statements become a record for each product; what says nothing usable is named."""

from datetime import UTC, datetime
from typing import Any

import pytest

from secops_agent.importers import registry
from secops_agent.importers.base import Options
from secops_agent.importers.formats.intelligence.openvex import VEX_REASONS
from secops_agent.models.choices import VexJustification, VexStatus
from secops_agent.services.records import AssetRecord, Key, VexRecord

from .reading_aid import of, read, rejected, source_of

MUSL = "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.18"
SAID: dict[str, Any] = {
    "vulnerability": {"name": "CVE-2026-1001", "aliases": ["GHSA-aaaa-bbbb-cccc"]},
    "products": [{"@id": MUSL}],
    "status": "not_affected",
    "justification": "vulnerable_code_not_present",
    "impact_statement": "没有编译这个模块",
}


def document(*statements: Any, **more: Any) -> dict[str, Any]:
    return {
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vendor.example.com/vex/7", "author": "示例厂商",
        "timestamp": "2026-07-01T00:00:00Z", "version": 2, "statements": list(statements),
    } | more  # fmt: skip


def test_statement_says_who_when_and_why() -> None:
    (found,) = read("openvex", document(SAID))
    assert isinstance(found, VexRecord)
    assert (found.vulnerability, found.aliases, found.product) == (
        "CVE-2026-1001",
        ("GHSA-aaaa-bbbb-cccc",),
        MUSL,
    )
    assert (found.author, found.document, found.version) == (
        "示例厂商",
        "https://vendor.example.com/vex/7",
        "2",
    )
    assert (found.status, found.justification, found.note) == (
        "not_affected", "vulnerable_code_not_present", "没有编译这个模块",
    )  # fmt: skip
    assert found.said_at == datetime(2026, 7, 1, tzinfo=UTC)
    assert registry.detect(source_of(document(SAID))) == "openvex"


def test_statement_of_the_first_version_is_read() -> None:
    old = {
        "vulnerability": "CVE-2026-1",
        "products": ["pkg:npm/left-pad@1.0.0"],
        "status": "affected",
        "timestamp": "2023-01-08T18:02:03Z",
    }
    (found,) = of(read("openvex", document(old)), VexRecord)
    assert (found.vulnerability, found.product, found.said_at.year) == (
        "CVE-2026-1",
        "pkg:npm/left-pad@1.0.0",
        2023,
    )


@pytest.mark.parametrize(
    ("product", "asset", "part"),
    [
        ({"@id": "pkg:oci/app@sha256%3A" + "a" * 64}, "container_image:image_digest:sha256:" + "a" * 64, ""),
        ({"@id": "pkg:docker/library/nginx@1.25"}, "container_image:image:nginx:1.25", ""),
        ({"@id": "urn:bifang:asset:host:fqdn:web-01.example.com"}, "host:fqdn:web-01.example.com", ""),
        ({"@id": "pkg:docker/nginx@1.25", "subcomponents": [{"@id": MUSL}]}, "container_image:image:nginx:1.25", MUSL),
        ({"@id": "https://example.com/x", "subcomponents": [{"@id": MUSL}]}, "product:https://example.com/x", MUSL),
        ({"@id": "https://example.com/x", "identifiers": {"cpe23": "cpe:2.3:a:v:p:1:*:*:*:*:*:*:*"}}, "", "cpe:2.3:a:v:p:1:*:*:*:*:*:*:*"),
    ],
)  # fmt: skip
def test_product_is_an_asset_or_software_or_software_in_an_asset(product: Any, asset: str, part: str) -> None:
    (found,) = of(read("openvex", document(SAID | {"products": [product]})), VexRecord)
    assert (found.asset, found.product) == (asset, part)


def test_asset_of_the_import_is_where_it_holds() -> None:
    asset = AssetRecord("host", "web-01", (Key("hostname", "web-01"),))
    (found,) = of(read("openvex", document(SAID), Options(asset=asset)), VexRecord)
    assert (found.asset, found.product) == ("host:hostname:web-01", MUSL)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"status": "perhaps"}, "「status」应为"), ({"justification": "trust_me"}, "不认识的理由"), ({"products": []}, "没有说明是哪个产品"),
        ({"products": [{}]}, "产品既没有"), ({"vulnerability": {}}, "没有漏洞编号"), ({"timestamp": "gestern"}, "不是有效的时间"),
    ],
)  # fmt: skip
def test_statement_that_says_too_little_is_named(wrong: dict[str, Any], reason: str) -> None:
    items = read("openvex", document(SAID | wrong, SAID))
    assert len(of(items, VexRecord)) == 1
    ((position, why),) = rejected(items)
    assert position == "statements[0]"
    assert reason in why


def test_words_are_those_of_decisions() -> None:
    assert frozenset(VexJustification.values) == VEX_REASONS
    assert set(VexStatus.values) == {"affected", "under_investigation", "fixed", "not_affected"}
