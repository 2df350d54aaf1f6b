"""One message about a group of alerts, for every way in which it may be shown: text, taps, buttons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bifang.channels.ports import Button, Suggestion
from bifang.core.db import database_now
from secops_agent.models import Alert, AlertMessage, AlertMessageItem, Silence, TargetKind
from secops_agent.services.notifications import events, silences, wording
from secops_agent.services.notifications.conditions import Facts
from secops_agent.services.notifications.events import KnownNews
from secops_agent.services.notifications.matching import facts_of
from secops_agent.services.privacy import mask_alerts

# What a suggestion is as a button: its id, which comes back as ``verdict``, its words, its style.
BUTTONS: Final = {
    "确认": ("acknowledge", "确认", "primary"),
    "指派给我": ("take", "指派给我", "default"),
    "误报": ("false_positive", "误报", "danger"),
    "静默": ("silence", "静默1小时", "default"),
    "查看": ("view", "查看", "default"),
}


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
    facts: Facts,
    known: KnownNews,
    *,
    quiet: Silence | None = None,
    prefix: str = "",
    heard: bool = True,
    group: bool = False,
) -> AlertNotice:
    """``known``: as `events.latest` has it; ``quiet``: the silence that covers the group.

    ``heard``: its readers can answer. ``group``: they are several, and private fields are not for them.
    """
    last = events.last_event(alerts, known)
    found, read = events.finding(alerts, known), events.reading(alerts, known)
    text = wording.group_text(
        alerts, facts, last=last, found=found, read=read, quiet=quiet, prefix=prefix, heard=heard
    )
    title = wording.title_of(alerts)
    if group:
        masked = mask_alerts(f"{title}\n{text}", [alert.pk for alert in alerts])
        title, _, text = masked.partition("\n")
    taps = wording.commands(alerts) if heard else ()
    return AlertNotice(f"A{alerts[0].pk}", title, text, taps, _owner(alerts, facts))


def _owner(alerts: Sequence[Alert], facts: Facts) -> str:
    """Who has it, else whose asset it is, if that is one person."""
    people = {each.assignee.staff_id for each in alerts if each.assignee} or set(facts.owners)
    return people.pop() if len(people) == 1 else ""


def prefix_of(escalated: bool) -> str:
    """What stands before what is told because nobody took it in hand."""
    return "⏫ 升级 " if escalated else ""


def notice_of(message_id: int, config_id: int) -> AlertNotice | None:
    """How a message of this configuration stands now; None if there is nothing to tell."""
    rows = AlertMessage.objects.select_related("target")
    row = rows.filter(pk=message_id, target__config_id=config_id).first()
    items = AlertMessageItem.objects.filter(message=row).select_related("alert__assignee").order_by("pk")
    alerts = [item.alert for item in items] if row is not None else []
    if row is None or not alerts:
        return None
    facts = facts_of(alerts[:1])[alerts[0].pk]
    quiet = silences.covering_all(silences.active(database_now()), alerts, facts)
    group = row.target.kind == TargetKind.GROUP
    return compose(
        alerts,
        facts,
        events.latest(alerts),
        quiet=quiet,
        prefix=prefix_of(row.kind == "escalation"),
        group=group,
    )
