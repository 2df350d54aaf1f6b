"""Every importer is fed its sample with each container emptied: what is then read as nothing is named."""

import copy
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Source
from secops_agent.services.records import Rejected, ScanRecord

from . import cn_samples, test_feed_guards, test_guards
from . import test_network_scanners as network
from .reading_aid import read, rejected
from .test_cnvd import ENTRY
from .test_cnvd import document as cnvd_document
from .test_cyclonedx import XML
from .test_nmap import HOST
from .test_nmap import run as nmap_run

Place = tuple[str | int, ...]
JSON: Final[dict[str, tuple[str, Any]]] = {
    **{name: (name, sample) for name, sample in test_guards.SHAPES.items()},
    **test_feed_guards.SHAPES,
    **{name: pair for name, pair in cn_samples.FILES.items() if not isinstance(pair[1], str)},
}
LINES: Final = {name: pair for name, pair in cn_samples.FILES.items() if isinstance(pair[1], str)}
TEXTS: Final[dict[str, tuple[str, str, str]]] = {  # a whole file, and what an empty element of it is
    "nmap": ("nmap", nmap_run(HOST, "<host/>"), "host[1]"),
    "nessus": ("nessus", network.nessus(network.HOST, "<ReportHost/>"), "ReportHost[1]"),
    "openvas": ("openvas", network.openvas(network.RESULT, "<result/>"), "result[1]"),
    "cyclonedx": ("cyclonedx", XML.replace("</components>", "<component/></components>"), "component"),
    "cnvd": ("cnvd", cnvd_document(ENTRY + "<vulnerability/>"), "vulnerability[1]"),
    "epss": ("epss", test_feed_guards.TEXTS["epss"][1] + ",,\n", "第 5 行"),
    "assets": ("assets_csv", test_feed_guards.TEXTS["english"][1].rstrip("\n") + "\n,,,,,,,,\n", "行"),
    "findings": ("findings_csv", "IP,漏洞名称,风险等级\n10.0.0.5,a,高\n,,\n", "第 3 行"),
    "alerts": ("alerts_csv", "告警名称,级别,时间,源IP\na,高,2026-11-20,10.0.0.5\n,,,\n", "第 3 行"),
    "indicators": ("indicators_csv", "type,value,note\nip,203.0.113.9,甲\n,,\n", "行"),
}
# What is no element to import, though records come of it: a template's comma, a name that stands for another's.
DETAILS: Final[set[tuple[str, Place]]] = {
    ("detection", ("alerts",)),
    ("nuclei", ("info", "classification", "cve-id")),
    ("csaf", ("product_tree", "branches")),
    ("csaf", ("product_tree", "branches", 0, "branches")),
    ("csaf", ("product_tree", "full_product_names")),
    ("csaf", ("product_tree", "relationships")),
    ("csaf", ("vulnerabilities", 0, "product_status", "known_affected")),
    ("csaf", ("vulnerabilities", 0, "product_status", "known_not_affected")),
}


def arrays(value: Any, place: Place = ()) -> Iterator[Place]:
    """Places of arrays, at any depth."""
    if isinstance(value, list):
        yield place
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from arrays(inner, (*place, key))


def at(value: Any, place: Place) -> Any:
    for key in place:
        value = value[key]
    return value


def put(value: Any, place: Place, new: Any) -> Any:
    changed = copy.deepcopy(value)
    at(changed, place[:-1])[place[-1]] = new
    return changed


def records(name: str, value: Any) -> tuple[Counter[type], set[tuple[str, str]]]:
    """How many of each kind but ends of scans, and what was said: an error for the whole file is said as well."""
    try:
        found = read(name, value)
    except InvalidInput as error:
        return Counter(), {("", error.message)}
    kinds = Counter(type(each) for each in found if not isinstance(each, Rejected | ScanRecord))
    return kinds, set(rejected(found))


def elements(shape: str) -> Iterator[Place]:
    """Arrays of whose elements something is imported."""
    name, sample = JSON[shape]
    whole, _ = records(name, sample)
    for place in arrays(sample):
        less, _ = records(name, put(sample, place, [])) if place else (Counter(), None)
        if any(less[kind] < count for kind, count in whole.items()) and (shape, place) not in DETAILS:
            yield place


def test_every_format_has_a_sample() -> None:
    every = {name for name, _ in (*JSON.values(), *LINES.values())} | {name for name, *_ in TEXTS.values()}
    assert every == set(registry.NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("shape", JSON)
def test_no_element_is_lost_unsaid(shape: str) -> None:
    name, sample = JSON[shape]
    _, refused = records(name, sample)
    for place in elements(shape):
        for nothing in ({}, None, [], ""):
            here = at(sample, place)
            more = put(sample, place, [*here, nothing]) if place else [*here, nothing]
            assert records(name, more)[1] - refused, (place, nothing)


@pytest.mark.slow
@pytest.mark.parametrize("shape", JSON)
def test_no_container_of_another_kind_is_passed_over(shape: str) -> None:
    name, sample = JSON[shape]
    whole, refused = records(name, sample)
    for place in filter(None, elements(shape)):
        for other in ({"0": "x"}, "x", 1):
            kept, told = records(name, put(sample, place, other))
            assert told - refused or kept >= whole, (place, other)


@pytest.mark.parametrize("shape", LINES)
def test_no_empty_line_of_json_is_lost_unsaid(shape: str) -> None:
    name, sample = LINES[shape]
    assert len(rejected(read(name, sample.rstrip("\n") + "\n{}\n"))) == 1


@pytest.mark.parametrize("shape", TEXTS)
def test_no_empty_element_of_another_text_is_lost_unsaid(shape: str) -> None:
    name, written, where = TEXTS[shape]
    assert [place for place, _ in rejected(read(name, written)) if where in place]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("trivy", {"SchemaVersion": 2, "ArtifactName": "a", "Results": [{}]}, ("Results[0]", "是空的")),
        ("trivy", {"SchemaVersion": 2, "ArtifactName": "a", "Results": {"Target": "x"}}, ("Results", "数组")),
        ("trivy", {"SchemaVersion": 2, "ArtifactName": "a", "Results": [["x"]]}, ("Results[0]", "对象")),
        ("sarif", {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}}]}, ("runs[0]", "缺少「results」")),
        ("osv", {"results": [{"source": {"path": "/a/go.mod", "type": "lockfile"}}]}, ("results[0]", "缺少「packages」")),
        ("cyclonedx", {"bomFormat": "CycloneDX", "components": {"name": "a"}}, ("components", "数组")),
        ("grype", {"matches": {}, "source": {"target": "dir:/a"}, "descriptor": {"name": "grype"}}, ("matches", "数组")),
    ],
)  # fmt: skip
def test_places_are_named_and_no_scan_ends(name: str, value: Any, told: tuple[str, str]) -> None:
    found = read(name, json.dumps(value))
    assert [(place, told[1] in reason) for place, reason in rejected(found)] == [(told[0], True)]
    assert not any(isinstance(each, ScanRecord) for each in found if name != "grype")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trivy", {"SchemaVersion": 2, "ArtifactName": "a", "Results": None}),
        ("trivy", {"SchemaVersion": 2, "ArtifactName": "a", "Results": [{"Target": "x", "Class": "os-pkgs", "Vulnerabilities": None}]}),
        ("sarif", {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": []}]}),
        ("osv", {"results": [{"source": {"path": "/a/go.mod", "type": "lockfile"}, "packages": []}]}),
        ("grype", {"matches": [], "source": {"target": "dir:/a"}, "descriptor": {"name": "grype"}}),
        ("cyclonedx", {"bomFormat": "CycloneDX", "components": []}),
    ],
)  # fmt: skip
def test_a_scan_that_found_nothing_is_no_fault(name: str, value: Any) -> None:
    assert rejected(read(name, json.dumps(value))) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sarif", '{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [], %s}]}'),
        ("trivy", '{"SchemaVersion": 2, "ArtifactName": "a", "Results": [{"Target": "x", %s}]}'),
        ("osv", '{"results": [{"source": {"path": "/a/b", "type": "sbom"}, "packages": [], %s}]}'),
    ],
)
def test_what_else_an_element_holds_is_not_kept(name: str, text: str) -> None:
    """Packed, a small file can hold millions of names."""

    def peak(keys: int) -> int:
        data = text % ", ".join(f'"k{number}": 0' for number in range(keys))
        source = Source.from_bytes(data.encode(), "x.json")
        tracemalloc.start()
        try:
            assert not any(isinstance(item, Rejected) for item in registry.parse(name, source))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # what is loaded and compiled once
    assert peak(100_000) < 4_000_000
