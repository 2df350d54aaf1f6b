"""Blocks: what Bifang blocked, isolated or silenced, who asked and approved, on which device, until when, and what waits.

Read from the ledger, from proposals and silences. The conditions of its list are declared here, for page, API and chat.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from bifang.core.database.db import database_now
from bifang.core.models import SystemConfig
from secops_agent.kit.listing import Condition, Listing
from secops_agent.models import AlertIndicator, AlertMention, Proposal, Silence
from secops_agent.models.automation.block import BlockRecord, BlockState, DeviceReading
from secops_agent.models.automation.proposal import undecided
from secops_agent.models.choices import IndicatorKind
from secops_agent.services.decisions.carriers import BATCH
from secops_agent.services.decisions.ledger.entries import ENDS, KINDS, device_of
from secops_agent.services.decisions.targets import TARGETS
from secops_agent.services.networks import inside
from secops_agent.services.notifications.coverage import about
from secops_agent.services.pages import Page, cut

WAITING: Final = "waiting"
NOW: Final = ("active", "lifting", "unknown", "running", WAITING)
_IN_FORCE: Final = {
    "active": 0,
    "lifting": 0,
    "unknown": 1,
    "running": 1,
    WAITING: 1,
}  # what counts of one target
_RECORDED: Final = tuple(each for each in NOW if each != WAITING)
NEVER_DONE: Final = {  # what was never in force has no end: what is said instead
    BlockState.DRY.value: "演练，没有执行",
    BlockState.FAILED.value: "没有生效",
}
KIND: Final = {**KINDS, "silence": "静默"}
STATE: Final = {**{value: str(label) for value, label in BlockState.choices}, WAITING: "等待审批"}
MOST: Final = 500  # that are looked through, the newest first
FOREIGN: Final = "另一企业的人员"
Homes = Collection[str] | None  # corporations of who reads; None: of who looks after the whole installation
_CHOSEN: Final = {"all": "全部", "now": "现在的", "ended": "已结束的"}
BLOCKS: Final = Listing((
    Condition("target", "对象", told="IP、IPv4 网段（最宽 /8）或主机名，完整匹配。", page="q", api="target", longest=200),
    Condition("standing", "现在", "choice", "now：正在执行、生效、未定的；ended：已结束的。", api="standing", choices=_CHOSEN),
    Condition("states", "状态", "choice", page="state", api="state", several=True, choices=dict(BlockState.choices)),
    Condition("kinds", "种类", "choice", page="kind", api="kind", several=True, choices=KINDS),
    Condition("devices", "设备", told="处置连接器或 MCP 服务的名称。", page="device", api="device", several=True, longest=100),
    Condition("drift", "与设备不一致", "flag", "只看设备说没有、或该解除却还在的。", api="drift"),
    Condition("mistaken", "误封", "flag", "只看登记为误封的。", api="mistaken"),
    Condition("case", "事件", "row", "事件的编号。", page="case", api="case"),
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class BlockFilter:
    """Empty values do not filter. ``standing``: `NOW` or over."""

    target: str = ""
    standing: str = ""
    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    drift: bool = False
    mistaken: bool = False
    case: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One block; ``kind`` is the tool that made it, or ``silence``. ``state``: a `BlockState`, or waiting for an approval.

    ``until`` None: for good, of `NEVER_DONE`, or (``minutes`` None) as long as the device's own rule says. ``at``: when it was done, or asked
    for while it ``waits``; ``code`` is of its proposal, ``action_id`` of what carries it out. ``stands``: what the device said
    last (None: nothing), ``proof`` how and when.
    """

    kind: str
    target: str
    state: str
    asked_by: str
    at: datetime
    until: datetime | None = None
    minutes: int | None = None
    reason: str = ""
    approved_by: str = ""
    device: str = ""
    alert: int | None = None
    code: str = ""
    action_id: int = 0
    corp_id: str = ""
    id: int = 0
    case: int | None = None
    stands: bool | None = None
    verified_at: datetime | None = None
    proof: str = ""
    due_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    mistaken_by: str = ""
    can_end: bool = False

    @property
    def is_due(self) -> bool:
        """Is its time over, and it not ended yet?"""
        return self.state == BlockState.ACTIVE and self.until is not None and self.until <= timezone.now()

    @property
    def drifts(self) -> bool:
        """Does the device say otherwise than was ordered?"""
        wanted = {BlockState.ACTIVE: False, BlockState.EXPIRED: True, BlockState.LIFTED: True}
        return self.stands is not None and wanted.get(BlockState(self.state)) is self.stands


def matching(wanted: BlockFilter) -> "QuerySet[BlockRecord]":
    """The rows, in no order. Raises InvalidInput."""
    rows = BlockRecord.objects.all()
    if wanted.target:
        network = "/" in wanted.target
        rows = rows.filter(
            inside(wanted.target, "target") if network else Q(target__iexact=wanted.target.strip())
        )
    if wanted.standing in ("now", "ended"):
        current = Q(state__in=_RECORDED)
        rows = rows.filter(current if wanted.standing == "now" else ~current)
    columns = {
        "state__in": wanted.states,
        "kind__in": wanted.kinds,
        "action__connector__in": wanted.devices,
        "case_id": wanted.case,
    }
    rows = rows.filter(**{name: value for name, value in columns.items() if value})
    if wanted.drift:
        gone = Q(state=BlockState.ACTIVE, stands=False)
        rows = rows.filter(gone | Q(state__in=(BlockState.EXPIRED, BlockState.LIFTED), stands=True))
    return rows.exclude(mistaken_by="") if wanted.mistaken else rows


def search(wanted: BlockFilter, homes: Homes, limit: int = 20, cursor: str = "") -> Page[Block]:
    """The newest first. Raises InvalidInput."""
    rows = matching(wanted)
    shown = partial(views, homes=homes)
    return cut(rows.select_related(*_WITH), ("-id",), limit, cursor, shown, count=rows)


_WITH: Final = ("action__proposal", "action__batch")


def ordered(wanted: BlockFilter) -> "QuerySet[BlockRecord]":
    """As `search`, for a page that counts its pages."""
    return matching(wanted).select_related(*_WITH).order_by("-id")


def views(rows: Iterable[BlockRecord], homes: Homes) -> list[Block]:
    """Of rows that were read with their actions."""
    return [for_reader(_view(row), homes) for row in rows]


def for_reader(block: Block, homes: Homes) -> Block:
    """As people of these corporations see it: devices are shared, so the block is told; whose people did it is not, and
    another corporation's is not theirs to end."""
    if homes is None or block.corp_id in ("", *homes):
        return block
    names = ("asked_by", "approved_by", "mistaken_by", "ended_by")
    hidden = {name: FOREIGN for name in names if getattr(block, name) not in ("", ENDS)}
    return replace(block, **hidden, code="", can_end=False)  # type: ignore[arg-type]  # of names only


def _view(row: BlockRecord) -> Block:
    action, first = row.action, row.action.ordered_by
    until, minutes = (None, None) if row.state in NEVER_DONE else (row.until, row.minutes)
    return Block(
        row.kind, row.target, row.state, action.asker, row.since, until, minutes, str(action.arguments.get("reason", "")),
        action.approver, device_of(row), row.alert_id, first.code if first else "", action.pk, row.corp_id, row.pk, row.case_id,
        row.stands, row.verified_at, row.proof, row.due_at, row.ended_at, row.ended_by, row.mistaken_by, action.undo_url is not None,
    )  # fmt: skip


def find_blocks(addresses: Collection[str] | None = None, asset_id: int | None = None) -> list[Block]:
    """One of each target, the newest first: what stands, else what may be or waits, else the latest that is over.

    Of these addresses, or of one asset, only. Two queries.
    """
    rows, waiting = BlockRecord.objects.select_related(*_WITH).order_by("-pk"), _undecided()
    if asset_id is not None:
        rows, waiting = rows.filter(asset_id=asset_id), waiting.filter(arguments__asset_id=asset_id)
    waits = [each for row in waiting for each in _waits(row)]
    if addresses is not None:
        rows = rows.filter(kind="block_ip", target__in=addresses)
        waits = [each for each in waits if each.kind == "block_ip" and each.target in addresses]
    found = [*map(_view, rows[:MOST]), *waits]
    latest: dict[tuple[str, str], Block] = {}
    for each in sorted(found, key=lambda one: _IN_FORCE.get(one.state, 2)):
        latest.setdefault((each.kind, each.target), each)
    return sorted(latest.values(), key=lambda each: each.at, reverse=True)


def in_force(addresses: Collection[str] = (), asset_ids: Collection[int] = ()) -> dict[str | int, Block]:
    """Address, or number of an asset → what stands of it now, or may. One query, none about nothing."""
    if not addresses and not asset_ids:
        return {}
    rows = _now(Q(kind="block_ip", target__in=addresses) | Q(kind="isolate_host", asset_id__in=asset_ids))
    found: dict[str | int, Block] = {}
    for row in sorted(rows, key=lambda one: _IN_FORCE[one.state]):
        found.setdefault(row.target if row.kind == "block_ip" else row.asset_id or 0, _view(row))
    return found


def in_force_like(text: str, limit: int) -> list[Block]:
    """As `in_force`, of every target whose address or name has this in it, the newest first."""
    return list(map(_view, _now(Q(target__icontains=text), limit)))


def _now(which: Q, limit: int = MOST) -> list[BlockRecord]:
    """The newest first."""
    rows = BlockRecord.objects.filter(which, state__in=_RECORDED).select_related(*_WITH)
    return list(rows.order_by("-pk")[:limit])


def begun(since: datetime | None, until: datetime | None) -> list[Block]:
    """What was blocked and isolated in this time; without ``since`` what stands now. The newest first."""
    if since is None:
        return list(map(_view, _now(Q())))
    rows = BlockRecord.objects.filter(since__gte=since, since__lt=until or timezone.now())
    return list(map(_view, rows.exclude(state__in=NEVER_DONE).select_related(*_WITH).order_by("-pk")[:MOST]))


def blocked_in(alert_ids: Collection[int]) -> list[tuple[int, str]]:
    """(alert, address) of every address that these alerts name and that is blocked now, or may be. One query."""
    stands = BlockRecord.objects.filter(kind="block_ip", target=OuterRef("value"), state__in=_RECORDED)
    wanted = {"alert__in": alert_ids, "kind": IndicatorKind.IP}
    own, told = (
        each.objects.filter(Exists(stands), **wanted).order_by().values_list("alert_id", "value")
        for each in (AlertIndicator, AlertMention)
    )
    return list(own.union(told).order_by("alert_id", "value"))


def _undecided() -> "QuerySet[Proposal]":
    """Asked for, one or many at once, and nobody decided yet; the newest first."""
    return Proposal.objects.filter(undecided(), tool__in=(*TARGETS, BATCH)).order_by("-pk")


def waiting_blocks(homes: Homes) -> list[Block]:
    """What waits for an approval, the newest first."""
    return [for_reader(each, homes) for row in _undecided()[:MOST] for each in _waits(row)][:MOST]


def find_silences(scope: str = "", value: str = "") -> list[Block]:
    """Those in force, the last to end first."""
    now = database_now()
    rows = Silence.objects.filter(starts_at__lte=now, ends_at__gt=now).order_by("-ends_at")
    rows = rows.filter(about(scope, value)) if scope else rows
    return [
        Block(
            "silence", str(row), "active", row.made_by, row.starts_at, row.ends_at, reason=row.reason, device="毕方（只停消息）",
            alert=int(row.value) if row.scope == "alert" else None,
        )
        for row in rows[:MOST]
    ]  # fmt: skip


def _waits(row: Proposal) -> list[Block]:
    """A block for each target; none of a batch that ends some."""
    given, kind = row.arguments, row.arguments["tool"] if row.tool == BATCH else row.tool
    targets = given.get("targets", ()) if row.tool == BATCH else [given.get(TARGETS[row.tool], "")]
    return [
        Block(
            kind, str(target), WAITING, row.asker_name, row.created_at, None, given.get("duration_minutes"), str(given.get("reason", "")),
            case=given.get("case_id"), code=row.code, corp_id=row.corp_id,
        )
        for target in targets
    ]  # fmt: skip


# What devices say they have, beside what was ordered.


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device that can be read. ``missing``: ordered here and not there; ``foreign``: there, and in force by no order of
    ours; ``lingering``: of these, what was ended here; ``unread``: what was ordered or ended after the reading, of which it says nothing."""

    name: str
    read_at: datetime | None
    problem: str
    count: int
    missing: tuple[str, ...]
    foreign: tuple[str, ...]
    lingering: tuple[str, ...]
    unread: tuple[str, ...]


def devices() -> list[DeviceView]:
    """Those that were read, by name."""
    rows = DeviceReading.objects.select_related("config").filter(config__in=SystemConfig.objects.current())
    return [compare(row) for row in rows.order_by("config__name")]


def compare(reading: DeviceReading) -> DeviceView:
    """One reading beside the ledger as it is now."""
    mine = BlockRecord.objects.filter(action__connector_config_id=reading.config_id, kind="block_ip")
    states: dict[str, Any] = {}
    unread: dict[str, None] = {}
    for target, state, since, ended_at in mine.order_by("pk").values_list(
        "target", "state", "since", "ended_at"
    ):
        states[target] = state if states.get(target) not in NOW else states[target]
        if reading.read_at is None or (ended_at or since) >= reading.read_at:
            unread[target] = None
    has = set(reading.addresses)
    told = {each: state for each, state in states.items() if each not in unread}
    missing = [each for each, state in told.items() if state == BlockState.ACTIVE and each not in has]
    foreign = [each for each in reading.addresses if each not in unread and states.get(each) not in NOW]
    ended = (BlockState.EXPIRED, BlockState.LIFTED)
    return DeviceView(
        reading.config.name, reading.read_at, reading.problem, len(has), tuple(missing if not reading.problem else ()), tuple(foreign),
        tuple(each for each in foreign if states.get(each) in ended), tuple(unread),
    )  # fmt: skip
