"""Three incidents of the demo estate: one in hand, one contained, one closed. What people did lies in the past."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from secops_agent.demo.incidents import LASTING
from secops_agent.models import Alert, Case, CaseStatus, CaseTask, History, Staff
from secops_agent.models.choices import AlertStatus, Verdict
from secops_agent.services.actors import Actor
from secops_agent.services.audit import history
from secops_agent.services.cases.membership import alert_codes
from secops_agent.services.cases.views import code_of
from secops_agent.services.writing import import_transaction


@dataclass(frozen=True, slots=True)
class Plot:
    """``rules`` and ``mark`` (an indicator) choose the alerts. ``tasks``: text, and whether it is done."""

    title: str
    rules: tuple[str, ...]
    mark: str
    status: CaseStatus
    owner: str
    summary: str
    notes: tuple[str, ...]
    tasks: tuple[tuple[str, bool], ...]
    verdict: str = ""


_PLOTS: Final = (
    Plot(
        "203.0.113.5 暴力破解 jump-01 后外传 db-02 的数据", ("5712", "abnormal-login", "2404300"), "203.0.113.5",
        CaseStatus.WORKING, "lisi", "",
        ("jump-01 的登录记录里有 203.0.113.5，成功登录以后 db-02 开始向外发送数据。",),
        (
            ("查 203.0.113.5 登录了 jump-01 上的哪些账号", True), ("重置 jump-01 上 deploy 账号的密码和密钥", False),
            ("核对 db-02 外传了哪些表", False), ("提出封禁 203.0.113.5", False),
        ),
    ),
    Plot(
        "钓鱼附件带来的勒索病毒（file-01）", ("87105", "ransom"), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        CaseStatus.CONTAINED, "zhaoliu", "pc-hr-02 打开了带宏的附件，之后 file-01 上的文件被批量改写。两台主机已断网，等恢复备份。",
        ("file-01 已断网，备份是昨天 02:00 的，完整。",),
        (("隔离 file-01，拔掉 pc-hr-02 的网线", True), ("从备份恢复 file-01 的共享目录", False)),
    ),
    Plot(
        "运维发布时的 sudo 告警", ("5402",), "", CaseStatus.CLOSED, "lisi", "发布脚本用 sudo 执行，已在规则里排除发布账号。",
        ("发布单和告警时间对得上。",), (("在规则里排除发布账号", True),), Verdict.BENIGN,
    ),
)  # fmt: skip


def gather(ids: Sequence[int], people: Sequence[Staff], now: datetime) -> list[int]:
    """Make them of the demo's alerts; returns their ids. Plots whose alerts are not there are left out."""
    by_id = {row.staff_id: row for row in people}
    made: list[int] = []
    for plot in _PLOTS:
        alerts = _alerts(plot, ids)
        if len(alerts) > 1 and plot.owner in by_id:
            with import_transaction():
                made.append(_make(plot, alerts, by_id[plot.owner], now))
    return made


def _alerts(plot: Plot, ids: Sequence[int]) -> list[Alert]:
    """A closed case has closed alerts, the others some of the lasting ones."""
    rows = Alert.objects.filter(rule_id__in=plot.rules, case=None).order_by("pk")
    if plot.verdict:
        return list(rows.filter(pk__in=ids, status=AlertStatus.CLOSED, verdict=plot.verdict)[:3])
    return list(rows.filter(pk__in=ids[:LASTING], indicators__value=plot.mark).distinct()[:5])


def _make(plot: Plot, alerts: Sequence[Alert], owner: Staff, now: datetime) -> int:
    actor = Actor.person(owner, "dingtalk")
    begun = now - timedelta(hours=20)
    closed = begun + timedelta(hours=9) if plot.verdict else None
    case = Case.objects.create(
        title=plot.title, status=plot.status, verdict=plot.verdict, owner=owner, summary=plot.summary,
        created_at=begun, made_by=owner.name, closed_at=closed, closed_count=len(alerts) if closed else 0,
    )  # fmt: skip
    Alert.objects.filter(pk__in=[each.pk for each in alerts], case=None).update(case=case)
    codes = alert_codes(each.pk for each in alerts)
    told = [
        history.entry("case", case.pk, actor, "create", {"title": ("", case.title), "owner": ("", owner.name)}, at=begun),
        history.entry("case", case.pk, actor, "add_alerts", {"alerts": ("", codes)}, at=begun),
    ]  # fmt: skip
    change = {"case": ("", code_of(case.pk))}
    told += [history.entry("alert", each.pk, actor, "gather", change, at=begun) for each in alerts]
    told += list(_work(plot, case, actor, begun))
    History.objects.bulk_create(told)
    return case.pk


def _work(plot: Plot, case: Case, actor: Actor, begun: datetime) -> list[History]:
    """Tasks, notes, and how it stands now, an hour each."""
    at, told = begun, list[History]()
    for text, done in plot.tasks:
        at += timedelta(minutes=20)
        CaseTask.objects.create(
            case=case, text=text, assignee=case.owner, created_at=at, made_by=actor.name,
            done_at=at + timedelta(hours=1) if done else None, done_by=actor.name if done else "",
        )  # fmt: skip
        told.append(history.entry("case", case.pk, actor, "add_task", {"task": ("", text)}, at=at))
        if done:
            finished = at + timedelta(hours=1)
            told.append(
                history.entry("case", case.pk, actor, "finish_task", {"task": ("", text)}, at=finished)
            )
    told += [
        history.entry("case", case.pk, actor, "comment", {}, note, begun + timedelta(hours=3))
        for note in plot.notes
    ]
    action = "close" if plot.verdict else "update"
    change = {"status": (CaseStatus.NEW, plot.status)} | (
        {"verdict": ("", plot.verdict)} if plot.verdict else {}
    )
    told.append(
        history.entry("case", case.pk, actor, action, change, at=case.closed_at or begun + timedelta(hours=2))
    )
    return sorted(told, key=lambda each: each.at)
