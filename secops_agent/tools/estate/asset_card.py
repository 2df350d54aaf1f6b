"""Card of an asset: whose it is, and beside it what is asked of a machine: cut off or not, alerts, flaws, software, cases."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.models import CaseStatus
from secops_agent.services import links
from secops_agent.services.alerts.queries.urgency import judgement
from secops_agent.services.assets import inventory
from secops_agent.services.assets.reach import exposure_of
from secops_agent.services.assets.views import AssetSummary
from secops_agent.services.cases.timeline import CaseMoment
from secops_agent.services.cases.views import private_values
from secops_agent.services.operations.asset_standing import AssetStanding, standing_of
from secops_agent.services.vulnerabilities.catalogue import software_named
from secops_agent.services.vulnerabilities.repairs import Repair, Repairs, repairs_of
from secops_agent.tools.definitions import Asker
from secops_agent.tools.incidents.alerts import alert_lines
from secops_agent.tools.markdown import ASSET_TYPE, IMPORTANCE, SEVERITY, ago, counts, joined, moment
from secops_agent.tools.operations.blocks import block_line

ASPECTS: Final = {
    "network": "网络状态", "alerts": "告警", "vulnerabilities": "漏洞", "cases": "事件", "owner": "资料", "gravity": "严不严重",
}  # fmt: skip
_CUT: Final = re.compile("断网|断开|隔离|下线|切断|拔线|拔网线")
_FEW, _MANY = 2, 8
_CASE_STATUS: Final = {value: str(label) for value, label in CaseStatus.choices}


@dataclass(frozen=True, slots=True)
class AssetAnswer:
    """``alerts``: the ids of those that it shows; ``keys``: its names and addresses; ``fields``: what may be pointed at; ``private``: names of people in the text."""

    text: str
    alerts: tuple[int, ...]
    keys: tuple[str, ...]
    fields: tuple[str, ...]
    private: tuple[str, ...]


def card_of(asset: AssetSummary, description: str, asker: Asker, *, about: str, software: str) -> AssetAnswer:
    """What was asked ``about`` (`ASPECTS`) comes first; of ``software`` the version and what to upgrade to. Twelve queries."""
    standing, keys = standing_of(asset.id, asset.name, asker.now), inventory.names_of(asset.id)
    lines, people, pointed = alert_lines(standing.worst, asker)
    repairs = repairs_of(asset.id, software)
    parts = {
        "network": list(_network(standing, asker)),
        "alerts": [_open_alerts(standing), *(f"  {line}" for line in lines)],
        "vulnerabilities": list(_flaws(repairs, software)),
        "cases": list(_cases(standing)),
        "owner": list(
            _described(asset, description, {plain(each.value, 80) for each in keys if each.kind != "ip"})
        ),
    }
    first = _installed(asset, software, repairs) if software else []
    order = sorted(parts, key=lambda name: name != (about or ("vulnerabilities" if software else "")))
    judged = [_gravity(asset, standing, repairs), ""] if about == "gravity" else []
    text = "\n".join(
        [*judged, _heading(asset), "", *first, *(line for name in order for line in parts[name])]
    )
    hidden = (*people, *private_values(case.id for case in standing.cases)) if asker.hides_private else ()
    values = tuple(each.value for each in keys)
    fields = (*values, *filter(None, [asset.owner]), *pointed)
    shown = tuple(each.id for each in standing.worst)
    return AssetAnswer(text, shown, values, fields, hidden)


def _heading(asset: AssetSummary) -> str:
    weight = IMPORTANCE.get(asset.importance, asset.importance)
    stand = joined(
        [
            f"负责人 {plain(asset.owner, 60)}" if asset.owner else "没有登记负责人",
            f"重要性 {weight}" if weight else "",
            ASSET_TYPE.get(asset.asset_type, asset.asset_type),
            "、".join(asset.ips),
            plain(asset.environment, 40),
        ]
    )
    return f"**资产 {plain(asset.name, 100)}：{stand}**"


def _gravity(asset: AssetSummary, standing: AssetStanding, repairs: Repairs) -> str:
    """Yes or no by its worst open alert; without one by what is exploited and not mended."""
    name = plain(asset.name, 60)
    if standing.worst:
        first = standing.worst[0]
        return f"**{name} {judgement(first.id)}**（最要紧的 {says.code(first.id)} {plain(first.title, 60)}，没有关闭的共 {standing.total} 条）"
    if repairs.kev:
        return f"**{name} 要紧**：没有未关闭的告警，但有 {repairs.kev} 个已被利用（KEV）的漏洞没修"
    return f"**{name} 不算严重**：没有未关闭的告警，也没有已被利用（KEV）的漏洞没修"


def _network(standing: AssetStanding, asker: Asker) -> Iterator[str]:
    """Cut off or not, by our own records; what a case says of it, and whether alerts go on."""
    isolated = [each for each in standing.blocks if each.kind != "silence"]
    yield from (f"- 网络：{block_line(each, asker.person)}" for each in isolated)
    if not isolated:
        yield "- 网络：毕方没有隔离记录；直接在设备上做的不在这里"
    told = [each for each in standing.said if _CUT.search(each.text)]
    yield from (f"  - {_moment(each)}" for each in told)
    newest = max((each.last_seen for each in standing.worst), default=None)
    if told and newest and newest > told[0].at:
        yield f"  - 在这之后还有告警，最近一次 {ago(newest, asker.now)}"
    silences = (each for each in standing.blocks if each.kind == "silence")
    yield from (f"- 静默：{block_line(each, asker.person)}" for each in silences)


def _open_alerts(standing: AssetStanding) -> str:
    late = f"，其中 {standing.late} 条已超时" if standing.late else ""
    levels = f"（{counts(standing.levels, SEVERITY)}）" if standing.levels else ""
    shown = f"；最要紧的 {len(standing.worst)} 条：" if standing.worst else ""
    return f"- 未关闭告警：{standing.total} 条{levels}{late}；24 小时内发生 {standing.recent} 条{shown}"


def _flaws(found: Repairs, word: str) -> Iterator[str]:
    total = sum(number for _, number in found.levels)
    kev = f"，已被利用（KEV）{found.kev} 个" if found.kev else ""
    due = f"，最近的修复时限 {moment(found.due)}" if found.due else ""
    yield (
        f"- 未修复问题：{total} 个（{counts(found.levels, SEVERITY)}）{kev}{due}"
        if total
        else "- 未修复问题：无"
    )
    shown = [each for each in found.each if each.target][: _MANY if word else _FEW]
    if shown:
        yield "- 升级：" + "；".join(map(_repair, shown))


def _repair(each: Repair) -> str:
    rest = f"，另有 {each.unfixed} 个没有修复版本" if each.unfixed else ""
    name = plain(f"{each.component} {each.version}", 80)
    return f"{name} 升到 {plain(each.target, 60)}（解决 {each.flaws - each.unfixed} 个{rest}）"


def _installed(asset: AssetSummary, word: str, repairs: Repairs) -> list[str]:
    """Which versions of the software are on it, by its own name or by what its flaws are known as: glibc is libc6."""
    found = software_named(word, [asset.id]).get(asset.id)
    if found is None and repairs.each:
        named = "、".join(plain(f"{each.component} {each.version}", 80) for each in repairs.each[:_MANY])
        return [f"- 软件：漏洞里提到「{plain(word, 40)}」的组件是 {named}"]
    if found is None:
        return [f"- 软件：清单里没有名称含「{plain(word, 40)}」的组件"]
    flaws = f"，未修复漏洞 {'、'.join(found.flaws[:_MANY])}" if found.flaws else "，没有发现未修复的漏洞"
    return [f"- 软件：{plain('、'.join(found.components[:_MANY]), 200)}{flaws}"]


def _cases(standing: AssetStanding) -> Iterator[str]:
    for case in standing.cases:
        yield f"- 事件：{case.code} {plain(case.title, 60)}（{_CASE_STATUS.get(case.status, case.status)}）"
    yield from (f"  - {_moment(each)}" for each in standing.said if not _CUT.search(each.text))


def _moment(each: CaseMoment) -> str:
    """E2 完成任务：断开 file-01 的网络（赵六 11-29 12:00）."""
    return f"{each.subject} {each.what}：{plain(each.text, 100)}（{plain(each.actor, 20)} {moment(each.at)}）"


def _described(asset: AssetSummary, description: str, names: set[str]) -> Iterator[str]:
    aliases = "、".join(sorted(names - {asset.name})[:_MANY])
    facts = [
        plain(description, 200),
        "、".join(plain(tag, 30) for tag in asset.tags),
        f"又名 {aliases}" if aliases else "",
    ]
    source = [plain(asset.source, 100), f"最近发现 {moment(asset.last_seen)}", f"编号 {asset.id}"]
    if exposed := exposure_of(asset):
        yield f"- 可能对外：{plain(exposed, 60)}"
    yield f"- 资料：{joined(facts)}" if any(facts) else "- 资料：没有登记说明"
    yield f"- 来源：{joined([*source, links.page('资产页', links.asset(asset.id))])}"
