"""One message about a group of alerts, for every way in which it may be shown: text, taps, buttons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bifang.channels.ports import Suggestion
from secops_agent.models import Alert, History
from secops_agent.services.notifications import events, wording
from secops_agent.services.notifications.conditions import Facts


@dataclass(frozen=True, slots=True)
class AlertNotice:
    """What is told. Without buttons the suggestions do the same; the text names both as words."""

    title: str
    text: str
    suggestions: tuple[Suggestion, ...]


def compose(
    alerts: Sequence[Alert], facts: Facts, known: Mapping[int, History], *, prefix: str = ""
) -> AlertNotice:
    """``known``: what happened last, as `events.latest` has it."""
    text = wording.group_text(alerts, facts, last=events.last_event(alerts, known), prefix=prefix)
    return AlertNotice(wording.title_of(alerts), text, wording.commands(alerts))
