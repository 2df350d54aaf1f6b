"""SARIF in the styles of CodeQL, Semgrep, Gitleaks and Trivy."""

from dataclasses import replace
from typing import Any

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import Options
from secops_agent.services.records import AssetRecord, FindingRecord, Key, ScanRecord, VulnerabilityRecord

from .reading_aid import of, read, rejected


def report(tool: str, rules: list[Any], results: list[Any], **run: Any) -> dict[str, Any]:
    driver = {"name": tool, "rules": rules}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results, **run}]}


def place(uri: str, line: int = 0, snippet: str = "") -> list[Any]:
    region: dict[str, Any] = {"startLine": line} if line else {}
    if snippet:
        region["snippet"] = {"text": snippet}
    return [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}]


CODEQL = report(
    "CodeQL",
    [],
    [
        {
            "ruleId": "py/sql-injection",
            "rule": {"id": "py/sql-injection", "index": 0, "toolComponent": {"index": 0}},
            "message": {"text": "This query depends on user input."},
            "locations": place("src/my%20app.py", 12, "cursor.execute(q)"),
            "partialFingerprints": {"primaryLocationLineHash": "abc:1"},
        },
        {"ruleId": "py/note", "level": "note", "message": {"text": "n"}, "locations": place("a.py", 1),
         "suppressions": [{"kind": "inSource"}]},
        {"ruleId": "py/old", "baselineState": "absent", "message": {"text": "gone"}},
        {"ruleId": "py/fine", "kind": "pass", "message": {"text": "ok"}},
    ],
    versionControlProvenance=[{"repositoryUri": "https://user:pw@Git.example/Team/App.git"}],
    invocations=[{"endTimeUtc": "2026-11-01T00:00:00Z"}],
)  # fmt: skip
CODEQL["runs"][0]["tool"]["extensions"] = [
    {
        "name": "codeql/python-queries",
        "rules": [
            {
                "id": "py/sql-injection",
                "shortDescription": {"text": "SQL query built from user-controlled sources"},
                "help": {"text": "Use parameters."},
                "properties": {"security-severity": "8.8", "tags": ["security"]},
            }
        ],
    }
]


def test_sarif_codeql_gives_exact_findings() -> None:
    items = read("sarif", CODEQL)
    injection, note = of(items, FindingRecord)
    asset = AssetRecord(
        "repository", "git.example/team/app", (Key("repo_url", "git.example/team/app"),), source="codeql"
    )
    assert injection.asset == asset
    assert (injection.kind, injection.severity, injection.source) == ("code", "high", "codeql")
    assert injection.title == "SQL query built from user-controlled sources"
    assert injection.key == ("py/sql-injection", "src/my app.py", "primaryLocationLineHash=abc:1")
    assert (injection.location, injection.evidence) == ("src/my app.py:12", "cursor.execute(q)")
    assert injection.remediation == "Use parameters."
    assert (note.severity, note.suppressed) == ("low", True)
    assert [scan.asset for scan in of(items, ScanRecord)] == [asset]
    assert items == read("sarif", CODEQL, packed=True)


def test_sarif_secrets_are_not_kept() -> None:
    gitleaks = report(
        "gitleaks",
        [{"id": "generic-api-key", "shortDescription": {"text": "API key"}}],
        [
            {
                "ruleId": "generic-api-key",
                "message": {"text": "key=hunter2"},
                "locations": place("a.env", 3, "key=hunter2"),
            }
        ],
    )
    items = read("sarif", gitleaks)
    [finding] = of(items, FindingRecord)
    assert (finding.kind, finding.title, finding.asset) == ("secret", "API key", None)
    assert "hunter2" not in finding.description + finding.evidence


def test_sarif_of_a_vulnerability_scanner_names_the_cve() -> None:
    rules = [{"id": "CVE-2026-30003", "properties": {"tags": ["vulnerability", "security", "CRITICAL"]}}]
    results = [{"ruleId": "CVE-2026-30003", "ruleIndex": 0, "level": "error", "message": {"text": "m"}}]
    asset = AssetRecord("host", "web-01", (Key("hostname", "web-01"),))
    items = read("sarif", report("Trivy", rules, results), Options(asset=asset))
    [vulnerability], [finding] = of(items, VulnerabilityRecord), of(items, FindingRecord)
    assert vulnerability.vuln_id == finding.vulnerability == "CVE-2026-30003"
    assert (finding.severity, finding.asset) == ("critical", asset)


def test_sarif_message_by_id_and_artifact_by_index() -> None:
    rules = [
        {
            "id": "R1",
            "messageStrings": {"m": {"text": "'{0}' is unsafe"}},
            "defaultConfiguration": {"level": "error"},
        }
    ]
    results = [
        {"ruleIndex": 0, "message": {"id": "m", "arguments": ["eval"]},
         "locations": [{"physicalLocation": {"artifactLocation": {"index": 0}}}]}
    ]  # fmt: skip
    artifacts = [{"location": {"uri": "lib/x.js"}}]
    [finding] = of(read("sarif", report("ESLint", rules, results, artifacts=artifacts)), FindingRecord)
    assert (finding.rule_id, finding.description, finding.location) == ("R1", "'eval' is unsafe", "lib/x.js")
    assert finding.severity == "high"


def test_sarif_result_needs_a_rule_or_a_message() -> None:
    results = [{"message": {}}, {"message": {"text": "x"}}, {"ruleId": 7, "message": {"text": "x"}}]
    items = read("sarif", report("Semgrep OSS", [], results))
    assert rejected(items) == [("runs[0].results[0]", "既没有「ruleId」也没有「message」")]
    assert [(each.rule_id, each.title) for each in of(items, FindingRecord)] == [("", "x"), ("7", "x")]


def test_sarif_secret_of_an_unknown_rule_is_not_told_in_its_title() -> None:
    found = report("gitleaks", [], [{"message": {"text": "key=hunter2"}, "locations": place("a.env", 3)}])
    assert of(read("sarif", found), FindingRecord)[0].title == "疑似泄露的密钥"


@pytest.mark.parametrize(
    ("said", "severity"), [("9.1", "critical"), (9.1, "critical"), ("High", "high"), ("", "low")]
)
def test_sarif_severity_may_be_a_word(said: Any, severity: str) -> None:
    rules = [{"id": "R", "properties": {"security-severity": said}}]
    results = [{"ruleId": "R", "level": "note", "message": {"text": "m"}}]
    assert of(read("sarif", report("x", rules, results)), FindingRecord)[0].severity == severity


def test_sarif_every_location_is_named() -> None:
    results = [
        {
            "ruleId": "R",
            "message": {"text": "m"},
            "locations": place("a.py", 1, "f()") + place("b.py", 9) + place("c.py"),
        }
    ]
    [finding] = of(read("sarif", report("x", [], results)), FindingRecord)
    assert (finding.location, finding.evidence) == ("a.py:1", "f()\n另有 2 处：b.py:9、c.py")


def test_sarif_results_that_differ_only_in_place_stay_apart() -> None:
    """The first keeps the key that it always had; a result that is repeated word for word is one."""
    one, other = place("a.py", 1), place("a.py", 1)
    other[0]["physicalLocation"]["region"]["startColumn"] = 40
    prints = {"fingerprints": {"contextHash/v1": "same"}}
    for more in ({}, prints):
        results = [
            {"ruleId": "R", "message": {"text": "m"}, "locations": each} | more
            for each in (one, other, one, one + other)
        ]
        first, second, third = of(read("sarif", report("x", [], results)), FindingRecord)
        assert (second.key, third.key) == ((*first.key, "#2"), (*first.key, "#3"))


def test_sarif_nested_fingerprint_is_a_fingerprint() -> None:
    result = {"ruleId": "R", "message": {"text": "m"}, "fingerprints": {"sha": {"value": "aa"}, "not": None}}
    [finding] = of(read("sarif", report("x", [], [result])), FindingRecord)
    assert finding.key == ("R", "", 'sha={"value": "aa"}')


@pytest.mark.parametrize(
    ("rule", "title"),
    [({"id": "md5", "name": "md5", "shortDescription": {"text": "Semgrep Finding: md5"}}, "弱摘要"),  # semgrep 1.172.0
     ({"id": "B403", "name": "blacklist"}, "弱摘要"),  # bandit 1.9.4
     ({"id": "CKV_1", "name": "Ensure that COPY is used"}, "Ensure that COPY is used"),  # checkov 3.3.30 has both
     ({"id": "no-undef", "shortDescription": {"text": "Disallow undeclared variables"}}, "Disallow undeclared variables")],
)  # fmt: skip
def test_sarif_title_says_what_is_wrong(rule: dict[str, Any], title: str) -> None:
    run = {
        "tool": {"driver": {"name": "x", "rules": [rule]}},
        "results": [{"ruleId": rule["id"], "message": {"text": "弱摘要\n第二行"}}],
    }
    [finding] = of(read("sarif", {"version": "2.1.0", "runs": [run]}), FindingRecord)
    assert finding.title == title


def test_sarif_password_in_the_code_is_kept_nowhere() -> None:
    """Bandit 1.9.4 writes it into the message and the snippet, under a rule that is no secret scanner's."""
    region = {"startLine": 18, "snippet": {"text": 'password = "hunter2-not-real"'}}
    place = {"physicalLocation": {"artifactLocation": {"uri": "app.py"}, "region": region}}
    said = {"message": {"text": "Possible hardcoded password: 'hunter2-not-real'"}, "locations": [place]}
    rules = [{"id": "B105", "name": "hardcoded_password_string"}]
    [finding] = of(read("sarif", report("Bandit", rules, [{"ruleId": "B105", **said}])), FindingRecord)
    assert (finding.kind, finding.title, finding.location) == (
        "secret",
        "hardcoded_password_string",
        "app.py:18",
    )
    assert "hunter2" not in repr(replace(finding, key=()))  # of which only a digest is stored


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0-csd.2.beta.2018-11-28"])
def test_sarif_of_old_is_refused_with_what_to_do(version: str) -> None:
    """Its messages, rules and files stand elsewhere: result by result it would be taken half."""
    old = {
        "version": version,
        "runs": [{"tool": {"name": "x"}, "results": [{"ruleId": "a", "message": "b"}]}],
    }
    with pytest.raises(InvalidInput, match=r"这是 SARIF .*SARIF 2\.1\.0.*Multitool"):
        read("sarif", old)


def test_sarif_results_that_only_a_method_or_a_base_tells_apart_are_two() -> None:
    """FxCop names the assembly as the file of every result, and the method beside it."""
    where = {"artifactLocation": {"uri": "app.dll"}}
    based = {"artifactLocation": {"uri": "app.dll", "uriBaseId": "OUT"}}
    methods = [
        {"physicalLocation": where, "logicalLocations": [{"fullyQualifiedName": name}]}
        for name in ("A.f", "A.g")
    ]
    results = [
        {"ruleId": "CA1", "message": {"text": "m"}, "locations": [place]}
        for place in (*methods, {"physicalLocation": based}, methods[0])
    ]
    items = read(
        "sarif",
        report("FxCop", [], results),
        Options(asset=AssetRecord("host", "h", (Key("hostname", "h"),))),
    )
    findings = of(items, FindingRecord)
    assert [finding.key[-1] for finding in findings] == ["m", "#2", "#3"]
    assert {finding.location for finding in findings} == {"app.dll"}


def test_sarif_result_that_is_still_open_has_no_level_of_its_rule() -> None:
    rules = [{"id": "r", "defaultConfiguration": {"level": "error"}}]
    results = [
        {"ruleId": "r", "message": {"text": f"{number}"}, **more}
        for number, more in enumerate(({}, {"kind": "open"}, {"kind": "review", "level": "warning"}))
    ]
    asset = AssetRecord("host", "h", (Key("hostname", "h"),))
    findings = of(read("sarif", report("x", rules, results), Options(asset=asset)), FindingRecord)
    assert [finding.severity for finding in findings] == ["high", "info", "medium"]


@pytest.mark.parametrize("results", [[], CODEQL["runs"][0]["results"]])
def test_run_that_failed_says_so_and_ends_no_scan(results: list[Any]) -> None:
    calls = [{"executionSuccessful": True}, {"executionSuccessful": False}]
    run = CODEQL["runs"][0] | {"invocations": calls, "results": results}
    items = read("sarif", {"version": "2.1.0", "runs": [run]})
    ((at, reason),) = rejected(items)
    assert (at, "没有成功" in reason) == ("runs[0].invocations", True)
    assert len(of(items, FindingRecord)) == len(results) // 2
    assert not of(items, ScanRecord)
