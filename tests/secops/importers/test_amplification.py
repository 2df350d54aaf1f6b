"""A small file in which much refers to one thing costs little, or is refused."""

import json

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.services.records import FindingRecord

from .reading_aid import of, read, rejected, source_of
from .test_csaf import advisory
from .test_openvex import SAID
from .test_openvex import document as vex_document
from .test_osv import ADVISORY


def test_a_file_of_which_most_is_rejected_is_given_up() -> None:
    lines = "\n".join([json.dumps(ADVISORY), *('{"id": []}' for _ in range(30_000))])
    found = registry.parse("osv", source_of(lines))
    with pytest.raises(InvalidInput, match=r"一大半被拒绝（10001 条）.*第 10002 行"):
        list(found)


def test_groups_and_chains_of_products_are_walked_so_far_only() -> None:
    members = [f"P{number}" for number in range(2_000)]
    tree = {"product_groups": [{"group_id": "G", "product_ids": members}]}
    told = [{"category": "vendor_fix", "details": "x", "group_ids": ["G"]}] * 2_000
    with pytest.raises(InvalidInput, match="产品组被引用得太多"):
        read("csaf", advisory({"cve": "CVE-2026-1001", "remediations": told}, tree=tree))


def test_arguments_of_a_message_are_put_in_once() -> None:
    rule = {"id": "r", "messageStrings": {"m": {"text": "{0} and {1}, {9}"}}}
    message = {"id": "m", "arguments": ["{1}{1}", "{0}"]}
    document = {
        "runs": [
            {
                "tool": {"driver": {"name": "t", "rules": [rule]}},
                "results": [{"ruleIndex": 0, "message": message}],
            }
        ]
    }
    [finding] = of(read("sarif", document), FindingRecord)
    assert finding.description == "{1}{1} and {0}, {9}"


def test_products_times_parts_are_not_multiplied_out() -> None:
    parts = {
        "products": [f"pkg:npm/a@{n}" for n in range(500)],
        "subcomponents": [f"pkg:npm/b@{n}" for n in range(500)],
    }
    [(_, reason)] = rejected(read("openvex", vex_document(SAID | parts)))
    assert "产品超过 5000 个" in reason


@pytest.mark.slow
def test_advisories_of_one_package_are_grouped_once() -> None:
    """A chain of aliases and as many strangers; in n² steps it would take minutes."""
    chain = [{"id": f"X{n}", "aliases": [f"X{n + 1}"]} for n in range(12_000, 0, -1)]
    strangers = [{"id": f"CVE-2026-{n}"} for n in range(10_000, 22_000)]
    package = {"package": {"name": "a", "ecosystem": "npm"}, "vulnerabilities": chain + strangers}
    found = of(read("osv", {"results": [{"source": {"path": "a/b"}, "packages": [package]}]}), FindingRecord)
    assert len(found) == 1 + len(strangers)
