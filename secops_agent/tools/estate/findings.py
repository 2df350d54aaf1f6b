"""list_findings: what scans found (vulnerabilities, leaked keys, misconfigurations, flaws in code), what is decided about it, and how many by what."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.db.models import Count, F, Min, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf

from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.models import Finding
from secops_agent.models.choices import FindingKind
from secops_agent.services.records import SEVERITIES
from secops_agent.services.vulnerabilities import findings, groups
from secops_agent.services.vulnerabilities.findings import FindingFilter
from secops_agent.services.vulnerabilities.views import FindingSummary
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.estate.resolving import DECISIONS, OPEN
from secops_agent.tools.filters import (
    SEPARATORS,
    WEIGHTS,
    asset_argument,
    asset_like,
    cvss_argument,
    due_before,
    environment_argument,
    exposed_argument,
    importance_argument,
    late_argument,
    levels,
    limit_argument,
    older_argument,
    rows,
    severity_argument,
    told,
    told_age,
    told_due,
    told_levels,
)
from secops_agent.tools.markdown import SEVERITY, counts, foot, joined, moment, page, roughly

_KINDS: Final = {str(value): str(label) for value, label in FindingKind.choices}
_NOT_FLAWS: Final = tuple(kind for kind in _KINDS if kind != FindingKind.VULNERABILITY)
_OTHER: Final = {"other": "、".join(_KINDS[kind] for kind in _NOT_FLAWS)}
_DECIDED: Final = {
    "decided": "已有决定",
    "none": "没有决定",
    **{name: label for name, label in DECISIONS.items() if name != "withdraw"},
}
_BY: Final[dict[str, tuple[str, Any]]] = {
    "severity": ("级别", F("severity")), "source": ("来源", F("source")), "asset": ("资产", F("asset__name")),
    "owner": ("资产负责人", Coalesce(NullIf("asset__owner__name", Value("")), "asset__owner_text")),
    "cve": ("漏洞", Coalesce("vulnerability__vuln_id", groups.RULE)), "kind": ("种类", F("kind")), "decision": ("决定", F("decision")),
}  # fmt: skip


class ListFindings(Arguments):
    """Arguments of list_findings."""

    kind: Literal["secret", "misconfiguration", "code", "vulnerability", "other"] | None = argument(
        "种类；other 是漏洞以外的：泄露的密钥、错误配置、代码问题", labels={**_KINDS, **_OTHER}, default=None
    )
    severity: str = severity_argument()
    asset: str = asset_argument()
    keyword: str = argument("标题、规则、位置、软件组件里的词，或漏洞编号", default="")
    overdue: bool | None = argument("只看超过修复时限的", default=None)
    limit: int = limit_argument()
    due_within: int | None = argument("只看多少天内到修复时限的", default=None, minimum=1, maximum=365)
    owner: str = argument("资产负责人", default="")
    source: str = argument("哪些来源（扫描器）报的，几个之间用英文逗号分隔", default="")
    decision: Literal[
        "decided", "none", "in_progress", "accepted", "false_positive", "under_investigation", "affected", "not_affected", "fixed",
    ] | None = argument("只看有这个决定的，包括不再待处理的；不填是待处理的", labels=_DECIDED, default=None)  # fmt: skip
    kev_only: bool | None = argument("只看已被利用（KEV）的", default=None)
    fix_available: bool | None = argument("true 只看有补丁的，false 只看没有的", default=None)
    environment: str = environment_argument()
    importance: Literal["critical", "high"] | None = importance_argument()
    exposed: bool | None = exposed_argument()
    findings: str = argument("发现的编号，例如 F12，几个之间用英文逗号分隔", default="")
    older_days: int | None = older_argument()
    late_days: int | None = late_argument()
    cvss: int | None = cvss_argument()
    group_by: Literal["severity", "source", "asset", "owner", "cve", "kind", "decision"] | None = argument(
        "按什么数", labels={name: label for name, (label, _) in _BY.items()}, default=None
    )


def list_findings(asker: Asker, given: ListFindings) -> ToolResult:
    """Open ones or those with a decision, the most pressing first; with how many there are of each level."""
    wanted, query = _wanted(asker, given), _told(given)
    levels_found = _levels(findings.matching(wanted))
    if not levels_found:
        return ToolResult("no_data", query, "\n".join([_none(given), *foot(query)]), [])
    if given.group_by:
        return _grouped(wanted, given.group_by, levels_found, query, rows(given.limit))
    found = findings.search(wanted)
    lines = [finding_line(each, asker.now) for each in found.items]
    names = tuple(dict.fromkeys(each.asset.name for each in found.items))
    steps = (says.look_up(names[0]), says.claim_finding(found.items[0].id))
    summary = counts(levels_found, SEVERITY) if found.total > 1 else ""
    text = page("发现", len(lines), found.total_text, lines, query, summary=summary)
    codes = [f"F{each.id}" for each in found.items]
    return ToolResult("ok", query, text, codes, steps=steps, fields=(*names, *codes))


def _wanted(asker: Asker, given: ListFindings) -> FindingFilter:
    kinds = _NOT_FLAWS if given.kind == "other" else (given.kind,) if given.kind else ()
    words = [word for word in SEPARATORS.split(given.findings) if word]
    numbers = [int(word.lstrip("Ff")) for word in words if word.lstrip("Ff").isdecimal()]
    decided = given.decision not in (None, "none")
    return FindingFilter(
        kinds=kinds,
        severities=levels(given.severity),
        asset=given.asset,
        keyword=given.keyword,
        overdue=bool(given.overdue or given.late_days),
        due_before=due_before(asker.now, given.due_within, given.late_days),
        found_before=asker.now - timedelta(days=given.older_days) if given.older_days else None,
        score=given.cvss,
        sources=tuple(filter(None, SEPARATORS.split(given.source))),
        decision=""
        if given.decision == "none"
        else given.decision
        if decided and given.decision != "decided"
        else None,
        decided=decided,
        kev_only=bool(given.kev_only),
        fix_available=given.fix_available,
        on=asset_like(asker.person, given.owner, given.environment, given.importance, given.exposed),
        ids=tuple(numbers),
        vulnerability="" if numbers or not words else words[0],
        limit=rows(given.limit),
    )


def _levels(found: QuerySet[Finding]) -> list[tuple[str, int]]:
    number = dict(found.order_by().values_list("severity").annotate(number=Count("pk")))
    return [(level, number[level]) for level in SEVERITIES if number.get(level)]


def _told(given: ListFindings) -> str:
    return told(
        编号=plain(given.findings, 60),
        种类={**_KINDS, **_OTHER}.get(given.kind or "", ""),
        级别=told_levels(levels(given.severity)),
        资产=plain(given.asset, 60),
        关键字=plain(given.keyword, 60),
        来源=plain(given.source, 60),
        决定=_DECIDED.get(given.decision or "", ""),
        已被利用="是" if given.kev_only else "",
        补丁="" if given.fix_available is None else "有" if given.fix_available else "没有",
        修复时限=told_due(given.overdue, given.due_within, given.late_days),
        **told_age(given.older_days, None, "天"),
        CVSS=f"不低于 {given.cvss} 分" if given.cvss else "",
        资产负责人=plain(given.owner, 40),
        环境=plain(given.environment, 20),
        重要性=WEIGHTS[given.importance] if given.importance else "",
        对外="可能对外的资产" if given.exposed else "",
        分组=_BY[given.group_by][0] if given.group_by else "",
    )


def _none(given: ListFindings) -> str:
    if given.decision and given.decision != "none":
        about = f"{plain(given.keyword, 60)} 的" if given.keyword else ""
        return (
            f"没有{about}发现被标为「{_DECIDED[given.decision]}」。"
            if given.decision != "decided"
            else f"没有人对{about}发现作过决定，或者决定都已撤回。"
        )
    return "没有符合条件的发现。"


def _grouped(
    wanted: FindingFilter, by: str, levels_found: Sequence[tuple[str, int]], query: str, most: int
) -> ToolResult:
    """The values with the most of them, how many, on how many assets, and which limit comes first."""
    label, value = _BY[by]
    cells = findings.matching(wanted).order_by().annotate(value=value).values_list("value")
    cells = cells.annotate(
        number=Count("pk"), assets=Count("asset", distinct=True), due=Min("due_at", filter=Q(active=True))
    )
    found: list[tuple[Any, ...]] = list(cells.order_by("-number", "value")[:most])
    if by == "severity":
        found.sort(key=lambda cell: SEVERITIES.index(cell[0]))
    labels = {"severity": SEVERITY, "kind": _KINDS, "decision": {"": OPEN, **DECISIONS}}.get(by, {})
    lines = []
    for name, number, assets, due in found:
        limit = f"最近的修复时限 {moment(due)}" if due else ""
        about = [f"{number} 条", f"{assets} 个资产" if by != "asset" else "", limit]
        lines.append(f"- **{labels.get(name) or plain(name or '', 80) or '（空）'}**：{joined(about)}")
    reported = {str(name).lower() for name, *_ in found}
    unheard = [one for one in wanted.sources if by == "source" and one.lower() not in reported]
    lines += [f"- **{plain(one, 40)}**：没有" for one in unheard]
    total = sum(number for _, number in levels_found)
    text = f"**发现：共 {total} 条，按{label}**（{counts(levels_found, SEVERITY)}）"
    names = [str(name or "") for name, *_ in found]
    rows_of = names if by == "cve" else []
    return ToolResult("ok", query, "\n".join([text, "", *lines, *foot(query)]), rows_of, fields=tuple(names))


def finding_line(each: FindingSummary, now: datetime) -> str:
    """One finding in one line, its kind first."""
    late = each.overdue and each.due_at is not None
    until = f"到 {moment(each.until)}" if each.until else ""
    said = [
        each.vulnerability,
        SEVERITY[each.severity],
        "已被利用" if each.kev else "",
        plain(each.title, 80),
        plain(each.asset.name, 80),
        plain(f"{each.component.rpartition(':')[2]} {each.version}".strip(), 60),
        f"升到 {plain(each.fixed_version, 40)}" if each.fixed_version else "",
        f"处理人 {plain(each.assignee, 40)}" if each.assignee else "",
        f"负责人 {plain(each.owner, 40)}" if each.owner else "没有负责人",
        f"决定：{DECISIONS[each.decision]}{until}" if each.decision else "",
        f"已超过修复时限 {roughly(now - each.due_at)}"
        if late and each.due_at
        else f"修复时限 {moment(each.due_at)}"
        if each.due_at
        else "",
        f"来源 {plain(each.source, 30)}",
    ]
    return f"- **F{each.id} {_KINDS[each.kind]}** {joined(said)}"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "list_findings",
        "查询发现",
        "一条条的扫描发现（一个漏洞在一台资产上是一条；泄露的密钥、错误配置、代码问题也是）：列出，或按级别、来源、资产、负责人、漏洞、决定数；也查作过什么决定（误报、接受风险……）。",
        ListFindings,
        list_findings,
    ),
)
