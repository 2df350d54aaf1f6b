"""Batches: many blocks, or many releases, as one proposal; each target is an action and a row of the ledger of its own."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from bifang.channels.text.markup import plain
from bifang.core.database.db import database_now
from bifang.core.errors import InvalidInput
from secops_agent.models import Action, ActionState, BlockRecord, BlockState, Case, Staff
from secops_agent.models.automation.proposal import Proposal, Risk
from secops_agent.services.actors import Actor
from secops_agent.services.clock import clock, span_told
from secops_agent.services.decisions import direct_requests
from secops_agent.services.decisions.carriers import BATCH, RELEASE, UNDOES
from secops_agent.services.decisions.ledger import entries
from secops_agent.services.decisions.targets import address_of, refusals
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.records.indicators import refang

MOST: Final = 500
_BLOCK: Final = "block_ip"


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What one approval would set going; ``refused``: target → why it is left out."""

    title: str
    arguments: Mapping[str, Any]
    summary: str
    refused: Mapping[str, str]


def plan_blocks(text: str, minutes: int | None, reason: str, case_id: int | None = None) -> BatchPlan:
    """Of addresses as people paste them. Raises InvalidInput if none of them may be blocked, or too many are named."""
    words = list(
        dict.fromkeys(
            refang(word) for word in text.replace(",", " ").replace("，", " ").replace("、", " ").split()
        )
    )
    _demand(words)
    refused: dict[str, str] = {}
    found: dict[str, None] = {}
    for word in words:
        try:
            found[str(address_of(word))] = None
        except InvalidInput:
            refused[plain(word, 60)] = "不是一个 IP 地址"
    refused |= refusals(list(found)) | _standing(list(found), minutes)
    targets = [each for each in found if each not in refused]
    if not targets:
        raise InvalidInput(f"没有一个可以封禁：{_listed(refused)}")
    if case_id is not None and not Case.objects.filter(pk=case_id).exists():
        raise NotFound(f"没有编号为 {case_id} 的事件。")
    given = {"tool": _BLOCK, "targets": targets, "reason": reason, "case_id": case_id}
    return BatchPlan(
        f"{'批量' if len(targets) > 1 else ''}封禁 {len(targets)} 个 IP",
        given | ({} if minutes is None else {"duration_minutes": minutes}),
        f"封禁 {len(targets)} 个 IP，时长：{span_told(minutes)}，{f'理由：{plain(reason, 500)}' if reason else '没有写理由'}\n\n{'、'.join(targets)}",
        refused,
    )


def plan_releases(row_ids: Collection[int], reason: str, corp_id: str) -> BatchPlan:
    """Of rows of the ledger, by somebody of a corporation. Raises InvalidInput if none of them can be released."""
    _demand(row_ids)
    rows = BlockRecord.objects.select_related("action").filter(pk__in=row_ids).order_by("pk")
    refused = {row.target: why for row in rows if (why := _unreleasable(row, corp_id))}
    good = [row for row in rows if not _unreleasable(row, corp_id)]
    if not good:
        raise InvalidInput(f"没有一个可以解除：{_listed(refused)}")
    lines = "、".join(row.target for row in good)
    why = f"理由：{plain(reason, 500)}" if reason else "没有写理由"
    given = {"tool": RELEASE, "actions": [row.action_id for row in good], "reason": reason}
    title = f"解除 {len(good)} 个封禁和隔离"
    many = "批量" if len(good) > 1 else ""
    return BatchPlan(f"{many}{title}", given, f"{title}，{why}\n\n{lines}", refused)


def plan_together(tool: str, orders: Sequence[Mapping[str, Any]], corp_id: str) -> BatchPlan | None:
    """Several blocks, or several releases, that differ in their targets only, as one; None for all else. Raises InvalidInput."""
    shared = [{name: each.get(name) for name in ("duration_minutes", "reason")} for each in orders]
    if len(orders) < 2 or any(each != shared[0] for each in shared):
        return None
    minutes, reason = shared[0]["duration_minutes"], shared[0]["reason"] or ""
    if tool == _BLOCK:
        return plan_blocks(" ".join(each["ip"] for each in orders), minutes, reason)
    if tool not in UNDOES:
        return None
    rows = BlockRecord.objects.filter(action__in=[each["action_id"] for each in orders])
    return plan_releases(rows.values_list("pk", flat=True), reason, corp_id)


def _demand(wanted: Sequence[Any] | Collection[Any]) -> None:
    if not wanted:
        raise InvalidInput("请至少写一个。")
    if len(wanted) > MOST:
        raise InvalidInput(f"一次最多 {MOST} 个，收到 {len(wanted)} 个：请分几次。没有执行任何操作。")


def _unreleasable(row: BlockRecord, corp_id: str) -> str:
    if row.corp_id not in ("", corp_id):
        return "是另一个企业的"
    if row.state != BlockState.ACTIVE:
        return f"现在是「{BlockState(row.state).label}」"
    return "" if row.action.undo_url is not None else "设备没有给出撤销的办法"


def _listed(refused: Mapping[str, str]) -> str:
    return "；".join(f"{target} {why}" for target, why in list(refused.items())[:20]) + "。没有执行任何操作。"


def _standing(targets: Collection[str], minutes: int | None) -> dict[str, str]:
    """Those that stand already for at least as long, or whose last order has no result yet."""
    wanted = database_now() + timedelta(minutes=minutes) if minutes else None
    found = {}
    taken = BlockRecord.objects.filter(
        kind=_BLOCK, target__in=targets, state__in=(*entries.STANDING, BlockState.RUNNING)
    )
    for row in taken:
        longer = minutes is not None and row.until is not None and (wanted is None or wanted > row.until)
        if row.state != BlockState.ACTIVE:
            found[row.target] = f"上一次封禁{BlockState(row.state).label}"
        elif not longer:
            found[row.target] = f"已经封禁（{f'到 {clock(row.until)}' if row.until else '没有到期时间'}）"
    return found


def request(plan: BatchPlan, staff: Staff, via: str) -> Proposal:
    """Ask the approvers for it. Raises BifangError."""
    actor = Actor.person(staff, via)
    return direct_requests.request_directly(
        staff, actor, BATCH, plan.title, Risk.DANGEROUS, plan.arguments, plan.summary
    )


def order(proposal: Proposal) -> None:
    """Order what was approved, in the transaction of the approval: what may not be done any more is a row that says so."""
    make = _releases if proposal.arguments["tool"] == RELEASE else _blocks
    made = Action.objects.bulk_create(make(proposal))
    if proposal.arguments["tool"] == RELEASE:
        ids = [each.undo_of_id for each in made if each.undo_of_id]
        BlockRecord.objects.filter(action_id__in=ids).update(state=BlockState.LIFTING, due_at=None)
    else:
        entries.open_rows(made, proposal.arguments.get("case_id"))
        failed = [each for each in made if each.state == ActionState.FAILED]
        for each in failed:
            over = {"state": BlockState.FAILED, "ended_at": each.created_at, "proof": each.result}
            BlockRecord.objects.filter(action=each).update(**over)
    entries.tell_batch(proposal.pk)


def _blocks(proposal: Proposal) -> list[Action]:
    given, now = proposal.arguments, database_now()
    refused = refusals(given["targets"]) | _standing(given["targets"], given.get("duration_minutes"))
    more = {name: given[name] for name in ("duration_minutes", "reason") if given.get(name) not in (None, "")}
    return [
        Action(
            batch=proposal, config_id=proposal.config_id, key=secrets.token_hex(16), tool=_BLOCK, title="封禁 IP",
            arguments={"ip": target, **more}, summary=f"封禁 IP {target}", asker=proposal.asker_name,
            approver=proposal.decider_name, created_at=now,
            **({"state": ActionState.FAILED, "finished_at": now, "result": f"没有执行：{refused[target]}。"} if target in refused else {}),
        )
        for target in given["targets"]
    ]  # fmt: skip


def _releases(proposal: Proposal) -> list[Action]:
    ids = proposal.arguments["actions"]
    rows = BlockRecord.objects.select_related("action").filter(action_id__in=ids, state=BlockState.ACTIVE)
    good = [row.action for row in rows.order_by("pk") if row.action.undo_url is not None]
    if not good:
        raise Conflict("它们都已经解除，或正在解除。")
    entries.forget_failed(good)
    asker, approver = proposal.asker_name, proposal.decider_name
    return [entries.ending(each, "批量解除", asker=asker, approver=approver, batch=proposal) for each in good]
