"""The switches of the whole system, as running processes see them."""

from bifang.core.models import Switch

MAINTENANCE = "maintenance"
READ_ONLY = "read_only"
NO_MODEL = "no_model"
NO_ACTIONS = "no_actions"
NO_SPEECH = "no_speech"


def read_switches() -> frozenset[str]:
    """Names of the switches that are on now."""
    return frozenset(Switch.objects.filter(on=True).values_list("name", flat=True))
