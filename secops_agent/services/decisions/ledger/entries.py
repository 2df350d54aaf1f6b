"""Ledger of blocks: what each order became, its end when its time is over, and what devices say of it.

Every change is in the transaction of the action that it follows, so that a process that dies leaves neither out.
"""

import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, Min, QuerySet

from bifang.core.database.db import database_now
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models import Alert, AlertAsset, AlertIndicator, Role
from secops_agent.models.automation.action import ACTION_OPEN, NOTHING_DONE, Action, ActionState
from secops_agent.models.automation.block import BlockRecord, BlockState
from secops_agent.models.automation.proposal import Proposal
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.clock import clock
from secops_agent.services.decisions import notices
from secops_agent.services.decisions.targets import TARGETS, aimed_at
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.notifications.delivery import administrators
from secops_agent.services.people import eligibility
from secops_agent.services.switches import NO_ACTIONS, read_switches

STANDING: Final = (BlockState.ACTIVE, BlockState.UNKNOWN, BlockState.LIFTING)
KINDS: Final = {"block_ip": "封禁", "isolate_host": "隔离"}
MISTAKES: Final = {"block_ip": "误封", "isolate_host": "误隔离"}
ENDS: Final = "时限到期"  # who ends what its time is over of
ROUND: Final = 100  # ended at a time
RETRY: Final = timedelta(minutes=10)
LONGEST_RETRY: Final = timedelta(days=1)
LATELY: Final = timedelta(days=7)  # an alert that names the target is why, if it is not older
UNPROVEN: Final = "设备没有给出撤销或查询的办法，按约定自己到期，没有核实。"
_ALERT: Final = re.compile(r"(?<![A-Za-z0-9])[Aa]([0-9]{1,18})(?![0-9])")
_BECAME: Final = {
    ActionState.DONE: BlockState.ACTIVE, ActionState.DRY: BlockState.DRY, ActionState.FAILED: BlockState.FAILED,
    ActionState.UNKNOWN: BlockState.UNKNOWN,
}  # fmt: skip


def open_rows(actions: Collection[Action], case_id: int | None = None) -> None:
    """Rows for what was ordered now; actions that block nothing have none."""
    aims = {action.pk: aim for action in actions if (aim := aimed_at(action.tool, action.arguments))}
    alerts = _alerts_naming([aim[1] for aim in aims.values()], database_now()) if aims else {}
    why = {
        pk: _alert_told(str(action.arguments.get("reason", ""))) or alerts.get(aims[pk][1])
        for action in actions
        if (pk := action.pk) in aims
    }
    cases = dict(Alert.objects.filter(pk__in=filter(None, why.values())).values_list("pk", "case_id"))
    rows = [
        BlockRecord(
            action=action, kind=aim[0], target=aim[1][:200], asset_id=action.arguments.get("asset_id"),
            alert_id=why[action.pk], case_id=case_id or cases.get(why[action.pk] or 0),
            corp_id=action.ordered_by.corp_id if action.ordered_by else "", since=action.created_at,
            minutes=action.arguments.get("duration_minutes"),
        )
        for action in actions if (aim := aims.get(action.pk))
    ]  # fmt: skip
    BlockRecord.objects.bulk_create(rows)


def first_named(reason: str) -> int:
    """The number of the alert that the reason names first, whether there is such an alert or not; 0 for none."""
    found = _ALERT.search(reason)
    return int(found[1]) if found else 0


def _alert_told(reason: str) -> int | None:
    """The alert that the reason names."""
    return Alert.objects.filter(pk=first_named(reason)).values_list("pk", flat=True).first()


def _alerts_naming(targets: Collection[str], at: datetime) -> dict[str, int]:
    """Target → the one alert lately that names it; of several nobody said which."""
    lately = {"alert__last_seen__gte": at - LATELY}
    named = (
        AlertIndicator.objects.filter(kind="ip", value__in=targets, **lately).order_by().values_list("value")
    )
    about = AlertAsset.objects.filter(asset__name__in=targets, **lately).order_by().values_list("asset__name")
    rows = [row for each in (about, named) for row in each.annotate(Min("alert_id"), Max("alert_id"))]
    return {target: first for target, first, last in rows if first == last}


def note_result(action: Action) -> None:
    """What an action came to, in the transaction that stores it."""
    if action.undo_of_id:
        row = BlockRecord.objects.filter(action_id=action.undo_of_id).first()
        if row is not None:
            _note_end(row, action)
    else:
        row = BlockRecord.objects.filter(action=action).first()
        if row is not None:
            _note_begin(row, action)
    if action.batch_id:
        tell_batch(action.batch_id)


def _seen(action: Action) -> dict[str, Any]:
    """What the device said afterwards, if it was asked; who looked there since then knows better."""
    stands = action.response.get("stands")
    if isinstance(stands, bool):
        told = {"stands": stands, "verified_at": action.finished_at}
    else:
        told = {"stands": None, "verified_at": None} if action.settled_by else {}
    return {**told, "proof": action.result[:2000]}


def _note_begin(row: BlockRecord, action: Action) -> None:
    state, at = _BECAME[ActionState(action.state)], action.finished_at or database_now()
    until = at + timedelta(minutes=row.minutes) if row.minutes else None
    over = {} if state in STANDING else {"ended_at": at}
    values = {"state": state, "since": at, "until": until, "due_at": until, **over, **_seen(action)}
    BlockRecord.objects.filter(pk=row.pk).update(**values)
    if state == BlockState.ACTIVE:
        before = standing(row.kind, [row.target]).exclude(pk=row.pk)
        before.filter(action__connector_config=action.connector_config_id).update(
            state=BlockState.EXTENDED, due_at=None, ended_at=at, ended_by=action.asker
        )


def standing(kind: str, targets: Collection[str]) -> "QuerySet[BlockRecord]":
    """What is, or may be, in force of these targets."""
    return BlockRecord.objects.filter(kind=kind, target__in=targets, state__in=STANDING)


def _note_end(row: BlockRecord, undo: Action) -> None:
    """A release that the device shows not to have taken is none."""
    mine, by_itself = BlockRecord.objects.filter(pk=row.pk), undo.asker == ENDS
    done = undo.state == ActionState.DONE and undo.response.get("stands") is not True
    if done:
        state = BlockState.EXPIRED if by_itself else BlockState.LIFTED
        mine.update(state=state, due_at=None, ended_at=undo.finished_at, ended_by=undo.asker, **_seen(undo))
    elif undo.state == ActionState.UNKNOWN:
        mine.update(state=BlockState.LIFTING, **_seen(undo))
    else:
        Action.objects.filter(pk=undo.pk, state=ActionState.DONE).update(
            undo_of=None
        )  # so that it can be tried again
        pause = min(RETRY * 2**row.tries, LONGEST_RETRY)
        due = database_now() + pause if by_itself else row.until
        mine.update(state=BlockState.ACTIVE, due_at=due, tries=row.tries + by_itself, **_seen(undo))
    if not done and undo.proposal_id is None and undo.batch_id is None:
        _tell_not_ended(row, undo)


def _tell_not_ended(row: BlockRecord, undo: Action) -> None:
    """To who asked and who approved; to the administrators where the approver is not there any more."""
    word, first = KINDS[row.kind], undo.ordered_by
    text = (
        f"**{row.target} 的{word}没有解除**（{undo.asker}）\n\n- 设备：{undo.connector or row.action.connector}\n- 结果：{undo.result}\n"
        f"- 原定到：{clock(row.until) if row.until else '—'}\n\n{'稍后会再试一次；' if undo.asker == ENDS else ''}请到设备核实，或在「封禁台账」里处理。"
    )
    key = f"block:{row.pk}:{undo.pk}:{undo.state}"
    if first is None:
        return
    notices.tell_concerned(first, text, key)
    corp_id, _, staff_id = first.decider_id.partition(":")
    if not staff_id or eligibility.listed(corp_id, staff_id) is None:
        administrators.tell(first.config, f"{word}没有解除", text, key=key)


def tell_batch(proposal_id: int) -> None:
    """One message when the last of them is over; whoever closes one of them waits for the others to be written."""
    proposal = Proposal.objects.select_for_update().get(pk=proposal_id)
    rows = Action.objects.filter(batch=proposal).order_by("pk")
    if rows.filter(state__in=ACTION_OPEN).exists():
        return
    told = list(rows.values_list("state", "arguments", "result", "tool"))
    good = [each for each in told if each[0] in (ActionState.DONE, ActionState.DRY)]
    lines = [
        f"- {arguments.get(TARGETS.get(tool, ''), '')}：{ActionState(state).label}。{result[:200]}"
        for state, arguments, result, tool in told if state not in (ActionState.DONE, ActionState.DRY)
    ]  # fmt: skip
    dry = "（演练，没有真的执行）" if any(state == ActionState.DRY for state, *_ in good) else ""
    parts = [f"{len(good)} 个成功{dry}"] if good else []
    parts += [f"{len(lines)} 个没有成功"] if lines else []
    head = f"**{proposal.title}（{proposal.code}）：{'，'.join(parts)}**"
    notices.tell_concerned(proposal, "\n".join([head, "", *lines]), f"batch:{proposal.pk}:result")


def ending(action: Action, reason: str, *, asker: str, approver: str, **more: Any) -> Action:
    """The release of what an action set up, not stored yet."""
    return Action(
        undo_of=action, config_id=action.config_id, key=secrets.token_hex(16), tool=action.tool,
        title=f"解除{KINDS.get(action.tool, '')}", arguments=action.arguments, summary=f"{reason}：{action.summary}", asker=asker,
        approver=approver, created_at=database_now(), **more,
    )  # fmt: skip


def forget_failed(actions: Collection[Action]) -> None:
    """Releases that failed, so that there may be another; their summary tells what they were."""
    Action.objects.filter(undo_of__in=actions, state__in=NOTHING_DONE).update(undo_of=None)


def end(action: Action, by: str, reason: str, **more: Any) -> Action:
    """Order its release without asking anybody. In a transaction."""
    forget_failed([action])
    undone = ending(action, reason, **({"asker": by, "approver": by} | more))
    undone.save()
    return undone


def end_due() -> int:
    """Order the end of what its time is over of; returns how many. Safe on several workers, and killed at any moment."""
    now = database_now()
    due = BlockRecord.objects.filter(state=BlockState.ACTIVE, due_at__lte=now)
    if not due.exists():  # asked every few seconds: without SQLite's one write lock
        return 0
    if NO_ACTIONS in read_switches():  # the others once it is off
        due = due.filter(action__undo_url=None)
    count = 0
    for row in due.select_related("action").order_by("due_at")[:ROUND]:
        with transaction.atomic():
            count += due.filter(pk=row.pk).update(state=BlockState.LIFTING, due_at=None) and _end(row, now)
    return count


def _end(row: BlockRecord, now: datetime) -> int:
    if row.action.undo_url is None:
        ended = {"ended_at": now, "ended_by": ENDS, "proof": UNPROVEN, "stands": None}
        return BlockRecord.objects.filter(pk=row.pk).update(state=BlockState.EXPIRED, **ended)
    end(row.action, ENDS, ENDS)
    return 1


def demand_releaser(actor: Actor, corp_id: str) -> None:
    """Only an approver of the corporation takes back by themselves. Raises InvalidInput."""
    staff = eligibility.staff_of(actor)
    able = staff is not None and eligibility.able(Role.APPROVER).filter(pk=staff.pk).exists()
    if staff is None or not able or corp_id not in ("", staff.corp_id):
        raise InvalidInput(
            "误封由本企业的审批人立即解除；您可以申请解除（解封、解除隔离），由审批人同意。没有执行任何操作。"
        )


def mistaken(row_id: int, actor: Actor, note: str = "") -> BlockRecord:
    """误封: released at once, on record, told to who asked for it. Raises InvalidInput for who is no approver, NotFound, Conflict.

    What is wrongly blocked hurts somebody each minute, and what was released can be blocked again: one approver is enough.
    """
    with transaction.atomic():
        rows = BlockRecord.objects.select_related("action__proposal", "action__batch")
        row = rows.filter(pk=row_id).first()
        if row is None:
            raise NotFound(f"封禁台账里没有编号为 {row_id} 的一行。")
        demand_releaser(actor, row.corp_id)
        won = BlockRecord.objects.filter(pk=row_id, state__in=(BlockState.ACTIVE, BlockState.UNKNOWN))
        if row.action.undo_url is None:
            raise Conflict(
                f"{row.target} 的设备没有给出撤销的办法：请到设备上解除，再在这里登记。没有执行任何操作。"
            )
        if not won.update(state=BlockState.LIFTING, due_at=None, mistaken_by=actor.name[:100]):
            raise Conflict(f"{row.target} 现在没有{KINDS[row.kind]}，或正在解除。没有执行任何操作。")
        word = MISTAKES.get(row.kind, "误封")
        end(row.action, actor.name[:100], f"{word}，立即解除")
        said = f"{word}：{row.target}，立即解除"
        detail = {"target": row.target, "kind": row.kind, "action": row.action_id, "alert": row.alert_id}
        keep(actor, said, f"block:{row.pk}", detail, note)
        if first := row.action.ordered_by:
            hint = (
                f"\n\n告警也是误报的话：{says.close(row.alert_id, 'false_positive')}" if row.alert_id else ""
            )
            text = f"**{row.target} 是{word}**：{actor.name} 登记，正在解除。{note}{hint}"
            notices.tell_concerned(first, text, f"block:{row.pk}:mistaken")
    return row


def device_of(row: BlockRecord) -> str:
    """Where it stands, as people know it."""
    return "" if row.state == BlockState.DRY else row.action.connector
