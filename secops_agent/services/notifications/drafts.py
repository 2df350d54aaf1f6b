"""The rule that a new chat configuration begins with: switched off and without a target, for a person to complete."""

from bifang.core.configuration.kinds import chat_kinds
from bifang.core.models import SystemConfig
from secops_agent.models import NotificationRule
from secops_agent.services.actors import Actor
from secops_agent.services.notifications.rules import save_rule


def draft_name(config_name: str) -> str:
    """What the draft of a configuration is called."""
    return f"{config_name[:80]}的严重和高危告警"


def make_draft(config: SystemConfig, **_: object) -> None:
    """Receiver of ``configs.created``: 严重 and 高危, once; a rule that has the name already is left alone."""
    name = draft_name(config.name)
    if config.kind in chat_kinds() and not NotificationRule.objects.filter(name=name).exists():
        save_rule(
            {"name": name, "enabled": False, "severities": ["critical", "high"]}, Actor.system("program")
        )
