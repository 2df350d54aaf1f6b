"""CycloneDX: JSON, XML, vulnerabilities with VEX, the legacy extension."""

from typing import Any

from secops_agent.importers import registry
from secops_agent.services.records import (
    Affected,
    ComponentRecord,
    Cvss,
    FindingRecord,
    Key,
    ScanRecord,
    VulnerabilityRecord,
)

from .reading_aid import of, read, rejected, source_of

VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
BOM: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "vulnerabilities": [
        {
            "id": "SNYK-1",
            "references": [{"id": "CVE-2026-40004", "source": {"name": "NVD"}}],
            "ratings": [
                {"method": "CVSSv31", "vector": VECTOR, "score": 9.8, "severity": "critical"},
                {"method": "OWASP", "score": 3, "severity": "low"},
            ],
            "cwes": [79],
            "description": "example",
            "recommendation": "upgrade",
            "affects": [{"ref": "urn:cdx:f08a6ccd/1#left", "versions": [{"version": "1.0.0", "status": "affected"}]}],
        },
        {"id": "CVE-2026-40005", "analysis": {"state": "not_affected", "detail": "不调用"}, "affects": [{"ref": "inner"}]},
    ],
    "metadata": {
        "timestamp": "2026-11-03T00:00:00Z",
        "component": {"type": "application", "name": "shop", "version": "7", "purl": "pkg:maven/corp/shop@7"},
    },
    "components": [
        {
            "type": "library", "bom-ref": "left", "name": "left", "version": "1.0.0", "purl": "pkg:npm/left@1.0.0",
            "licenses": [{"license": {"id": "MIT"}}],
            "components": [{"type": "library", "bom-ref": "inner", "group": "org.corp", "name": "inner", "version": "2"}],
        },
        {"type": "file", "name": "/etc/passwd"},
    ],
}  # fmt: skip


def test_cyclonedx_json_gives_exact_records_whatever_the_order() -> None:
    items = read("cyclonedx", BOM)
    left, inner = of(items, ComponentRecord)
    assert (left.purl, left.component_type, left.licenses) == ("pkg:npm/left@1.0.0", "npm", ("MIT",))
    assert (inner.name, inner.purl) == ("org.corp/inner", "")
    assert left.asset is not None
    assert (left.asset.name, left.asset.keys) == ("shop", (Key("application", "pkg:maven/corp/shop"),))
    cve, other = of(items, VulnerabilityRecord)
    assert (cve.vuln_id, cve.aliases, cve.severity) == ("CVE-2026-40004", ("SNYK-1",), "critical")
    assert (cve.cvss, cve.cwes) == ((Cvss("3.1", 9.8, VECTOR),), ("CWE-79",))
    assert cve.affected == (Affected("", "left", "pkg:npm/left", versions=("1.0.0",)),)
    hit, excluded = of(items, FindingRecord)
    assert (hit.component, hit.remediation, hit.suppressed) == (left, "upgrade", False)
    assert (excluded.component, excluded.suppressed) == (inner, True)
    assert excluded.evidence == "VEX not_affected：不调用"
    assert other.vuln_id == "CVE-2026-40005"
    assert len(of(items, ScanRecord)) == 1


def test_cyclonedx_without_vulnerabilities_says_nothing_about_them() -> None:
    bom = {key: value for key, value in BOM.items() if key != "vulnerabilities"}
    assert of(read("cyclonedx", bom), ScanRecord) == []


def test_cyclonedx_container_is_an_image_with_its_digest() -> None:
    digest = "sha256:" + "9a" * 32
    subject = {
        "type": "container", "name": "shop/web:1", "purl": f"pkg:oci/web@{digest.replace(':', '%3A')}",
        "properties": [{"name": "aquasecurity:trivy:RepoTag", "value": "shop/web:1"}],
    }  # fmt: skip
    items = read("cyclonedx", {**BOM, "metadata": {"component": subject}})
    asset = of(items, ComponentRecord)[0].asset
    assert asset is not None
    assert asset.keys == (Key("image_digest", digest), Key("image", "shop/web:1"))


def test_cyclonedx_broken_component_is_rejected_with_its_position() -> None:
    items = read("cyclonedx", {**BOM, "components": [{"type": "library"}, *BOM["components"]]})
    assert rejected(items)[0] == ("components[0]", "缺少必填字段「name」")
    assert len(of(items, FindingRecord)) == 2


XML = """<?xml version="1.0" encoding="UTF-8"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.4" version="1">
  <metadata><timestamp>2026-11-03T00:00:00Z</timestamp>
    <component type="application" bom-ref="app"><group>corp</group><name>shop</name><version>7</version>
      <purl>pkg:maven/corp/shop@7</purl></component>
  </metadata>
  <components>
    <component type="library" bom-ref="left"><name>left</name><version>1.0.0</version>
      <licenses><license><id>MIT</id></license></licenses><purl>pkg:npm/left@1.0.0</purl>
      <components><component type="library"><name>deep</name></component></components>
    </component>
  </components>
  <vulnerabilities>
    <vulnerability bom-ref="v1"><id>CVE-2026-40006</id>
      <ratings><rating><score>7.5</score><severity>high</severity><method>CVSSv3</method>
        <vector>AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N</vector></rating></ratings>
      <cwes><cwe>22</cwe></cwes><description>路径穿越</description>
      <advisories><advisory><url>https://example.org/a</url></advisory></advisories>
      <analysis><state>exploitable</state></analysis>
      <affects><target><ref>left</ref><versions><version><range>vers:npm/&lt;2.0.0</range></version></versions></target></affects>
    </vulnerability>
  </vulnerabilities>
</bom>"""


def test_cyclonedx_xml_reads_like_json() -> None:
    items = read("cyclonedx", XML)
    left, deep = of(items, ComponentRecord)
    assert (left.licenses, left.purl, deep.name) == (("MIT",), "pkg:npm/left@1.0.0", "deep")
    [cve] = of(items, VulnerabilityRecord)
    assert cve.cvss == (Cvss("3.0", 7.5, "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"),)
    assert (cve.description, cve.cwes, cve.references) == (
        "路径穿越",
        ("CWE-22",),
        ("https://example.org/a",),
    )
    assert cve.affected == (Affected("", "left", "pkg:npm/left", raw="vers:npm/<2.0.0"),)
    [finding] = of(items, FindingRecord)
    assert (finding.component, finding.evidence) == (left, "VEX exploitable")
    assert items == read("cyclonedx", XML, packed=True)


LEGACY = """<?xml version="1.0"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.2" xmlns:v="http://cyclonedx.org/schema/ext/vulnerability/1.0">
  <components>
    <component type="library" bom-ref="pkg:maven/org.corp/beans@2.9"><name>beans</name><version>2.9</version>
      <purl>pkg:maven/org.corp/beans@2.9</purl>
      <v:vulnerabilities>
        <v:vulnerability ref="pkg:maven/org.corp/beans@2.9"><v:id>CVE-2020-40007</v:id>
          <v:source name="NVD"><v:url>https://nvd.example</v:url></v:source>
          <v:ratings><v:rating><v:score><v:base>9.8</v:base><v:impact>5.9</v:impact></v:score>
            <v:severity>Critical</v:severity><v:method>CVSSv3</v:method>
            <v:vector>AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H</v:vector></v:rating></v:ratings>
          <v:cwes><v:cwe>502</v:cwe></v:cwes><v:description>反序列化</v:description>
          <v:recommendations><v:recommendation>Upgrade</v:recommendation></v:recommendations>
          <v:advisories><v:advisory>https://example.org/b</v:advisory></v:advisories>
        </v:vulnerability>
        <v:vulnerability><v:description>no id</v:description></v:vulnerability>
      </v:vulnerabilities>
    </component>
  </components>
</bom>"""


def test_cyclonedx_legacy_extension_is_read() -> None:
    items = read("cyclonedx", LEGACY)
    [component], [cve], [finding] = (
        of(items, ComponentRecord),
        of(items, VulnerabilityRecord),
        of(items, FindingRecord),
    )
    assert (cve.vuln_id, cve.severity, cve.cvss[0].score, cve.cwes) == (
        "CVE-2020-40007",
        "critical",
        9.8,
        ("CWE-502",),
    )
    assert cve.references == ("https://example.org/b",)
    assert (finding.component, finding.remediation) == (component, "Upgrade")
    assert rejected(items) == [("component[0].vulnerability[1]", "缺少必填字段「id」")]


def test_cyclonedx_whose_format_comes_last_is_known() -> None:
    """As cyclonedx-py writes it, longer than what is looked at."""
    library = {"bom-ref": "a", "name": "a", "purl": "pkg:pypi/a@1", "type": "library", "version": "1"}
    parts = [library | {"bom-ref": f"a{number}", "version": f"{number}"} for number in range(1200)]
    bom = {"components": parts, "metadata": BOM["metadata"], "bomFormat": "CycloneDX", "specVersion": "1.6"}
    assert registry.detect(source_of(bom)) == "cyclonedx"
    assert len(of(read("cyclonedx", bom), ComponentRecord)) == 1200


def test_cyclonedx_entries_that_are_no_software_are_counted() -> None:
    assert rejected(read("cyclonedx", BOM)) == [("components", "1 个类型为 file 的条目不是软件，没有导入")]


def test_cyclonedx_xml_takes_no_component_of_an_annotator_or_a_formula() -> None:
    """Who wrote the list, how it was built, and what a composition refers to are not on the asset."""
    beside = """<annotations><annotation><annotator><component type="application"><name>scanner</name></component>
      </annotator></annotation></annotations>
      <formulation><formula><components><component type="library"><name>builder</name></component></components>
      </formula></formulation>
      <compositions><composition><vulnerabilities><vulnerability ref="v1"/></vulnerabilities></composition>
      </compositions></bom>"""
    assert read("cyclonedx", XML.replace("</bom>", beside)) == read("cyclonedx", XML)
