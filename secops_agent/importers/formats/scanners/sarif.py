"""SARIF 2.1.0 results of any tool: CodeQL, Semgrep, Gitleaks, Checkov, Trivy, Grype … (OASIS standard)."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import BrokenRecord, Importer, Once, Options, Source, convert, whole_outline
from secops_agent.importers.reading.documents import json_head, json_values
from secops_agent.importers.values.assets import is_vague, repository_asset
from secops_agent.importers.values.fields import (
    Table,
    aliases_in,
    bounded,
    distinct,
    moment,
    number,
    primary_id,
    rows,
    shortened,
    table,
    table_of,
    tables,
    text,
    texts,
)
from secops_agent.services.records import (
    AssetRecord,
    FindingKind,
    FindingRecord,
    Item,
    Record,
    Rejected,
    ScanRecord,
    Severity,
    VulnerabilityRecord,
    severity_of,
    severity_of_score,
)


@dataclass(frozen=True, slots=True)
class CodePlace:
    """A file or a logical name; line and column are 0 where the tool gives none. ``within``: all that tells it apart."""

    path: str = ""
    line: int = 0
    column: int = 0
    snippet: str = ""
    within: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


def places(result: Table, artifacts: Sequence[str]) -> tuple[CodePlace, ...]:
    """Every location; ``artifacts`` are the run's files by index."""
    return tuple(_place(location, artifacts) for location in tables(result, "locations"))


def _place(location: Table, artifacts: Sequence[str]) -> CodePlace:
    physical = table(location, "physicalLocation")
    artifact, region = table(physical, "artifactLocation"), table(physical, "region")
    path = text(artifact, "uri") or _line_of(artifacts, number(artifact, "index"))
    logical = tables(location, "logicalLocations")
    names = distinct(text(item, "fullyQualifiedName") or text(item, "name") for item in logical)
    path = path or next(iter(names), "")
    return CodePlace(
        unquote(path).removeprefix("file://"),
        int(number(region, "startLine") or 0),
        int(number(region, "startColumn") or 0),
        text(table(region, "snippet"), "text"),
        (text(artifact, "uriBaseId"), *names),
    )


def _line_of(items: Sequence[str], index: float | None) -> str:
    return items[int(index)] if index is not None and 0 <= index < len(items) else ""


def other_places(found: Sequence[CodePlace]) -> str:
    """ "另有 2 处：a.py:3、b.py:9" of those behind the first; "" if there are none."""
    others = distinct(str(place) for place in found[1:])
    return f"另有 {len(others)} 处：{'、'.join(others)}" if others else ""


def fingerprint(result: Table, line: int, message: str) -> tuple[str, ...]:
    """The tool's own fingerprints with their keys (they survive moved lines), else line and message."""
    for key in ("fingerprints", "partialFingerprints"):
        prints = table(result, key)
        written = ((name, _written(prints[name])) for name in sorted(prints))
        found = distinct(f"{name}={value}" for name, value in written if value and value != "requires login")
        if found:
            return found
    return (str(line), shortened(message, 300))


def _written(value: Any) -> str:
    """Some tools nest objects where the standard wants a text."""
    plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return "" if value is None else shortened(plain.strip(), 300)


@dataclass(slots=True)
class Numbers:
    """Tells results apart that have one key but another place or message: the second is 2, the third 3."""

    _counts: dict[int, int] = field(default_factory=dict)
    _known: dict[int, int] = field(default_factory=dict)

    def of(self, key: tuple[str, ...], mark: object) -> int:
        """1 for the first of this key; the same number for the same mark again."""
        whole = hash((key, mark))
        if whole not in self._known:
            self._counts[hash(key)] = self._counts.get(hash(key), 0) + 1
            self._known[whole] = self._counts[hash(key)]
        return self._known[whole]


_RUN = ("tool", "versionControlProvenance", "invocations")
_ARTIFACT = "runs.item.artifacts.item.location"
_LEVELS: dict[str, Severity] = {"error": "high", "warning": "medium", "note": "low", "none": "info"}
_PLACE = re.compile(r"\{(\d{1,3})\}")  # of an argument in a message
# Of a tool that looks for other things, too; Bandit's B105 writes the password into its message.
_SECRET_RULE = re.compile(r"hard.?coded.?(?:password|passwd|credential|secret|token|key)", re.IGNORECASE)
_FAILED = (
    "工具写明这次运行没有成功（executionSuccessful 为 false），结果可能不全：请看它的日志，修好后再扫描一次"
)
_NOT_A_PROBLEM = {"pass", "notApplicable", "informational"}
_TOOL_KINDS: dict[str, FindingKind] = {
    "gitleaks": "secret", "trufflehog": "secret", "detect-secrets": "secret",
    "checkov": "misconfiguration", "kics": "misconfiguration", "tfsec": "misconfiguration",
    "kubescape": "misconfiguration", "terrascan": "misconfiguration", "hadolint": "misconfiguration",
}  # fmt: skip


@dataclass(slots=True)
class _Run:
    """One run while its small parts are gathered; read only afterwards."""

    data: dict[str, Any] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    tool: str = "sarif"
    asset: AssetRecord | None = None
    rules: list[Table] = field(default_factory=list)
    extensions: list[list[Table]] = field(default_factory=list)
    by_id: dict[str, Table] = field(default_factory=dict)
    kinds: set[FindingKind] = field(default_factory=set)
    whole: bool = True
    failed: bool = False  # as the tool itself says
    ended: datetime | None = None
    numbers: Numbers = field(default_factory=Numbers)

    def settle(self, options: Options) -> None:
        """Work out tool, rules and asset from what was gathered."""
        tool = table(self.data, "tool")
        driver = table(tool, "driver")
        self.tool = options.source or text(driver, "name").lower()[:200] or "sarif"
        self.rules = _rules(driver)
        self.extensions = [_rules(extension) for extension in tables(tool, "extensions")]
        with suppress(BrokenRecord):
            calls = tables(self.data, "invocations")
            self.failed = any(item.get("executionSuccessful") is False for item in calls)
            self.ended = next(filter(None, (moment(item, "endTimeUtc") for item in calls)), None)
        every = [*self.rules, *(rule for rules in self.extensions for rule in rules)]
        self.by_id = {text(rule, "id"): rule for rule in every}
        origins = (text(item, "repositoryUri") for item in tables(self.data, "versionControlProvenance"))
        found = (repository_asset(origin, self.tool) for origin in origins)
        self.asset = options.asset or next(filter(None, found), None)


class Sarif:
    """Any tool's SARIF; the tool's name becomes the findings' source."""

    name = "sarif"
    title = "SARIF 2.1.0 静态扫描结果"

    def sniff(self, head: bytes) -> float:
        paths = whole_outline(head)
        if "runs.item.tool" in paths or "runs.item.results.item.ruleId" in paths:
            return 1.0
        return 0.9 if "runs" in paths and b"sarif" in head[:4096].lower() else 0.0

    def parse(self, source: Source, options: Options) -> Iterator[Item]:
        runs = _read_runs(source, options)
        once = Once()
        wanted = {"runs.item.results.item"}
        for _, position, value in json_values(source, wanted, options.limits, {"runs.item": "results"}):
            run = runs.setdefault(position.partition(".")[0], _Run())
            for item in convert([(position, value)], partial(_result, run=run)):
                run.whole = run.whole and not isinstance(item, Rejected)
                yield from once(item)
        for place, run in runs.items():
            if run.failed:
                yield Rejected(f"{place}.invocations", _FAILED)
            elif run.asset and run.whole and run.kinds and not is_vague(run.asset):
                yield ScanRecord(run.tool, run.asset, tuple(sorted(run.kinds)), run.ended)


def _read_runs(source: Source, options: Options) -> dict[str, _Run]:
    runs: dict[str, _Run] = {}
    wanted = {"version", _ARTIFACT, *(f"runs.item.{key}" for key in _RUN)}
    pieces, broken = json_head(source, wanted, options.limits)
    for path, position, value in pieces:
        if path == "version":
            _check_version(value)
            continue
        index, _, key = position.partition(".")
        run = runs.setdefault(index, _Run())
        if path == _ARTIFACT:
            run.places.append(shortened(text(table_of(value), "uri"), 2000))
        else:
            run.data[key] = value
    if broken and not (runs and all("tool" in run.data for run in runs.values())):
        raise broken
    for run in runs.values():
        run.settle(options)
    return runs


def _check_version(value: Any) -> None:
    """Raises InvalidInput for SARIF 1 and the drafts of 2.0, whose results have other fields."""
    if isinstance(value, str) and value.startswith(("1.", "2.0")):
        raise InvalidInput(
            f"这是 SARIF {value[:20]}，只收 2.1 以上：请让工具输出 SARIF 2.1.0，或用 Microsoft 的 Sarif.Multitool 转换（transform）后再导入。"
        )


def _rules(component: Table) -> list[Table]:
    """Every result may refer to one rule: what is endless in it would cost again each time."""
    return [bounded(rule) for rule in tables(component, "rules")]


def _result(value: Any, *, run: _Run) -> Iterator[Record]:
    result = table_of(value)
    if text(result, "kind", "fail") in _NOT_A_PROBLEM or text(result, "baselineState") == "absent":
        return
    rule_id, rule = _rule(result, run)
    kind = _kind(rule_id, rule, run.tool)
    severity = _severity(result, rule)
    ids = aliases_in(rule_id) if kind == "vulnerability" else ()
    if ids:
        yield _vulnerability(ids, rule, severity, run)
    run.kinds.add(kind)
    yield _finding(result, rule_id, rule, kind, severity, primary_id(ids)[0] if ids else "", run)


def _rule(result: Table, run: _Run) -> tuple[str, Table]:
    """The rule by reference, index or id; a hierarchical id ("CA1000/1") falls back to its parent. It may be missing."""
    reference = table(result, "rule")
    rule_id = (text(result, "ruleId") or text(reference, "id"))[:500]
    component = number(table(reference, "toolComponent"), "index")
    rules = run.rules if component is None else _at(run.extensions, component) or []
    index = number(result, "ruleIndex") if number(reference, "index") is None else number(reference, "index")
    rule = _at(rules, index) or run.by_id.get(rule_id) or run.by_id.get(rule_id.rpartition("/")[0]) or {}
    return rule_id or text(rule, "id")[:500], rule


def _at(items: list[Any], index: float | None) -> Any:
    return items[int(index)] if index is not None and 0 <= index < len(items) else None


def _kind(rule_id: str, rule: Table, tool: str) -> FindingKind:
    tags = {tag.lower() for tag in texts(table(rule, "properties"), "tags")}
    for tag, kind in (("secret", "secret"), ("secrets", "secret"), ("misconfiguration", "misconfiguration")):
        if tag in tags:
            return kind  # type: ignore[return-value]
    if _SECRET_RULE.search(f"{rule_id} {text(rule, 'name')}"):
        return "secret"
    if aliases_in(rule_id):
        return "vulnerability"
    return next((kind for name, kind in _TOOL_KINDS.items() if tool.startswith(name)), "code")


def _severity(result: Table, rule: Table) -> Severity:
    """GitHub's ``security-severity`` score first, then a severity word among the tags, then the level."""
    for properties in (table(result, "properties"), table(rule, "properties")):
        said = text(properties, "security-severity")
        if said:
            return _rated(said)
    tags = texts(table(rule, "properties"), "tags")
    if word := next((tag for tag in tags if tag in ("CRITICAL", "HIGH", "MEDIUM", "LOW")), ""):
        return severity_of(word)
    undecided = text(result, "kind", "fail") != "fail"  # open, review: the standard's default level is none
    usual = "none" if undecided else text(table(rule, "defaultConfiguration"), "level") or "warning"
    return _LEVELS.get(text(result, "level") or usual, "medium")


def _rated(said: str) -> Severity:
    """A score, as GitHub wants it, or a word, as some tools write it."""
    try:
        return severity_of_score(float(said))
    except ValueError:
        return severity_of(said)


def _vulnerability(ids: tuple[str, ...], rule: Table, severity: Severity, run: _Run) -> VulnerabilityRecord:
    vuln_id, aliases = primary_id(ids)
    return VulnerabilityRecord(
        vuln_id=vuln_id,
        aliases=aliases,
        title=shortened(text(table(rule, "shortDescription"), "text"), 500),
        description=shortened(text(table(rule, "fullDescription"), "text")),
        severity=severity,
        references=distinct([text(rule, "helpUri")]),
        source=run.tool,
    )


def _finding(
    result: Table,
    rule_id: str,
    rule: Table,
    kind: FindingKind,
    severity: Severity,
    vulnerability: str,
    run: _Run,
) -> FindingRecord:
    found = places(result, run.places)
    place = found[0] if found else CodePlace()
    message = shortened(_message(result, rule))
    key = (rule_id, place.path, *fingerprint(result, place.line, message))
    ordinal = run.numbers.of(key, (found, message))
    snippet = "" if kind == "secret" else shortened(place.snippet, 1500)
    if not rule_id and not message:
        raise BrokenRecord("既没有「ruleId」也没有「message」")
    return FindingRecord(
        kind=kind,
        key=key if ordinal == 1 else (*key, f"#{ordinal}"),
        title=shortened(_title(rule, rule_id, message, kind), 500),
        severity=severity,
        source=run.tool,
        asset=run.asset,
        vulnerability=vulnerability,
        rule_id=rule_id,
        description="" if kind == "secret" else message,
        location=str(place),
        evidence=shortened("\n".join(filter(None, (snippet, other_places(found)))), 2000),
        remediation=shortened(text(table(rule, "help"), "text"), 4000),
        references=distinct([text(rule, "helpUri")]),
        suppressed=_suppressed(result),
        seen_at=run.ended,
    )


def _title(rule: Table, rule_id: str, message: str, kind: FindingKind) -> str:
    """The rule's words, unless they only repeat its name ("Semgrep Finding: md5", "blacklist"). A secret may be in the
    message."""
    name, short = text(rule, "name"), text(table(rule, "shortDescription"), "text")
    if short and short.rpartition(": ")[2] != text(rule, "id"):
        return short
    if kind == "secret":
        return name or rule_id or "疑似泄露的密钥"
    return (name if " " in name else next(iter(message.splitlines()), "")) or rule_id


def _message(result: Table, rule: Table) -> str:
    """The text, or the rule's message string with its arguments put in."""
    message = table(result, "message")
    if text(message, "text"):
        return text(message, "text")
    template = text(table(table(rule, "messageStrings"), text(message, "id")), "text")
    given = [shortened(text({"arguments": each}, "arguments"), 1000) for each in rows(message, "arguments")]
    return _PLACE.sub(lambda found: _at(given, int(found[1])) or found[0], template[:4000], count=20)


def _suppressed(result: Table) -> bool:
    states = [text(item, "status", "accepted") for item in tables(result, "suppressions")]
    return bool(states) and all(state == "accepted" for state in states)


IMPORTER: Importer = Sarif()
__all__ = ["IMPORTER", "Sarif"]
