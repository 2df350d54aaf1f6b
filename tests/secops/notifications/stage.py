"""A configuration, people and a rule for tests of notifications, and a count of what was told."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bifang.channels.models import OutboxRow
from bifang.core.models import SystemConfig
from secops_agent.models import AlertMessage, Staff
from secops_agent.services.notifications.delivery import announcing, escalation, reaching
from secops_agent.services.notifications.rules import apply_rule_entries

GROUP = {"kind": "group", "config": "钉钉", "conversation_id": "cidGroup"}
RULE: dict[str, Any] = {"name": "严重告警", "severities": ["critical", "high"], "targets": [GROUP]}


def configure(**params: Any) -> SystemConfig:
    """An enabled DingTalk configuration with notifications on."""
    given = {"notifications_enabled": True, **params}
    return SystemConfig.objects.create(
        kind="dingtalk", name="钉钉", client_id="ding1", enabled=True, revision=1, params=given
    )


def staff(staff_id: str, name: str, role: str = "analyst") -> Staff:
    """Somebody of the corporation."""
    return Staff.objects.create(corp_id="dingcorp", staff_id=staff_id, name=name, role=role)


def rule(**changes: Any) -> None:
    """Apply `RULE` with these changes."""
    apply_rule_entries([{**RULE, **changes}])


def announce() -> None:
    """All steps until nothing is due."""
    while announcing.step():
        pass
    reaching.note_failures()
    reaching.heal()
    while escalation.step():
        pass


def told(conversation: str = "cidGroup") -> list[str]:
    """Texts for one group, in order."""
    rows = OutboxRow.objects.filter(target__conversation_id=conversation).order_by("pk")
    return list(rows.values_list("text", flat=True))


def told_privately() -> Mapping[str, int]:
    """Staff id → messages."""
    rows = OutboxRow.objects.filter(target__is_group=False).values_list("target__staff_id", flat=True)
    return Counter(rows)


def states() -> Mapping[str, int]:
    """State → messages about alerts."""
    return Counter(AlertMessage.objects.values_list("state", flat=True))
