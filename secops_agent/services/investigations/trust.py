"""For which rules the suggested verdict may stand in messages: those that have shown it in the newest comparison."""

from secops_agent.models import Alert
from secops_agent.services.investigations.replays import latest, rule_of


def is_earned(alert_id: int) -> bool:
    """Has the rule of this alert earned it?"""
    alert = Alert.objects.filter(pk=alert_id).only("source", "rule_id", "rule_name", "title").first()
    found = latest()
    if alert is None or found is None:
        return False
    return any(
        each.has_earned for each in found.rules if (each.source, each.rule) == (alert.source, rule_of(alert))
    )
