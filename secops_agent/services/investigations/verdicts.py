"""What investigations suggest, for who only has to know that."""

from secops_agent.models import Investigation, InvestigationState
from secops_agent.models.choices import Verdict
from secops_agent.services.severities import GRAVE


def is_grave_attack(alert_id: int, severity: str) -> bool:
    """Does the newest investigation of a grave alert suggest 真实攻击? Nobody is then offered 误报 as a tap."""
    if severity not in GRAVE:
        return False
    done = Investigation.objects.filter(alert_id=alert_id, state=InvestigationState.DONE).order_by("-pk")
    return done.values_list("verdict", flat=True).first() == Verdict.TRUE_POSITIVE
