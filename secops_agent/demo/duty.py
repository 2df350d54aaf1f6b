"""What the demo has on duty: three sources of data, one of them silent; blocks in the ledger; two cases that must be reported."""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import models

from bifang.core.models import SystemConfig
from bifang.core.secrets.sealed import Sealed, place_of
from secops_agent.models import (
    Action,
    ActionState,
    Alert,
    Asset,
    BlockRecord,
    BlockState,
    Case,
    CaseReporting,
    DataSource,
    GradingQuestion,
    ReportingDuty,
    SourceDoor,
    SourceHour,
    SourceTrouble,
    Staff,
)
from secops_agent.models.automation.proposal import Proposal, ProposalState, Risk
from secops_agent.services.actors import Actor
from secops_agent.services.cases.reporting import clock
from secops_agent.services.decisions.ledger.entries import ENDS
from secops_agent.services.decisions.proposals import digest_of, new_code
from secops_agent.services.mcp.catalogue import KIND
from secops_agent.services.mcp.orders import undo_note
from secops_agent.services.writing import import_transaction

DEVICE: Final = "边界防火墙（演示）"  # of deploy/local/demo.yaml
_PROOF: Final = "演示数据：没有真的设备。"
_WEEKS: Final = 28 * 24  # hours, from which a rhythm is learned


@dataclass(frozen=True, slots=True)
class Deed:
    """One block; hours before now at which it began and ended (None: it stands), and for how long it was asked."""

    kind: str
    target: str
    reason: str
    begun: int
    ended: int | None
    minutes: int | None
    by: str = ""
    mistaken: bool = False


_DEEDS: Final = (
    Deed("block_ip", "192.0.2.44", "扫描 .git 和 .env", 48, 24, 1440, ENDS),
    Deed("block_ip", "198.51.100.23", "端口扫描", 30, 29, 1440, "王五", mistaken=True),
    Deed("isolate_host", "file-01", "勒索病毒正在加密共享目录", 18, None, None),
    Deed("block_ip", "203.0.113.77", "反复扫描网站目录", 3, None, 1440),
)


def sources(now: datetime) -> list[int]:
    """A web proxy that fell silent three days ago, a firewall of which two fifths cannot be read, a scanner that is well."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    silent, garbled = "3 天没有数据，平时每天约 2,900 条", "的格式变了：最近 24 小时的 1,440 条里 40% 读不懂"
    return [
        _source("proxy", "上网行为管理（generic）", SourceDoor.TOKEN, hour, 120, 72, (SourceTrouble.SILENT, 72, silent)),
        _source("firewall", "边界防火墙（generic）", SourceDoor.TOKEN, hour, 60, 0, (SourceTrouble.GARBLED, 24, garbled)),
        _source("scanner", "trivy", SourceDoor.FILE, hour, 0, 0, (SourceTrouble.NONE, 0, "")),
    ]  # fmt: skip


def _source(
    key: str, name: str, door: str, hour: datetime, usual: int, quiet: int, trouble: tuple[str, int, str]
) -> int:
    """``usual`` an hour, busier by day (0: 400 once a night); silent for the last ``quiet`` hours."""
    kind, since, detail = trouble
    at = hour - timedelta(hours=since) if kind else None
    row = DataSource.objects.create(
        key=f"demo:{key}", door=door, name=name, first_seen=hour - timedelta(hours=_WEEKS),
        last_seen=hour - timedelta(hours=quiet), trouble=kind, trouble_at=at, detail=detail, judged_at=hour,
    )  # fmt: skip
    made = []
    for back in range(quiet, _WEEKS):
        came = int(usual * (1 + 0.6 * math.sin(back / 24 * math.tau))) if usual else 400 * (back % 24 == 0)
        broken = int(came * 0.4) if kind == SourceTrouble.GARBLED and back < since else 0
        if came:
            made.append(SourceHour(source=row, hour=hour - timedelta(hours=back), taken=came - broken, unreadable=broken))  # fmt: skip
    SourceHour.objects.bulk_create(made)
    return row.pk


def blocks(now: datetime) -> dict[str, list[int]]:
    """Of the ledger, with their actions and what approved them; nothing without a chat configuration to which they belong."""
    config = SystemConfig.objects.chats().first()
    case = Case.objects.filter(title__contains="file-01").first()
    made: list[tuple[Action, BlockRecord]] = []
    if config is None:
        return {}
    for deed in _DEEDS:
        with import_transaction():
            made.append(_block(deed, config, case, now))
    return {
        "block": [row.pk for _, row in made],
        "action": [action.pk for action, _ in made],
        "proposal": [action.proposal_id for action, _ in made if action.proposal_id],
    }


def _block(deed: Deed, config: SystemConfig, case: Case | None, now: datetime) -> tuple[Action, BlockRecord]:
    begun = now - timedelta(hours=deed.begun)
    ended = now - timedelta(hours=deed.ended) if deed.ended is not None else None
    until = begun + timedelta(minutes=deed.minutes) if deed.minutes else None
    isolates = deed.kind == "isolate_host"
    aim = {"asset": deed.target} if isolates else {"ip": deed.target, "duration_minutes": deed.minutes}
    title = "隔离主机" if isolates else "封禁 IP"
    summary, wanted = f"{title} {deed.target}", {**aim, "reason": deed.reason}
    device = SystemConfig.objects.filter(name=DEVICE, kind=KIND).first()
    action = Action(
        config=config, key=secrets.token_hex(16), tool=deed.kind, title=title, arguments=wanted, summary=summary,
        asker="赵六", approver="王五", connector=DEVICE, connector_config=device, state=ActionState.DONE,
        created_at=begun, finished_at=begun, result=_PROOF, proposal=_approved(config, deed.kind, title, summary, wanted, begun),
    )  # fmt: skip
    if device:
        back = (
            ("release_host", {"host": deed.target})
            if isolates
            else ("unblock_address", {"address": deed.target})
        )
        action.undo_url = Sealed.of(undo_note(*back), place_of(Action, "undo_url", {"key": action.key}))
    action.save()
    named = models.Q(indicators__value=deed.target) | models.Q(assets__name=deed.target)
    alerts = Alert.objects.filter(named)
    row = BlockRecord.objects.create(
        action=action, kind=deed.kind, target=deed.target, alert=alerts.order_by("-pk").first(), case=case if isolates else None,
        asset_id=Asset.objects.filter(name=deed.target).values_list("pk", flat=True).first(), state=(BlockState.EXPIRED if deed.by == ENDS else BlockState.LIFTED) if ended else BlockState.ACTIVE, minutes=deed.minutes,
        since=begun, until=until, due_at=None if ended else until, stands=ended is None, verified_at=ended or now, proof=_PROOF,
        ended_at=ended, ended_by=deed.by, mistaken_by=deed.by if deed.mistaken else "",
    )  # fmt: skip
    return action, row


def _approved(
    config: SystemConfig, tool: str, title: str, summary: str, wanted: Mapping[str, Any], at: datetime
) -> Proposal:
    """What it was done on: asked by one of the demo's people, approved by another."""
    asker, decider = (Staff.objects.filter(staff_id=each).first() for each in ("zhaoliu", "wangwu"))
    proposal = Proposal(
        code=new_code(), config=config, conversation_id="", tool=tool, title=title, risk=Risk.DANGEROUS, arguments=dict(wanted),
        summary=summary, asked_by=asker, corp_id=asker.corp_id if asker else "", asker_id="zhaoliu", asker_name="赵六",
        state=ProposalState.APPROVED, created_at=at, expires_at=at + timedelta(hours=1), decided_at=at,
        decider_id=decider.staff_id if decider else "", decider_name="王五", result=_PROOF,
    )  # fmt: skip
    proposal.digest = digest_of(proposal)
    proposal.save()
    return proposal


def standing() -> dict[str, dict[str, Any]]:
    """What its firewall holds, as `simulators.firewall` keeps it: target → rule."""
    return {
        deed.target: {
            "host" if deed.kind == "isolate_host" else "address": deed.target,
            "reason": deed.reason,
        }
        for deed in _DEEDS
        if deed.ended is None
    }


def reporting(cases: Sequence[int], actor: Actor, now: datetime) -> None:
    """One clock that runs, and one first report that was made in time."""
    duty = ReportingDuty.objects.filter(enabled=True).order_by("-minutes").first()
    question = GradingQuestion.objects.filter(enabled=True).exclude(unit="").first()
    if duty is None or question is None or len(cases) < 2:
        return
    for case_id, hours, people in ((cases[0], 1, 1_200_000), (cases[1], 18, 1_000_000)):
        with import_transaction():
            found = now - timedelta(hours=hours, minutes=30)
            owner = Case.objects.select_related("owner").get(pk=case_id).owner
            name = owner.name if owner else actor.name
            clock.grade(case_id, actor, duty.pk, found, {str(question.pk): people})
            CaseReporting.objects.filter(case_id=case_id).update(graded_by=name)
            if hours > 4:
                text = "file-01 上的文件被批量改写，两台主机已断网，备份完整。个人信息数量是初步估计。"
                clock.enter(
                    case_id, actor, stage="first", body=duty.body, text=text, reported_by=name, reference="电话，演示数据",
                    at=found + timedelta(hours=3),
                )  # fmt: skip
