"""list_proposals: what waits for the asker's confirmation or approval, and what was decided."""

from collections.abc import Sequence
from typing import Final, Literal

from bifang.channels.text.markup import plain
from secops_agent.models import Proposal
from secops_agent.services.decisions import pending
from secops_agent.services.decisions.pending import ProposalFilter
from secops_agent.services.reports.periods import PERIODS
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.filters import colleague, since_argument, span, span_of_period, told, until_argument
from secops_agent.tools.markdown import foot, joined, moment

_OBJECTS: Final = ("ip", "asset", "target", "alert_id")  # what an action is done to, no free text
_ACTIONS: Final = {
    "block_ip": "封禁",
    "unblock_ip": "解封",
    "isolate_host": "隔离",
    "release_host": "解除隔离",
}
_IN_GROUP: Final = "待确认和待审批的操作不在群里显示，已私聊发给您。"


class ListProposals(Arguments):
    """Arguments of list_proposals."""

    state: Literal["waiting", "decided"] | None = argument(
        "等待决定的（默认），或已经决定的（谁批准、谁拒绝）", default=None
    )
    target: str = argument("只看关于它的：IP 或主机名", default="")
    period: Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month"] | None = (
        argument("哪一天、周、月提出的", labels=PERIODS, default=None)
    )
    since_hours: int | None = since_argument()
    until_hours: int | None = until_argument()
    asked_by: str = argument("谁提出的：姓名或员工 ID；我", default="")
    action: Literal["block_ip", "unblock_ip", "isolate_host", "release_host"] | None = argument(
        "只看这种操作的", labels=_ACTIONS, default=None
    )


def list_proposals(asker: Asker, given: ListProposals) -> ToolResult:
    """The asker's own undecided ones, and for an approver those of others; or those that were decided. Not for a group."""
    wanted, query = _wanted(asker, given)
    all_waiting = pending.waiting_for(asker.person)
    waiting = [each for each in all_waiting if wanted.takes(each)]
    # However they stand, where something tells which are meant.
    narrowed = given.target or given.asked_by or given.action
    done = pending.decided(asker.person, wanted) if given.state == "decided" or narrowed else ()
    others = [each for each in pending.of_others(asker.person, all_waiting) if wanted.takes(each)]
    text = ""
    if given.state != "decided":
        text = "\n".join([pending.tell(asker.person, waiting), *_elsewhere(others)])
    if given.state == "decided" or narrowed:
        text = "\n\n".join(filter(None, (text, "\n".join([*_decided(done), *foot(query)]))))
    status = "ok" if waiting or done or others else "no_data"
    if asker.is_group and (waiting or done or others):
        return ToolResult("ok", query, _IN_GROUP, private_text=text)
    codes = [each.code for each in waiting]
    asked = [each.arguments.get(name) for each in (*waiting, *others, *done) for name in _OBJECTS]
    fields = (*codes, *(str(value) for value in asked if value))
    return ToolResult(status, query, text, codes, fields=fields)  # type: ignore[arg-type]


def _wanted(asker: Asker, given: ListProposals) -> tuple[ProposalFilter, str]:
    """Which of them, and that in Chinese. Raises NotFound for a person."""
    now = asker.now
    time = (
        span_of_period(given.period, now) if given.period else span(given.since_hours, given.until_hours, now)
    )
    person = colleague(given.asked_by, asker.person) if given.asked_by else None
    asker_id = person.staff_id if person else ""
    query = told(
        状态="已决定的" if given.state == "decided" else "等待您决定的",
        对象=plain(given.target, 60),
        提出人=plain(person.name, 40) if person else "",
        操作=_ACTIONS[given.action] if given.action else "",
        提出时间=time.told,
    )
    return ProposalFilter(time.since, time.until, given.target, asker_id, given.action or ""), query


def _elsewhere(rows: Sequence[Proposal]) -> list[str]:
    """What others ask for and others decide."""
    lines = [
        f"- {plain(each.summary, 160)}（{plain(each.asker_name, 40)} 提出，{each.code}）" for each in rows
    ]
    return ["", f"**等别人审批，不由您决定：{len(rows)} 个**", "", *lines] if rows else []


def _decided(rows: Sequence[Proposal]) -> list[str]:
    """How each was decided, by whom and when."""
    lines = [
        "- "
        + joined(
            [
                f"**{row.get_state_display()}**",
                plain(row.summary, 160),
                f"{plain(row.asker_name, 40)} {moment(row.created_at)} 提出",
                f"{plain(row.decider_name, 40)} {moment(row.decided_at)} 决定"
                if row.decided_at
                else "没有人决定",
            ]
        )
        for row in rows
    ]
    return [f"**已经决定的申请：{len(rows)} 个**", "", *lines] if rows else ["没有这样的、已经决定的申请。"]


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "list_proposals",
        "查看待审批",
        "等待提问者本人确认、或等待他审批的操作，各有完整的回复口令；已经决定的是谁批的。只能由人自己回复，不能代为决定。",
        ListProposals,
        list_proposals,
    ),
)
