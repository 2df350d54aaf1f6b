"""One thing that is asked of an alert: how grave it is, why it stands there, who was told, which other machines have its hash."""

from collections.abc import Sequence
from typing import Final

from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.models.choices import AlertStatus, IndicatorKind
from secops_agent.services.alerts.queries.urgency import URGENT, judgement
from secops_agent.services.alerts.spread import hosts_of_hashes
from secops_agent.services.alerts.standing import standing_of
from secops_agent.services.alerts.timeline import calling_of
from secops_agent.services.alerts.views import AlertDetail, AlertSummary
from secops_agent.services.notifications.views import told_of, untold
from secops_agent.tools.definitions import Asker
from secops_agent.tools.markdown import VERDICT

_CODES: Final = 3
_MESSAGES: Final = 3
_MOST: Final = 20


def asked_of(detail: AlertDetail, about: str, asker: Asker) -> str:
    """The one thing that was asked of it; "" for all."""
    alert = detail.summary
    if about == "elsewhere":
        return _elsewhere(
            alert.id, [each.value for each in detail.indicators if each.kind == IndicatorKind.HASH]
        )
    if about == "delivery":
        return f"**{says.code(alert.id)} 的消息**：{messages_of(alert.id, asker.person.corp_id)}"
    if about == "calling":
        first, *others = calling_of(alert.id).lines
        told = [f"- {plain(each, 200)}" for each in others]
        return "\n".join(
            [f"**{says.code(alert.id)}：{plain(first, 200)}**", *told, f"- 通知过：{messages_of(alert.id)}"]
        )
    if about == "gravity":
        return _gravity(alert)
    return _why_there(alert) if about else ""


def _elsewhere(number: int, hashes: Sequence[str]) -> str:
    """On which other machines each of its hashes was seen, by which alerts."""
    code, found = says.code(number), hosts_of_hashes(number, hashes)
    if not found:
        return f"**{code} 里没有哈希**，所以说不出别的机器有没有。"
    lines = []
    for value, hosts in found.items():
        lines.append(
            f"**{code} 的哈希 {plain(value, 70)}：{f'别的机器有，{len(hosts)} 台' if hosts else '别的机器没有见过'}**"
        )
        lines += [
            f"- {plain(each.name, 60)} {len(each.alerts)} 条（{codes(each.alerts)}）"
            for each in hosts[:_MOST]
        ]
    return "\n".join([*lines, "- 只看本地的告警；没有告警的机器不一定没有这个文件"])


def _gravity(alert: AlertSummary) -> str:
    """Yes or no by what `urgency` adds up, and why."""
    code = says.code(alert.id)
    if alert.status == AlertStatus.CLOSED:
        return f"**{code} 已经关闭（{VERDICT.get(alert.verdict, '没有结论')}），不用再处理**"
    return f"**{code} {judgement(alert.id)}**"


def _why_there(alert: AlertSummary) -> str:
    """Where it stands in the order of what is most urgent, and why not before the one ahead of it."""
    code = says.code(alert.id)
    if alert.status == AlertStatus.CLOSED:
        return f"**{code} 已经关闭，不在「最要紧」的排序里**"
    found = standing_of(alert.id)
    place = f"第 {found.place}" if found.place else "200 名以后"
    lines = [f"**{code} 排{place}（没有关闭的共 {found.total} 条）：{found.why}**"]
    if found.before:
        pk, why = found.before
        same = "（一样，只是更近发生）" if why == found.why else ""
        lines.append(f"- 排在它前面一位的是 {says.code(pk)}：{why}{same}")
    return "\n".join([*lines, f"- 顺序：{URGENT}"])


def messages_of(number: int, corp_id: str | None = None) -> str:
    """Whom its newest messages went to, or why not; with ``corp_id`` also who there is not told of it by which rule."""
    rows = [(each, f"{plain(each.place, 60)} {each.standing}") for each in told_of(number, _MESSAGES)]
    told = "；".join(f"{one}（{plain(each.reason, 120)}）" if each.reason else one for each, one in rows)
    untold_by = (
        [plain(line, 300) for line in untold(number, corp_id)[:_MESSAGES]] if corp_id is not None else []
    )
    told = told or f"没有发给任何人{'' if untold_by else '：没有通知规则要发它'}"
    return "\n- ".join([told, *untold_by])


def codes(ids: Sequence[int]) -> str:
    """A12、A13…: the first ones."""
    return "、".join(f"A{pk}" for pk in ids[:_CODES]) + ("…" if len(ids) > _CODES else "")


def calls_of(alert: AlertSummary) -> str:
    """Who is called next or why nobody is; "" for one that is closed or was told to nobody."""
    called = calling_of(alert.id) if alert.status != AlertStatus.CLOSED else None
    return "；".join(plain(each, 200) for each in called.lines) if called and called.was_told else ""
