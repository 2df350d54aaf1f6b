"""Tools of vulnerabilities: lookup_cve, affected_assets, list_vulnerabilities, findings over their time limit among them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Literal

from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.services.assets import inventory
from secops_agent.services.assets.reach import exposure_of
from secops_agent.services.records import SEVERITIES, Affected
from secops_agent.services.reports.periods import PERIODS
from secops_agent.services.vulnerabilities import catalogue
from secops_agent.services.vulnerabilities.catalogue import OpenOn, VulnerabilityFilter
from secops_agent.services.vulnerabilities.priority import rank
from secops_agent.services.vulnerabilities.views import (
    ExposedAsset,
    Exposure,
    VulnerabilityDetail,
    VulnerabilitySummary,
)
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.estate.assets import fields_of
from secops_agent.tools.estate.gravity import epss_told, kev_told, scores_told
from secops_agent.tools.estate.mending import late_findings, mended
from secops_agent.tools.filters import (
    WEIGHTS,
    asset_argument,
    asset_like,
    beyond,
    colleague,
    cvss_argument,
    due_before,
    environment_argument,
    exposed_argument,
    importance_argument,
    late_argument,
    levels,
    limit_argument,
    more,
    offset_argument,
    older_argument,
    severity_argument,
    span_of_period,
    told,
    told_age,
    told_asset,
    told_due,
    told_levels,
    window,
)
from secops_agent.tools.markdown import IMPORTANCE, SEVERITY, counts, foot, joined, moment, page

_SHOWN: Final = 8
_FEW_OTHERS: Final = 3
_NAMED: Final = 12  # of those without a line
_FEW: Final = 8
_FIXES: Final = 2
_ANSWERS: Final = (("affected", "受影响"), ("unknown", "无法判断"), ("unaffected", "不受影响"))

_OF_ONE: Final = {
    "affected": "受 {} 影响", "unknown": "是否受 {} 影响无法判断", "unaffected": "不受 {} 影响", "": "上没有发现 {} 涉及的软件",
}  # fmt: skip


class CveId(Arguments):
    """Arguments of lookup_cve."""

    cve_id: str = argument(
        "漏洞编号，例如 CVE-2021-44228、CNVD-2021-95914、GHSA-jfh8-c2jp-5v3q", max_length=60
    )


_BY: Final = {"asset": "资产", "owner": "资产负责人", "severity": "级别", "environment": "环境"}


class ListVulnerabilities(Arguments):
    """Arguments of list_vulnerabilities."""

    severity: str = severity_argument()
    kev_only: bool | None = argument("只看已被利用（KEV）的漏洞", default=None)
    asset: str = asset_argument()
    fix_available: bool | None = argument("true 只看有补丁的，false 只看没有的", default=None)
    limit: int = limit_argument()
    keyword: str = argument("标题、别名或软件组件名里的词", default="")
    offset: int = offset_argument()
    overdue: bool | None = argument("只看超过修复时限的", default=None)
    owner: str = argument("资产负责人", default="")
    epss: int | None = argument("利用可能性（EPSS）不低于百分之几", default=None, minimum=1, maximum=100)
    group_by: Literal["asset", "owner", "severity", "environment"] | None = argument(
        "按什么数", labels=_BY, default=None
    )
    not_kev: bool | None = argument("只看不在 KEV 里的", default=None)
    due_within: int | None = argument("只看多少天内到修复时限的", default=None, minimum=1, maximum=365)
    environment: str = environment_argument()
    importance: Literal["critical", "high"] | None = importance_argument()
    exposed: bool | None = exposed_argument()
    mended: Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month"] | None = (
        argument("那一天、周、月里修复了多少", labels=PERIODS, default=None)
    )
    widest: bool | None = argument("影响资产最多的在前", default=None)
    older_days: int | None = older_argument()
    late_days: int | None = late_argument()
    cvss: int | None = cvss_argument()


class AffectedAssets(CveId):
    """Arguments of affected_assets."""

    asset: str = asset_argument()
    owner: str = argument("资产负责人", default="")
    environment: str = environment_argument()
    importance: Literal["critical", "high"] | None = importance_argument()
    exposed: bool | None = exposed_argument()


def lookup_cve(asker: Asker, given: CveId) -> ToolResult:
    """One vulnerability as it is stored, and since when."""
    name = plain(given.cve_id, 60)
    query = f"漏洞编号={name}"
    detail = catalogue.lookup(given.cve_id)
    if detail is None:
        return ToolResult("no_data", query, _unknown(name))
    known, found = {"vuln_id": detail.summary.vuln_id}, catalogue.open_on(detail.summary.vuln_id)
    names = tuple(each.name for each in found[:_SHOWN])
    steps = (says.affected(detail.summary.vuln_id),)
    return ToolResult("ok", query, _detail(detail, found), known, steps=steps, fields=names)


def _unknown(name: str) -> str:
    return (
        f"没有关于 {name} 的数据。这只表示本地还没有导入它的公告或扫描结果，不表示不受影响；"
        "管理员可以用 import_data 导入漏洞公告（OSV、CNVD、KEV、EPSS）或扫描结果。"
    )


def _detail(detail: VulnerabilityDetail, found: Sequence[OpenOn]) -> str:
    flaw = detail.summary
    known = detail.sources != ("epss",)
    facts = [
        ("别名", "、".join(plain(each, 40) for each in detail.aliases[:_FEW])),
        ("级别", joined([SEVERITY[flaw.severity] if known else "", *(scores_told(detail))])),
        ("已被利用", kev_told(detail)),
        ("利用可能性（EPSS）", epss_told(detail)),
        ("影响范围", "；".join(_affected(each) for each in detail.affected[:_FEW])),
        ("修复版本", _fixed_in(detail) if known else ""),
        ("CWE", "、".join(plain(each, 20) for each in detail.cwes[:_FEW])),
        ("我们的资产", _ours(detail, found) if known else ""),
        ("公布", f"{detail.published:%Y-%m-%d}" if detail.published else ""),
        ("已撤回", moment(detail.withdrawn) if detail.withdrawn else ""),
        ("参考", "、".join(plain(each, 160) for each in detail.references[:3])),
    ]
    judged = f"：{_gravity(detail)}" if known and not detail.withdrawn else ""
    lines = [f"**{flaw.vuln_id}{judged}** {plain(flaw.title, 160)}", ""]
    lines += [f"- {name}：{value}" for name, value in facts if value]
    lines += ["", plain(detail.description, 500)] if detail.description else []
    lines += ["", f"> 数据来源：{plain('、'.join(detail.sources), 80)}；更新于 {moment(detail.updated_at)}。"]
    return "\n".join(lines)


def _gravity(detail: VulnerabilityDetail) -> str:
    """Is it grave for us: exploited or a high level, and not mended on what we have."""
    level, exploited = detail.summary.severity, "已被利用（KEV）" if detail.kev else ""
    is_grave = bool(exploited) or level in ("critical", "high")
    ours = detail.affected_assets
    here = f"我们有 {ours} 台没有修复" if ours else "没有发现我们的资产受影响"
    why = "、".join(filter(None, [f"级别{SEVERITY[level]}", exploited, here]))
    return f"{'严重' if is_grave and ours else '不算严重' if not is_grave else '漏洞本身严重，我们不急'}（{why}）"


def _ours(detail: VulnerabilityDetail, found: Sequence[OpenOn]) -> str:
    """How many, until when, and the most important ones with whose they are and what is on them."""
    due = min((each.due_at for each in found if each.due_at), default=None)
    head = f"{detail.affected_assets} 台有未修复的发现（{detail.open_findings} 处）"
    head += f"，最近的修复时限 {moment(due)}" if due else ""
    rest = f"\n  - 另有 {len(found) - _SHOWN} 处" if len(found) > _SHOWN else ""
    return head + "".join(f"\n  - {_open_on(each)}" for each in found[:_SHOWN]) + rest


def _open_on(each: OpenOn) -> str:
    weight = IMPORTANCE.get(each.importance, each.importance)
    owner = f"负责人 {plain(each.owner, 30)}" if each.owner else "没有负责人"
    said = [plain(each.name, 80), f"重要性 {weight}" if weight else "", plain(each.software, 80), owner]
    return joined(said)


def _fixed_in(detail: VulnerabilityDetail) -> str:
    """The versions, and where none is known that too: it is what 有补丁了没 asks."""
    versions = "、".join(plain(each, 40) for each in detail.fixed_versions[:_FEW])
    return versions or ("有补丁，没有写版本" if detail.summary.fix_available else "还没有")


def _affected(each: Affected) -> str:
    name = plain(each.package or each.purl or each.ecosystem, 60)
    low = f"≥ {each.introduced}" if each.introduced not in ("", "0") else ""
    high = f"＜ {each.fixed}" if each.fixed else f"≤ {each.last_affected}" if each.last_affected else ""
    return plain(f"{name} {low} {high}" if low or high else f"{name} {each.raw}", 100)


def affected_assets(asker: Asker, given: AffectedAssets) -> ToolResult:
    """受影响, 无法判断, 不受影响, with the reason for each; the most important first, or one asset only."""
    name = plain(given.cve_id, 60)
    like = asset_like(asker.person, given.owner, given.environment, given.importance, given.exposed)
    only_these = told_asset(like, given.importance) | (
        {"资产": plain(given.asset, 60)} if given.asset else {}
    )
    query = told(漏洞编号=name, 资产负责人=plain(given.owner, 40), **only_these)
    found = catalogue.affected_assets(given.cve_id)
    if not found.known:
        return ToolResult("no_data", query, _unknown(name))
    named = inventory.meant(given.asset) if given.asset else ()
    only = inventory.require(given.asset) if len(named) == 1 else None
    wanted = {*named} if named else None
    if like:
        there = {*inventory.matching(like).values_list("pk", flat=True)}
        wanted = there if wanted is None else wanted & there
    groups = {
        answer: sorted(
            (each for each in getattr(found, answer) if wanted is None or each.asset.id in wanted),
            key=lambda each: (-rank(each.asset.importance), not exposure_of(each.asset), each.asset.name),
        )
        for answer, _ in _ANSWERS
    }
    data = {answer: [each.asset.name for each in group] for answer, group in groups.items()}
    status = "ok" if any(data.values()) else "no_data"
    dues = {each.asset_id: each.due_at for each in catalogue.open_on(found.vuln_id)}
    text = _exposure(found, groups, dues, plain(only.name, 80) if only else "")
    text = "\n".join([text, *foot(query)]) if wanted is not None and only is None else text
    fields = fields_of(each.asset for group in groups.values() for each in group)
    return ToolResult(status, query, text, data, fields=fields)  # type: ignore[arg-type]


Groups = Mapping[str, Sequence[ExposedAsset]]


def _exposure(found: Exposure, groups: Groups, dues: Mapping[int, datetime | None], only: str) -> str:
    lines = [_answer(found.vuln_id, groups, only)]
    for answer, label in _ANSWERS:
        group = groups[answer]
        shown = _SHOWN if answer == "affected" else _FEW_OTHERS
        if group:
            lines += ["", f"{label}（{len(group)} 项）", ""]
            lines += [_exposed(each, dues.get(each.asset.id)) for each in group[:shown]]
            rest = "、".join(plain(each.asset.name, 60) for each in group[shown : shown + _NAMED])
            lines += [f"- 另有 {len(group) - shown} 项：{rest}"] if rest else []
    return "\n".join([*lines, "", f"> 漏洞数据更新于 {moment(found.updated_at)}。"])


def _answer(flaw: str, groups: Groups, only: str) -> str:
    """How many, and whose they are; of one asset plainly yes or no."""
    hosts = {each.asset.id: each.asset for each in groups["affected"]}
    if only:
        answer = next((answer for answer, _ in _ANSWERS if groups[answer]), "")
        return f"**{only} {_OF_ONE[answer].format(flaw)}**"
    if not hosts:
        return f"**没有发现受 {flaw} 影响的资产**"
    owners = Counter(plain(each.owner, 30) or "没有负责人" for each in hosts.values())
    return f"**{flaw} 影响我们 {len(hosts)} 台资产**（{counts(owners.most_common())}）"


def _exposed(each: ExposedAsset, due_at: datetime | None) -> str:
    weight, asset = IMPORTANCE.get(each.asset.importance, each.asset.importance), each.asset
    software = plain(f"{each.component.rpartition(':')[2]} {each.version}".strip(), 80)
    said = joined(
        [
            f"重要性 {weight}" if weight else "",
            plain(asset.environment, 20),
            f"可能对外（{plain(reach, 40)}）" if (reach := exposure_of(asset)) else "",
            software,
            f"升到 {plain(each.fixed_version, 40)}" if each.fixed_version else plain(each.reason, 80),
            f"修复时限 {moment(due_at)}" if due_at else "",
            f"负责人 {plain(asset.owner, 30)}" if asset.owner else "没有负责人",
        ]
    )
    return f"- **{plain(asset.name, 80)}** {said}"


def list_vulnerabilities(asker: Asker, given: ListVulnerabilities) -> ToolResult:
    """Those with open findings: exploited ones first, then by severity and EPSS."""
    if given.mended:
        return mended(span_of_period(given.mended, asker.now))
    query, search = _told(given), _search(asker, given)
    if given.group_by:
        return _grouped(search, given.group_by, query)
    found = catalogue.search(search)
    shown = found.items[given.offset :]
    late = late_findings(search)
    if late and late.lines and not found.items:
        text = "\n".join([f"**{late.text}**", *late.lines, *foot(query)])
        return ToolResult("ok", query, text, [], fields=late.assets)
    if not shown:
        text = beyond("漏洞", found) if found.items else _none(search, query)
        return ToolResult("no_data", query, text, [])
    lines = [vulnerability_line(each) for each in shown]
    lines += late.lines if late and not given.offset else ()
    number, due = catalogue.open_now(search)
    limit = f"最近的修复时限 {moment(due)}" if due else ""
    beside = "，".join(
        each for each in (f"{number} 条发现", late.text if late else "", _graver(search), limit) if each
    )
    text = page("未修复漏洞", len(shown), found.total_text, lines, query, offset=given.offset, beside=beside)
    steps = (*more(found, given.offset + len(shown)), says.affected(shown[0].vuln_id))
    return ToolResult("ok", query, text, [each.vuln_id for each in shown], steps=steps)


def _search(asker: Asker, given: ListVulnerabilities) -> VulnerabilityFilter:
    return VulnerabilityFilter(
        severities=levels(given.severity),
        kev_only=bool(given.kev_only),
        asset=given.asset,
        fix_available=given.fix_available,
        keyword=given.keyword,
        overdue=bool(given.overdue or given.late_days),
        owner_id=colleague(given.owner, asker.person).pk if given.owner else None,
        epss=given.epss / 100 if given.epss else None,
        not_kev=bool(given.not_kev),
        due_before=due_before(asker.now, given.due_within, given.late_days),
        found_before=asker.now - timedelta(days=given.older_days) if given.older_days else None,
        score=given.cvss,
        on=asset_like(asker.person, "", given.environment, given.importance, given.exposed),
        order="assets" if given.widest else "-priority",
        limit=window(given.limit, given.offset),
    )


def _none(wanted: VulnerabilityFilter, query: str) -> str:
    """Nothing fits; where a limit was asked for, which one comes next."""
    due = catalogue.next_due(replace(wanted, due_before=None)) if wanted.due_before else None
    next_one = f"最近的修复时限是 {moment(due)}。" if due else ""
    return "\n".join([f"没有符合条件的未修复漏洞。{next_one}", *foot(query)])


def _grouped(wanted: VulnerabilityFilter, by: str, query: str) -> ToolResult:
    """The assets, owners or levels with the most open ones."""
    rows = catalogue.grouped(wanted, by)
    if not rows:
        return ToolResult("no_data", query, _none(wanted, query), [])
    labels = SEVERITY if by == "severity" else {}
    lines = [
        f"- **{labels.get(name) or plain(name, 60) or '（空）'}**：{flaws} 个漏洞"
        + (f"，其中已被利用 {kev} 个" if kev else "")
        for name, flaws, kev in rows
    ]
    total, (number, _) = catalogue.count(wanted), catalogue.open_now(wanted)
    head = f"**未修复漏洞 {total.text} 个、发现 {number} 条，按{_BY[by]}**（一个漏洞可能在几台资产上）"
    if by == "asset":
        head = f"**未修复漏洞最多的 {len(rows)} 台资产**，共 {total.text} 个漏洞、{number} 条发现"
    names = [name for name, _, _ in rows]
    data = {"subject": {"asset": names[0]}} if by == "asset" else names  # 它: the first of them
    return ToolResult("ok", query, "\n".join([head, "", *lines, *foot(query)]), data, fields=tuple(names))


def _told(given: ListVulnerabilities) -> str:
    return told(
        级别=told_levels(levels(given.severity)),
        已被利用="是" if given.kev_only else "",
        资产=plain(given.asset, 60),
        关键字=plain(given.keyword, 60),
        补丁="" if given.fix_available is None else "有" if given.fix_available else "没有",
        修复时限=told_due(given.overdue, given.due_within, given.late_days),
        **told_age(given.older_days, None, "天"),
        CVSS=f"不低于 {given.cvss} 分" if given.cvss else "",
        资产负责人=plain(given.owner, 40),
        EPSS=f"不低于 {given.epss}%" if given.epss else "",
        分组=_BY[given.group_by] if given.group_by else "",
        KEV="不在" if given.not_kev else "",
        环境=plain(given.environment, 20),
        重要性=WEIGHTS[given.importance] if given.importance else "",
        对外="可能对外的资产" if given.exposed else "",
        排序="影响资产最多的在前" if given.widest else "",
    )


def _graver(wanted: VulnerabilityFilter) -> str:
    """What somebody who asks for 高危 may believe to see: the 严重 ones."""
    gravest = min((SEVERITIES.index(each) for each in wanted.severities), default=0)
    above = SEVERITIES[:gravest]
    found = catalogue.count(replace(wanted, severities=above)) if above else None
    names = "、".join(SEVERITY[each] for each in above)
    return f"另有{names} {found.text} 条" if found and found.count else ""


def vulnerability_line(flaw: VulnerabilitySummary) -> str:
    """One vulnerability in one line, its id first."""
    said = joined(
        [
            SEVERITY.get(flaw.severity, flaw.severity),
            f"CVSS {flaw.score:g}" if flaw.score is not None else "",
            "已被利用" if flaw.kev else "",
            f"EPSS {flaw.epss:.1%}" if flaw.epss is not None else "",
            plain(flaw.title, 80),
            f"{flaw.assets} 台资产",
            _patched(flaw),
        ]
    )
    return f"- **{flaw.vuln_id}** {said}"


def _patched(flaw: VulnerabilitySummary) -> str:
    versions = "、".join(plain(one, 30) for one in flaw.fixed_versions[:_FIXES])
    return (
        f"有补丁（{versions}）"
        if versions and flaw.fix_available
        else "有补丁"
        if flaw.fix_available
        else "暂无补丁"
    )


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "lookup_cve",
        "查询漏洞",
        "一个漏洞编号（CVE、CNVD、CNNVD、GHSA）的已存信息：级别、评分、已被利用、修复版本、更新时间。只依据本地数据。",
        CveId,
        lookup_cve,
    ),
    reading(
        "affected_assets",
        "查询受影响资产",
        "一个漏洞影响我们哪些资产：受影响、无法判断、不受影响，各有版本、负责人、时限。",
        AffectedAssets,
        affected_assets,
    ),
    reading(
        "list_vulnerabilities",
        "查询漏洞列表",
        "列出我们资产上未修复的漏洞，已被利用的在前，然后按级别和 EPSS；可以只看一台资产。",
        ListVulnerabilities,
        list_vulnerabilities,
    ),
)
