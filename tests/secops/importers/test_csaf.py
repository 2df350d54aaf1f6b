"""CSAF: vulnerabilities with scores, and the status of every product, by its purl, CPE or name."""

from typing import Any

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Options
from secops_agent.importers.formats.intelligence import csaf
from secops_agent.services.records import AssetRecord, Key, VexRecord, VulnerabilityRecord

from .reading_aid import of, read, rejected, source_of


def branch(category: str, name: str, product: Any = None, *below: Any) -> dict[str, Any]:
    return {"category": category, "name": name} | (
        {"product": product} if product else {"branches": list(below)}
    )


def product(ident: str, **helper: Any) -> dict[str, Any]:
    return {"product_id": ident, "name": f"{ident} 名称", "product_identification_helper": helper}


TREE = {
    "branches": [
        branch(
            "vendor", "Example", None,
            branch("product_name", "RHEL 8", product("rhel8", cpe="cpe:/o:redhat:enterprise_linux:8")),
            branch("product_version", "telnet", product("telnet", purl="pkg:rpm/redhat/telnet?arch=src")),
            branch("product_version_range", "vers:npm/<2.0.0", product("ranged", purl="pkg:npm/left-pad")),
            branch("product_version", "1.9.0", product("exact", purl="pkg:npm/right-pad@1.9.0")),
        )
    ],
    "full_product_names": [product("named")],
    "relationships": [{
        "category": "default_component_of", "product_reference": "telnet", "relates_to_product_reference": "rhel8",
        "full_product_name": {"product_id": "rhel8:telnet", "name": "telnet in RHEL 8"},
    }],
    "product_groups": [{"group_id": "G", "product_ids": ["rhel8:telnet", "named"]}],
}  # fmt: skip
FLAW = {
    "cve": "CVE-2026-2002",
    "title": "远程执行",
    "cwe": {"id": "CWE-120", "name": "x"},
    "scores": [{"cvss_v3": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "baseScore": 9.8}, "products": ["exact"]}],
    "flags": [{"label": "vulnerable_code_not_present", "group_ids": ["G"]}],
    "threats": [{"category": "impact", "details": "没有这段代码", "product_ids": ["rhel8:telnet"]}],
    "remediations": [{"category": "vendor_fix", "details": "升级到 2.0.0", "product_ids": ["exact"]}],
    "product_status": {
        "known_not_affected": ["rhel8:telnet", "named", "exact"], "known_affected": ["ranged", "exact"],
        "under_investigation": [], "fixed": [],
    },
}  # fmt: skip


def advisory(*flaws: Any, tree: Any = TREE, **tracking: Any) -> dict[str, Any]:
    said = {
        "id": "EX-7",
        "version": "1.2.0",
        "current_release_date": "2026-07-01T00:00:00Z",
        "status": "final",
    }
    return {
        "document": {"csaf_version": "2.0", "publisher": {"name": "示例厂商"}, "tracking": said | tracking},
        "product_tree": tree,
        "vulnerabilities": list(flaws),
    }


def test_advisory_gives_the_vulnerability_and_what_is_affected() -> None:
    items = read("csaf", advisory(FLAW))
    (flaw,) = of(items, VulnerabilityRecord)
    assert (flaw.vuln_id, flaw.severity, flaw.cwes, flaw.cvss[0].score) == (
        "CVE-2026-2002", "critical", ("CWE-120",), 9.8,
    )  # fmt: skip
    assert [(each.purl, each.raw, each.versions) for each in flaw.affected] == [
        ("pkg:npm/left-pad", "vers:npm/<2.0.0", ()),
        ("pkg:npm/right-pad", "", ("1.9.0",)),
    ]
    assert not rejected(items)
    assert registry.detect(source_of(advisory(FLAW))) == "csaf"


def test_every_product_has_its_status_and_the_careful_one_stands() -> None:
    said = {each.product: each for each in of(read("csaf", advisory(FLAW)), VexRecord)}
    assert {name: each.status for name, each in said.items()} == {
        "pkg:npm/left-pad": "affected", "pkg:npm/right-pad@1.9.0": "affected",
        "pkg:rpm/redhat/telnet?arch=src": "not_affected", "named 名称": "not_affected",
    }  # fmt: skip
    telnet = said["pkg:rpm/redhat/telnet?arch=src"]
    assert (telnet.platform, telnet.justification, telnet.note) == (
        "redhat-8", "vulnerable_code_not_present", "没有这段代码",
    )  # fmt: skip
    assert said["named 名称"].justification == "vulnerable_code_not_present"
    assert said["pkg:npm/right-pad@1.9.0"].action == "升级到 2.0.0"


def test_order_of_keys_does_not_matter() -> None:
    whole = advisory(FLAW)
    assert read("csaf", {key: whole[key] for key in ("vulnerabilities", "document", "product_tree")}) == read(
        "csaf", whole
    )


def test_product_without_identifiers_is_the_asset_that_was_named() -> None:
    asset = AssetRecord("host", "web-01", (Key("hostname", "web-01"),))
    only = FLAW | {"product_status": {"known_not_affected": ["named"]}}
    (found,) = of(read("csaf", advisory(only), Options(asset=asset)), VexRecord)
    assert (found.asset, found.product) == ("host:hostname:web-01", "")


def test_what_cannot_be_taken_is_named() -> None:
    lost = FLAW | {"product_status": {"fixed": ["nobody"]}}
    ((position, reason),) = rejected(read("csaf", advisory(lost)))
    assert (position, "没有说明" in reason) == ("vulnerabilities[0]", True)
    with pytest.raises(InvalidInput, match="草稿"):
        read("csaf", advisory(FLAW, status="draft"))
    with pytest.raises(InvalidInput, match="谁发布的"):
        read("csaf", {"document": {"csaf_version": "2.0"}, "vulnerabilities": []})


def test_circle_of_products_ends() -> None:
    circle = [
        {"full_product_name": {"product_id": one}, "product_reference": other, "relates_to_product_reference": ""}
        for one, other in (("a", "b"), ("b", "a"))
    ]  # fmt: skip
    flaw = FLAW | {"product_status": {"fixed": ["a"]}, "flags": []}
    assert rejected(read("csaf", advisory(flaw, tree={"relationships": circle})))


def test_endless_product_tree_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csaf, "_MOST", 3)
    with pytest.raises(InvalidInput, match="产品超过 3 个"):
        read("csaf", advisory(FLAW))
