"""History: what was changed, by whom, when; rows are only added."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField, Exists, Field, ForeignKey, Model, OuterRef, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from bifang.core.secrets.redaction import redact
from secops_agent.models import Alert, Asset, Case, Finding, History, Runbook, Vulnerability
from secops_agent.models.choices import ActorKind
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.clock import exact
from secops_agent.services.privacy import mask

ENTITIES: Final = {
    "alert": "告警",
    "case": "事件",
    "finding": "发现",
    "asset": "资产",
    "runbook": "手册",
    "vulnerability": "漏洞",
}
# The one word for each act: history, pages, chat, notifications and API take it from here.
ACTIONS: Final = {
    "create": "新建", "import": "导入", "update": "修改", "acknowledge": "确认", "assign": "指派", "unassign": "取消指派",
    "close": "关闭", "reopen": "重新打开", "undo": "撤销", "comment": "备注", "decide": "决定", "delete": "删除", "escalate": "升级",
    "merge": "合并", "match": "比对漏洞", "back": "再次出现", "gone": "消失", "expire": "到期", "vex": "供应商声明",
    "gather": "归入事件", "part": "移出事件", "add_alerts": "加入告警", "drop_alerts": "移出告警", "split": "拆分",
    "absorb": "并入事件", "add_task": "添加任务", "finish_task": "完成任务", "resume_task": "恢复任务", "drop_task": "删除任务",
    "hit": "命中情报", "take_back": "收回", "suppress": "抑制", "lift": "不再抑制",
}  # fmt: skip
MODELS: Final[dict[str, type[Model]]] = {
    "alert": Alert, "case": Case, "finding": Finding, "asset": Asset, "runbook": Runbook, "vulnerability": Vulnerability,
}  # fmt: skip
_BESIDE: Final = {
    "aliases": "别名",
    "merged": "并入的资产",
    "alerts": "告警",
    "tasks": "任务",
    "task": "任务",
    "from": "来自",
    "into": "并入",
}  # what changes beside the columns
EMPTY: Final = "—"
LONGEST_VALUE: Final = 200  # of a changed text, in the audit trail
Changes = Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change; ``changes`` is field → (old, new), ``actor`` the name of who did it."""

    at: datetime
    actor_kind: str
    actor: str
    via: str
    action: str
    changes: dict[str, tuple[Any, Any]]
    note: str
    pk: int = 0

    def masked(self, values: Collection[str], shown: str) -> "HistoryEntry":
        """As it is shown to who may not read of people: `privacy.mask` in the note and in what was changed."""
        changes = {
            name: (_masked(old, values, shown), _masked(new, values, shown))
            for name, (old, new) in self.changes.items()
        }
        return replace(self, changes=changes, note=mask(self.note, values, shown))


def _masked(value: Any, values: Collection[str], shown: str) -> Any:
    if isinstance(value, list):
        return [_masked(each, values, shown) for each in value]
    return mask(value, values, shown) if isinstance(value, str) else value


def entry(
    entity: str,
    entity_id: int,
    actor: Actor,
    action: str,
    changes: Changes,
    note: str = "",
    at: datetime | None = None,
) -> History:
    """An unsaved row, for those who add many at once."""
    return History(
        entity=entity,
        entity_id=entity_id,
        at=at or timezone.now(),
        actor_kind=actor.kind,
        actor_id=actor.ident,
        actor_name=actor.name,
        via=actor.via,
        action=action,
        changes={name: [_plain(old), _plain(new)] for name, (old, new) in changes.items()},
        note=note,
    )


def record(entity: str, entity_id: int, actor: Actor, action: str, changes: Changes, note: str = "") -> None:
    """What somebody did: one row here and one in the audit trail, in the caller's transaction."""
    row = entry(entity, entity_id, actor, action, changes, note)
    row.save(force_insert=True)
    what = f"{ENTITIES.get(entity, entity)} {entity_id}：{ACTIONS.get(action, action)}"
    told = {name: [_short(old), _short(new)] for name, (old, new) in row.changes.items()}
    keep(actor, what, f"{entity}:{entity_id}", {"action": action, "changes": told}, note)


def _short(value: Any) -> Any:
    return redact(value)[:LONGEST_VALUE] if isinstance(value, str) else value


def entries(entity: str, entity_id: int, limit: int = 50) -> tuple[HistoryEntry, ...]:
    """The newest changes of something, newest first."""
    rows = History.objects.filter(entity=entity, entity_id=entity_id).order_by("-id")[:limit]
    return tuple(_views(rows))


def closing_notes(alert_ids: Collection[int]) -> dict[int, str]:
    """Alert → why it was closed last, of those whose closing somebody told the reason of. One query, none for none."""
    rows = History.objects.filter(entity="alert", action="close", entity_id__in=alert_ids).order_by("id")
    return dict(rows.values_list("entity_id", "note")) if alert_ids else {}


def untouched(entity: str, since: datetime) -> Q:
    """Nobody, but for Bifang itself, has changed or noted anything of it since."""
    done = History.objects.filter(entity=entity, entity_id=OuterRef("pk"), at__gte=since)
    return ~Q(Exists(done.exclude(actor_kind=ActorKind.SYSTEM)))


def _views(rows: Iterable[History]) -> Iterable[HistoryEntry]:
    for row in rows:
        changes = {name: (old, new) for name, (old, new) in row.changes.items()}
        yield HistoryEntry(
            row.at, row.actor_kind, row.actor_name, row.via, row.action, changes, row.note, row.pk
        )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def worded(entity: str, changes: Changes) -> tuple[tuple[str, str, str], ...]:
    """(label, old, new) of each change, in the words that the pages use."""
    return tuple(_worded(_column(entity, name), name, old, new) for name, (old, new) in changes.items())


def _column(entity: str, name: str) -> "Field[Any, Any] | None":
    try:
        found = MODELS[entity]._meta.get_field(name)
    except (KeyError, FieldDoesNotExist):
        return None
    return found if isinstance(found, Field) else None


def _worded(column: "Field[Any, Any] | None", name: str, old: Any, new: Any) -> tuple[str, str, str]:
    label = str(column.verbose_name) if column else _BESIDE.get(name, name)
    return label, _word(column, old), _word(column, new)


def _word(column: "Field[Any, Any] | None", value: Any) -> str:
    if value in (None, "", []):
        return EMPTY
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(column, ForeignKey) and isinstance(value, int):  # an id tells people nothing
        return str(column.remote_field.model._default_manager.filter(pk=value).first() or "（已删除）")
    if isinstance(value, list):
        return "、".join(str(each) for each in value)
    if isinstance(column, DateTimeField) and (at := parse_datetime(str(value))):
        return exact(at)
    return str(dict(column.flatchoices).get(value, value)) if column else str(value)
