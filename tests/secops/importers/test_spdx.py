"""SPDX: packages become components of what the document describes."""

from typing import Any

import pytest

from secops_agent.importers import registry
from secops_agent.importers.base import Options
from secops_agent.services.records import AssetRecord, ComponentRecord, Key

from .reading_aid import of, read, rejected, source_of

OPENSSL = "pkg:deb/debian/openssl@3.0.15-1?arch=amd64&distro=debian-12"


def package(ident: str, name: str, version: str = "1.0", purl: str = "", **more: Any) -> dict[str, Any]:
    refs = (
        [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]
        if purl
        else []
    )
    return {
        "SPDXID": ident,
        "name": name,
        "versionInfo": version,
        "externalRefs": refs,
        "licenseDeclared": "NOASSERTION",
    } | more


ROOT = package("SPDXRef-image", "registry.example.com/app", "1.4", primaryPackagePurpose="CONTAINER",
               checksums=[{"algorithm": "SHA256", "checksumValue": "b" * 64}])  # fmt: skip
SYSTEM = package("SPDXRef-openssl", "openssl", "3.0.15-1", OPENSSL, licenseConcluded="Apache-2.0")


def sbom(*packages: Any, **more: Any) -> dict[str, Any]:
    return {
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "app", "creationInfo": {"created": "2026-07-01T00:00:00Z"},
        "packages": list(packages),
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-image"}],
    } | more  # fmt: skip


def test_packages_are_components_of_the_described_image() -> None:
    items = read("spdx", sbom(SYSTEM, ROOT, package("SPDXRef-a", "mylib", "NOASSERTION")))
    first, second = of(items, ComponentRecord)
    assert (first.name, first.version, first.purl, first.distro, first.licenses) == (
        "openssl", "3.0.15-1", OPENSSL, "debian-12", ("Apache-2.0",),
    )  # fmt: skip
    assert (second.name, second.version, second.purl) == ("mylib", "", "")
    assert first.asset is not None
    assert first.asset.keys == (
        Key("image_digest", "sha256:" + "b" * 64), Key("image", "registry.example.com/app:1.4"),
    )  # fmt: skip
    assert registry.detect(source_of(sbom(SYSTEM))) == "spdx"


@pytest.mark.parametrize("described", [[], ["SPDXRef-openssl", "SPDXRef-image"]])
def test_document_about_none_or_several_is_an_application_of_its_name(described: list[str]) -> None:
    document = sbom(SYSTEM, ROOT, relationships=[], documentDescribes=described)
    found = of(read("spdx", document), ComponentRecord)
    assert len(found) == 2
    assert {each.asset.name for each in found if each.asset} == {"app"}


def test_named_asset_comes_first_and_what_is_no_software_is_counted() -> None:
    asset = AssetRecord("host", "web-01", (Key("hostname", "web-01"),))
    items = read(
        "spdx", sbom(SYSTEM, package("f", "README", primaryPackagePurpose="FILE")), Options(asset=asset)
    )
    assert [each.asset for each in of(items, ComponentRecord)] == [asset]
    assert rejected(items) == [("packages", "1 个类型为 FILE 的条目不是软件，没有导入")]


def test_version_three_is_read() -> None:
    graph = [
        {"type": "software_Sbom", "spdxId": "urn:s", "rootElement": ["urn:root"], "name": "app"},
        {"type": "software_Package", "spdxId": "urn:root", "name": "shop"},
        {"type": "software_Package", "spdxId": "urn:o", "name": "openssl", "software_packageVersion": "3.0.15-1",
         "software_packageUrl": OPENSSL},
        {"type": "software_File", "spdxId": "urn:f", "name": "x"},
    ]  # fmt: skip
    document = {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph}
    itself, found = of(read("spdx", document), ComponentRecord)
    assert (itself.name, found.name, found.version, found.purl) == ("shop", "openssl", "3.0.15-1", OPENSSL)
    assert found.asset is not None
    assert found.asset.name == "shop"
    assert registry.detect(source_of(document)) == "spdx"
