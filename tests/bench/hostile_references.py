"""Hostile files in which much refers to one thing: work or memory of n² if it is done again for each."""

import json
from collections.abc import Iterator
from typing import Any

from tests.secops.importers.test_csaf import FLAW, TREE, advisory
from tests.secops.importers.test_openvex import SAID
from tests.secops.importers.test_openvex import document as vex_document
from tests.secops.importers.test_spdx import sbom

MIB = 1 << 20


def attacks() -> Iterator[tuple[str, str, bytes]]:
    """What much refers to: work or memory of n² if it is done again for each."""
    for name, shape, document in _attacks():
        yield name, shape, document.encode() if isinstance(document, str) else json.dumps(document).encode()


def _attacks() -> Iterator[tuple[str, str, Any]]:
    long, half = "x" * 400_000, MIB // 2
    ids = [f"P{number}" for number in range(20_000)]
    tree = {
        "full_product_names": [{"product_id": "A", "name": "a"}],
        "product_groups": [{"group_id": "G", "product_ids": ids}],
    }
    actions = [{"category": "vendor_fix", "details": "x", "group_ids": ["G"]}] * 9_000
    yield "csaf", "组 × 措施", advisory({"cve": "CVE-2026-1", "remediations": actions}, tree=tree)
    chain = [
        {
            "product_reference": f"P{n + 1}",
            "relates_to_product_reference": "A",
            "full_product_name": {"product_id": f"P{n}", "name": ""},
        }
        for n in range(6_000)
    ]
    flaws = {"cve": "CVE-2026-1", "product_status": {"known_affected": ids[:5_999]}}
    last = [{"product_id": "P6000", "name": "b"}, {"product_id": "A", "name": "a"}]
    yield "csaf", "关系的链", advisory(flaws, tree={"full_product_names": last, "relationships": chain})
    yield (
        "csaf",
        "产品很多",
        advisory(
            FLAW,
            tree={
                "full_product_names": [{"product_id": n, "name": "a"} for n in ids],
            },
        ),
    )
    flaws = [
        {"cve": f"CVE-2026-{n}", "product_status": {"known_affected": ids[:2_000]}}
        for n in range(10_000, 10_040)
    ]
    yield (
        "csaf",
        "产品 × 漏洞",
        advisory(*flaws, tree={"full_product_names": [{"product_id": n, "name": "a"} for n in ids[:2_000]]}),
    )
    yield (
        "csaf",
        "长名 × 漏洞",
        advisory(
            *(
                {"cve": f"CVE-2026-{n}", "product_status": {"known_affected": ["A"]}}
                for n in range(10_000, 16_000)
            ),
            tree={"full_product_names": [{"product_id": "A", "name": long}]},
        ),
    )
    rule = {"id": "r", "properties": {"tags": [f"t{n}" for n in range(50_000)]}}
    results = [{"ruleIndex": 0, "message": {"text": f"{n}"}} for n in range(11_000)]
    yield (
        "sarif",
        "标签 × 结果",
        {"runs": [{"tool": {"driver": {"name": "t", "rules": [rule]}}, "results": results}]},
    )
    rule = {
        "id": "r",
        "shortDescription": {"text": long},
        "fullDescription": {"text": "y"},
        "help": {"text": "y"},
    }
    yield (
        "sarif",
        "长规则 × 结果",
        {"runs": [{"tool": {"driver": {"name": "t", "rules": [rule]}}, "results": results}]},
    )
    rule = {"id": long}
    yield (
        "sarif",
        "长编号 × 结果",
        {"runs": [{"tool": {"driver": {"name": "t", "rules": [rule]}}, "results": results}]},
    )
    rule = {"id": "r", "messageStrings": {"m": {"text": "{0}" * 10}}}
    bomb = [{"ruleIndex": 0, "message": {"id": "m", "arguments": [f"{{{n + 1}}}" * 10 for n in range(12)]}}]
    yield (
        "sarif",
        "参数里的参数",
        {"runs": [{"tool": {"driver": {"name": "t", "rules": [rule]}}, "results": bomb}]},
    )
    rule = {"id": "r", "messageStrings": {"m": {"text": "y" * half}}}
    bomb = [{"ruleIndex": 0, "message": {"id": "m", "arguments": ["z"] * 90_000}}]
    yield (
        "sarif",
        "长文 × 参数",
        {"runs": [{"tool": {"driver": {"name": "t", "rules": [rule]}}, "results": bomb}]},
    )
    place = [{"physicalLocation": {"artifactLocation": {"index": 0}, "region": {"startLine": 3}}}]
    results = [{"ruleId": f"r{n}", "message": {"text": "a"}, "locations": place} for n in range(4_000)]
    yield (
        "sarif",
        "长路径 × 结果",
        {
            "runs": [
                {
                    "tool": {"driver": {"name": "t"}},
                    "artifacts": [{"location": {"uri": long + "%20"}}],
                    "results": results,
                }
            ]
        },
    )
    addresses = "".join(f'<address addr="10.0.{n >> 8}.{n & 255}" addrtype="ipv4"/>' for n in range(10_000))
    ports = "".join(
        f'<port portid="{n}"><state state="open"/><service name="s{n}"/></port>' for n in range(7_000)
    )
    yield (
        "nmap",
        "地址 × 端口",
        f'<nmaprun><host><status state="up"/>{addresses}<ports>{ports}</ports></host></nmaprun>',
    )
    table = '<table key="CVE-2026-#"><elem key="state">VULNERABLE</elem></table>'
    scripts = "".join(table.replace("#", str(n)) for n in range(10_000, 17_000))
    yield (
        "nmap",
        "长输出 × 发现",
        f'<nmaprun><host><status state="up"/><address addr="10.0.0.1" addrtype="ipv4"/><hostscript><script id="{"y" * 100_000}" output="{"x" * 300_000}">{scripts}</script></hostscript></host></nmaprun>',
    )
    yield (
        "cyclonedx",
        "长名 × 漏洞",
        {
            "bomFormat": "CycloneDX",
            "components": [{"name": long[:2000], "bom-ref": "a"}],
            "vulnerabilities": [
                {"id": f"CVE-2026-{n}", "affects": [{"ref": "a"}]} for n in range(10_000, 18_000)
            ],
        },
    )
    yield (
        "cyclonedx",
        "一个漏洞 × 组件",
        {
            "bomFormat": "CycloneDX",
            "components": [{"name": "n", "bom-ref": "a"}],
            "vulnerabilities": [
                {"id": "CVE-2026-1", "description": long, "affects": [{"ref": f"{n}"} for n in range(30_000)]}
            ],
        },
    )
    marks = [{"name": "x", "value": f"sha256:{n:064x}"} for n in range(4_000)]
    yield (
        "cyclonedx",
        "摘要 × 漏洞",
        {
            "bomFormat": "CycloneDX",
            "metadata": {"component": {"type": "container", "name": "a", "properties": marks}},
            "components": [],
            "vulnerabilities": [{"id": f"CVE-2026-{n}"} for n in range(10_000, 30_000)],
        },
    )
    for name, head in (
        (
            "trivy",
            {
                "SchemaVersion": 2,
                "ArtifactName": "a",
                "ArtifactType": "container_image",
                "Metadata": {"RepoTags": [f"a:{n}" for n in range(40_000)]},
            },
        ),
        ("trivy", {"SchemaVersion": 2, "ArtifactName": "a", "ArtifactType": "container_image"}),
    ):
        secrets = [{"RuleID": f"r{n}", "StartLine": 3} for n in range(13_000)]
        for target in ("t", long[:100_000]):
            yield (
                name,
                f"{'标签' if 'Metadata' in head else '长名'} × 发现 {len(target)}",
                head | {"Results": [{"Target": target, "Class": "secret", "Secrets": secrets}]},
            )
    tiny = [
        {"vulnerability": {"id": f"CVE-2026-{n}"}, "artifact": {"name": "a"}} for n in range(10_000, 18_000)
    ]
    yield (
        "grype",
        "标签 × 发现",
        {
            "matches": tiny,
            "source": {"target": {"userInput": "a", "tags": [f"a:{n}" for n in range(40_000)]}},
        },
    )
    yield (
        "grype",
        "长名 × 发现",
        {"matches": tiny[:6000], "source": {"target": long}, "distro": {"name": long[:100_000]}},
    )
    package = {
        "package": {"name": long, "ecosystem": "npm"},
        "vulnerabilities": [{"id": f"CVE-2026-{n}"} for n in range(10_000, 28_000)],
    }
    yield "osv", "长名 × 漏洞", {"results": [{"source": {"path": "a/b"}, "packages": [package]}]}
    package = {
        "package": {"name": "a"},
        "vulnerabilities": [{"id": f"X{n}", "aliases": [f"X{n + 1}"]} for n in range(24_000, 0, -1)],
    }
    yield "osv", "别名的链", {"results": [{"source": {"path": "a/b"}, "packages": [package]}]}
    parts = [{"@id": f"pkg:npm/a@{n}"} for n in range(4_900)]
    yield (
        "openvex",
        "长名 × 部件",
        vex_document(*[SAID | {"products": [{"@id": long[:200_000], "subcomponents": parts}]}] * 3),
    )
    yield (
        "openvex",
        "部件 × 产品",
        vex_document(
            SAID
            | {
                "products": [f"pkg:npm/a@{n}" for n in range(15_000)],
                "subcomponents": [f"pkg:npm/b@{n}" for n in range(20_000)],
            }
        ),
    )
    yield "spdx", "长名 × 组件", sbom(*({"SPDXID": f"{n}", "name": "a"} for n in range(18_000)), name=long)
    yield (
        "alertmanager",
        "长头 × 告警",
        {
            "alerts": [{"labels": {"alertname": f"{n}"}, "startsAt": ""} for n in range(10_000)],
            "groupKey": long,
        },
    )
    yield (
        "generic",
        "长来源 × 告警",
        {
            "format": "bifang",
            "alerts": [{"title": f"{n}", "severity": "low"} for n in range(14_000)],
            "source": long,
        },
    )
    yield (
        "csaf",
        "树的长名",
        advisory(FLAW, tree=TREE | {"full_product_names": [{"product_id": "A", "name": "a" * 900_000}]}),
    )
