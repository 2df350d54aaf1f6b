"""Rotas: found, read from the file of apply_configs, changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final, Literal

from django.db import transaction
from django.utils import timezone
from pydantic import Field, field_validator, model_validator

from bifang.core.configuration.entries import Clock, Entry, read_entry
from bifang.core.errors import InvalidInput
from secops_agent.models import OnCallLayer, OnCallMember, OnCallOverride, OnCallSchedule, Staff
from secops_agent.models.people.on_call import Rotation
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.chats import find_chat
from secops_agent.services.faults import NotFound
from secops_agent.services.on_call.shifts import ZONE


class LayerEntry(Entry):
    """One layer; ``hours``: "09:00-18:00"."""

    rotation: Literal["daily", "weekly", "hours"] = "weekly"
    shift_hours: int = Field(12, ge=1, le=24 * 31)
    handover: Clock = time(9)
    start: date
    days: Literal["all", "working", "rest"] = "all"
    hours: str = ""
    staff: tuple[str, ...] = Field(min_length=1)

    @field_validator("staff", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return [str(each) for each in value] if isinstance(value, list) else value

    @property
    def window(self) -> tuple[time | None, time | None]:
        """Opens and closes; None for the whole day. Raises InvalidInput."""
        if not self.hours:
            return None, None
        first, _, last = self.hours.replace("–", "-").partition("-")
        try:
            opens, closes = (time.fromisoformat(each.strip().zfill(5)) for each in (first, last))
        except ValueError:
            raise InvalidInput('hours 应形如 "09:00-18:00"。') from None
        if opens == closes:
            raise InvalidInput("hours 的两个时间不能相同：整天值班请不写 hours。")
        return opens, closes


class OverrideEntry(Entry):
    """Somebody else for a while."""

    staff: str
    start: datetime
    end: datetime
    reason: str = Field("", max_length=200)


class GroupEntry(Entry):
    """A group that the robot is in."""

    config: str
    conversation_id: str = Field(min_length=1, max_length=200)


class ScheduleEntry(Entry):
    """A schedule of one or several layers."""

    name: str = Field(min_length=1, max_length=100)
    enabled: bool = True
    layers: tuple[LayerEntry, ...] = Field(min_length=1)
    overrides: tuple[OverrideEntry, ...] | None = None
    handover_message: bool = True
    handover_group: GroupEntry | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_layer(cls, given: dict[str, Any]) -> dict[str, Any]:
        """A schedule of one layer may be written without ``layers``."""
        short = {key: value for key, value in given.items() if key in LayerEntry.model_fields}
        if "layers" in given:
            return given
        return {key: value for key, value in given.items() if key not in short} | {"layers": [short]}


# What people say of one; who holds it now is the workers' to write.
TOLD: Final = ("name", "enabled", "handover_message", "handover_config", "handover_group")


MOST_SUGGESTED: Final = 500


def suggested(*, everybody: bool) -> list[tuple[str, str]]:
    """Whom a box offers, else only who takes turns, as ``(what it takes, a remark)``: by name, or by staff id where two
    have one name."""
    turns = OnCallMember.objects.filter(layer__schedule__enabled=True).values("staff")
    rows = Staff.objects.filter(active=True, **({} if everybody else {"pk__in": turns}))
    people = list(rows.order_by("name")[:MOST_SUGGESTED])
    names = Counter(each.name for each in people)
    return [
        (each.name, each.staff_id) if names[each.name] == 1 else (each.staff_id, each.name) for each in people
    ]


def has_people(schedule: OnCallSchedule) -> bool:
    """Is anybody in it who is still here, in its layers or for a while?"""
    members = OnCallMember.objects.filter(layer__schedule=schedule, staff__active=True)
    later = OnCallOverride.objects.filter(schedule=schedule, staff__active=True, ends_at__gt=timezone.now())
    return members.exists() or later.exists()


def enabled_schedules() -> list[OnCallSchedule]:
    """Those in use, by name."""
    return list(OnCallSchedule.objects.filter(enabled=True))


def find_schedule(name: str) -> OnCallSchedule:
    """By its name; "" is the only one. Raises NotFound, telling which there are."""
    known = enabled_schedules()
    wanted = [each for each in known if each.name == name.strip()] if name.strip() else known
    if len(wanted) == 1:
        return wanted[0]
    if not known:
        raise NotFound("还没有值班表：请管理员在「值班表」中添加，或写在 apply_configs 文件的 on_call 里。")
    names = "、".join(each.name for each in known)
    raise NotFound(
        f"没有名为「{name.strip()[:50]}」的值班表；有：{names}。"
        if name.strip()
        else f"请说明是哪张值班表：{names}。"
    )


def apply_on_call_entries(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ``on_call`` section of apply_configs. Raises InvalidInput naming entry and key.

    An entry is one layer (``rotation``, ``handover``, ``start``, ``staff``) or has ``layers``, a list of them;
    ``overrides`` lists exceptions. What an entry says replaces what its schedule had.
    """
    for number, entry in enumerate(entries, 1):
        place = f"on_call 第 {number} 项（{entry.get('name') or '缺少 name'}）"
        try:
            _apply(entry)
        except InvalidInput as error:
            raise InvalidInput(f"{place}：{error.message}") from None
    return []


def _apply(given: Mapping[str, Any]) -> None:
    entry = read_entry(ScheduleEntry, given)
    layers = [_layer(each) for each in entry.layers]
    overrides = [_override(each) for each in entry.overrides or ()]
    config = find_chat(entry.handover_group.config) if entry.handover_group else None
    with transaction.atomic():
        schedule, made = OnCallSchedule.objects.get_or_create(name=entry.name)
        before = described(schedule)
        schedule.enabled, schedule.handover_message = entry.enabled, entry.handover_message
        schedule.handover_config = config
        schedule.handover_group = entry.handover_group.conversation_id if entry.handover_group else ""
        schedule.save(update_fields=TOLD)
        replace_layers(schedule, layers)
        if entry.overrides is not None:
            schedule.overrides.all().delete()
        for each in overrides:
            each.schedule = schedule
            each.save()
        keep_change(Actor.system("apply_configs"), schedule, before, verb="新增" if made else "修改")


Layer = tuple[OnCallLayer, Sequence[Staff]]


def replace_layers(schedule: OnCallSchedule, layers: Sequence[Layer]) -> None:
    """Give a schedule these layers, the lowest first."""
    schedule.layers.all().delete()
    for position, (layer, people) in enumerate(layers):
        layer.schedule, layer.position = schedule, position
        layer.save()
        OnCallMember.objects.bulk_create(
            OnCallMember(layer=layer, position=place, staff=staff) for place, staff in enumerate(people)
        )


def described(schedule: OnCallSchedule) -> dict[str, Any]:
    """What it says, for the record of changes."""
    layers = schedule.layers.prefetch_related("members__staff")
    return {
        "enabled": schedule.enabled,
        "handover": f"{schedule.handover_message} {schedule.handover_group}".strip(),
        "layers": [
            f"{_told(layer)}：{'、'.join(str(each.staff) for each in layer.members.all())}"
            for layer in layers
        ],
        "overrides": [
            f"{each.starts_at.astimezone(ZONE):%Y-%m-%d %H:%M}–{each.ends_at.astimezone(ZONE):%Y-%m-%d %H:%M} {each.staff}"
            for each in schedule.overrides.select_related("staff").order_by("pk")
        ],
    }


def _told(layer: OnCallLayer) -> str:
    rotation = (
        f"每 {layer.shift_hours} 小时" if layer.rotation == Rotation.HOURS else layer.get_rotation_display()
    )
    hours = (
        f" {layer.hours_from:%H:%M}–{layer.hours_until:%H:%M}"
        if layer.hours_from and layer.hours_until
        else ""
    )
    return f"{layer.get_days_display()}{hours}，{rotation} {layer.handover:%H:%M} 交接，自 {layer.start}"


def keep_change(actor: Actor, schedule: OnCallSchedule, before: Mapping[str, Any], *, verb: str) -> None:
    """Record what became of a schedule, in the caller's transaction; nothing if nothing did."""
    after = described(schedule)
    changes = {key: [before.get(key), value] for key, value in after.items() if before.get(key) != value}
    if changes or verb == "新增":
        detail = {"name": schedule.name, "changes": changes}
        keep(actor, f"{verb}值班表「{schedule.name}」", f"on_call:{schedule.pk}", detail)


def keep_deletion(actor: Actor, schedule: OnCallSchedule) -> None:
    """Record that it goes, in the caller's transaction."""
    detail = {"name": schedule.name, "was": described(schedule)}
    keep(actor, f"删除值班表「{schedule.name}」", f"on_call:{schedule.pk}", detail)


def _layer(entry: LayerEntry) -> Layer:
    opens, closes = entry.window
    layer = OnCallLayer(
        rotation=entry.rotation, days=entry.days, shift_hours=entry.shift_hours, handover=entry.handover, start=entry.start,
        hours_from=opens, hours_until=closes,
    )  # fmt: skip
    return layer, [_person(each) for each in entry.staff]


def _override(entry: OverrideEntry) -> OnCallOverride:
    start, end = (
        each.replace(tzinfo=ZONE) if each.tzinfo is None else each for each in (entry.start, entry.end)
    )
    if end <= start:
        raise InvalidInput("overrides 的 end 应晚于 start。")
    return OnCallOverride(staff=_person(entry.staff), starts_at=start, ends_at=end, reason=entry.reason)


def _person(staff_id: str) -> Staff:
    rows = list(Staff.objects.filter(staff_id=staff_id.strip(), active=True)[:2])
    if len(rows) != 1:
        problem = "在几个企业里都有" if rows else "不在人员名单中"
        raise InvalidInput(f"staff「{staff_id[:50]}」{problem}：请先在 staff 或「人员」中登记。")
    return rows[0]
