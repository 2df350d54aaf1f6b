"""Notices: one message about a group of alerts, as text, with taps or with buttons."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypedDict

from django.db.models import Count

from bifang.channels.ports import Button, Suggestion
from bifang.channels.queues import outbox
from bifang.channels.text.markup import plain
from bifang.channels.text.verbs import Verb
from bifang.core.database.db import database_now
from secops_agent import says
from secops_agent.models import (
    Alert,
    AlertAsset,
    AlertIndicator,
    AlertMessage,
    AlertMessageItem,
    Asset,
    Burst,
    Silence,
    TargetKind,
)
from secops_agent.models.choices import AlertStatus, Importance, IndicatorKind
from secops_agent.services import containment, links
from secops_agent.services.notifications import detections, silences
from secops_agent.services.notifications.conditions import Facts
from secops_agent.services.notifications.delivery import events, progress, wording
from secops_agent.services.notifications.delivery.contents import Told
from secops_agent.services.notifications.delivery.events import KnownNews
from secops_agent.services.notifications.delivery.progress import PICTURED
from secops_agent.services.notifications.matching import facts_of
from secops_agent.services.privacy import mask_alerts, may_read
from secops_agent.services.severities import GRAVE

# What a suggestion is as a button: its id, which comes back as ``verdict``, its words, its style.
BUTTONS: Final[Mapping[str, tuple[str, str, str]]] = {
    Verb.ACKNOWLEDGE: ("acknowledge", "确认", "primary"),
    Verb.TAKE: ("take", "指派给我", "default"),
    Verb.FALSE_POSITIVE: ("false_positive", "误报", "danger"),
    Verb.SILENCE: ("silence", "静默1小时", "default"),
    Verb.SHOW: ("view", "查看", "default"),
}


HEADINGS: Final[Mapping[str, str]] = {
    Burst.CROWD: "短时间内很多告警", Burst.LATE: "积压后一起发送", Burst.RISEN: "级别升高", Burst.CHANGED: "处理进展",
}  # fmt: skip
LATELY: Final = timedelta(minutes=15)  # what somebody did before is not what is told now
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class AlertNotice:
    """What is told of the alert ``code`` and its group. Buttons and suggestions do the same, and the text names it in
    words. ``mention``: a staff id.
    """

    code: str
    title: str
    text: str
    suggestions: tuple[Suggestion, ...]
    mention: str = ""

    @property
    def buttons(self) -> tuple[Button, ...]:
        """The suggestions where a channel has buttons."""
        return tuple(_button(each) for each in self.suggestions)


def _button(said: Suggestion) -> Button:
    name, text, style = BUTTONS[said.verb]
    return Button(name, text, style, {"code": said.code, "verdict": name})


def compose(
    alerts: Sequence[Alert],
    facts: Mapping[int, Facts],
    known: KnownNews,
    *,
    burst: str = "",
    quiet: Silence | None = None,
    prefix: str = "",
    heard: bool = True,
    group: bool = False,
) -> AlertNotice:
    """``known``: as `events.latest` has it; ``burst``: what many groups have in common; ``quiet``: the silence that covers
    them, whether it holds them back or not.

    ``heard``: its readers can answer. ``group``: they are several, and private fields are not for them.
    """
    said = _Said(
        last=events.last_event(alerts, known),
        found=events.finding(alerts, known),
        called=events.calls(alerts, known),
        limit=events.limit(alerts, known),
        quiet=quiet,
        prefix=prefix,
        heard=heard,
    )
    title, text = _of_group(alerts, known, said) if not burst else _of_burst(burst, alerts, known, said)
    code = f"A{alerts[0].pk}"
    link = links.page(f"在网页上看 {code}", links.alert(alerts[0].pk)) if burst in PICTURED else ""
    text += f"\n\n{link}" if link else ""
    if group:
        masked = mask_alerts(f"{title}\n{text}", [alert.pk for alert in alerts])
        title, _, text = masked.partition("\n")
    return AlertNotice(code, title, text, _taps(alerts, known, burst, heard), _owner(alerts, facts))


def update_of(told: Told, *, group: bool) -> AlertNotice | None:
    """In one line what somebody did about a group that a text told of in full; None where the whole of it is told (again)."""
    row, alerts = told.row, told.alerts
    done = [each for each in alerts if each.pk in told.known.last]
    is_news = row.sent_at and any(told.known.last[each.pk].at >= row.sent_at for each in done)
    untaken = any(each.status == AlertStatus.OPEN for each in alerts)
    if not is_news or untaken or row.burst or told.has_risen or not outbox.is_text(progress.card_of(row)):
        return None
    line = wording.update_text(alerts, events.last_event(alerts, told.known))
    line = mask_alerts(line, [each.pk for each in alerts]) if group else line
    return AlertNotice(f"A{alerts[0].pk}", wording.title_of(alerts), line, ())


class _Said(TypedDict):
    """What is said of every message."""

    last: str
    found: str
    called: str
    limit: str
    quiet: Silence | None
    prefix: str
    heard: bool


def _taps(alerts: Sequence[Alert], known: KnownNews, burst: str, heard: bool) -> tuple[Suggestion, ...]:
    """None where one code does not stand for all of it; and nobody closes at a tap what he has not seen, or what was
    found to be a grave attack."""
    if not heard or burst not in PICTURED:
        return ()
    is_attack = any(each.severity in GRAVE and each.pk in known.attacks for each in alerts)
    commands = wording.commands(alerts)
    return tuple(each for each in commands if each.verb != Verb.FALSE_POSITIVE or not (burst or is_attack))


def _of_group(alerts: Sequence[Alert], known: KnownNews, said: _Said) -> tuple[str, str]:
    read, shown = events.reading(alerts, known), alerts[0].way.split(" → ")
    kinds = IndicatorKind.IP, IndicatorKind.DOMAIN, IndicatorKind.HASH
    seen = _few("", _observed([each.pk for each in alerts], kinds, shown), " 个")
    return wording.title_of(alerts), wording.group_text(
        alerts, _assets(alerts[0]), seen=seen, read=read, despite=containment.told(alerts[0]), **said
    )


def _observed(alert_ids: Collection[int], kinds: Collection[str], shown: Collection[str]) -> list[str]:
    """The indicators of alerts, what most of them have first, but for what is shown beside them."""
    rows = AlertIndicator.objects.filter(alert_id__in=alert_ids, kind__in=kinds).exclude(value__in=shown)
    return list(
        rows.values_list("value", flat=True)
        .annotate(number=Count("pk"))
        .order_by("-number", "-kind", "value")
    )


def _assets(alert: Alert) -> list[str]:
    """web-01（重要性 高，负责人 李四）, the most important first."""
    links = AlertAsset.objects.filter(alert=alert).select_related("asset__owner")
    order = list(Importance.values)
    assets = sorted(
        (link.asset for link in links),
        key=lambda one: (order.index(one.importance) if one.importance in order else len(order), one.name),
    )
    return [_asset(each) for each in assets]


def _asset(asset: Asset) -> str:
    known = [
        *([f"重要性{Importance(asset.importance).label}"] if asset.importance in Importance.values else []),
        *([f"负责人 {plain(asset.owner.name, 20)}"] if asset.owner else []),
    ]
    return plain(asset.name, 40) + (f"（{'，'.join(known)}）" if known else "")


def _of_burst(burst: str, alerts: Sequence[Alert], known: KnownNews, said: _Said) -> tuple[str, str]:
    """Title and text."""
    if burst == Burst.RULE:
        return _of_rule(alerts, said)
    heading = f"{said['prefix']}{HEADINGS[burst]}"
    if burst in (Burst.RISEN, Burst.CHANGED):
        counted = events.deeds(alerts, known, database_now() - LATELY)
        return heading, wording.happened_text(heading, alerts, counted)
    return heading, wording.counted_text(heading, alerts, ("", f"发送「{says.ALERTS}」查看列表。"))


def _of_rule(alerts: Sequence[Alert], said: _Said) -> tuple[str, str]:
    pks = [each.pk for each in alerts]
    links = AlertAsset.objects.filter(alert_id__in=pks)
    names = list(
        links.values_list("asset__name", flat=True)
        .annotate(number=Count("pk"))
        .order_by("-number", "asset__name")
    )
    name = detections.name_of(alerts, names)
    listed = _few("IP ", _observed(pks, (IndicatorKind.IP,), names), " 个"), _few("资产 ", names, " 台")
    places = "，".join(filter(None, listed)) or "资产未知"
    title = f"{wording.level_of(alerts)}{plain(name, 60)} ×{len(alerts)}，{places} A{alerts[0].pk}"
    return title, wording.burst_text(alerts, name, places, **said)


def _few(word: str, names: Sequence[str], unit: str) -> str:
    """资产 web-01、db-01 等 38 台."""
    more = f" 等 {len(names)}{unit}" if len(names) > _NAMED else ""
    return f"{word}{'、'.join(plain(each, 64) for each in names[:_NAMED])}{more}" if names else ""


def _owner(alerts: Sequence[Alert], facts: Mapping[int, Facts]) -> str:
    """Who has it, else whose asset it is, if that is one person."""
    owners = {owner for each in alerts if each.pk in facts for owner in facts[each.pk].owners}
    people = {each.handler.staff_id for each in alerts if each.handler} or owners
    return people.pop() if len(people) == 1 else ""


def prefix_of(escalated: bool) -> str:
    """What stands before what is told because nobody took it in hand."""
    return "⏫ 升级 " if escalated else ""


def notice_of(message_id: int, config_id: int, role: str) -> AlertNotice | None:
    """How a message of this configuration stands now, for who pressed its button; None if there is nothing to tell."""
    rows = AlertMessage.objects.select_related("target")
    row = rows.filter(pk=message_id, target__config_id=config_id).first()
    items = (
        AlertMessageItem.objects.filter(message=row)
        .select_related("alert__assignee", "alert__case__owner")
        .order_by("pk")
    )
    alerts = [item.alert for item in items] if row is not None else []
    if row is None or not alerts:
        return None
    facts = facts_of(alerts if row.burst else alerts[:1])
    quiet = silences.covering_all(silences.active(database_now()), alerts, facts, any_level=True)
    group = row.target.kind == TargetKind.GROUP or not may_read(role)
    return compose(
        alerts,
        facts,
        events.latest(alerts),
        burst=row.burst,
        quiet=quiet,
        prefix=prefix_of(row.kind == "escalation"),
        group=group,
    )
