"""Until when something must be dealt with: the table's limits, the defaults for what it does not list."""

import pytest

from secops_agent.models import SlaTarget
from secops_agent.services import sla

from .inventory_aid import NOW, later

pytestmark = pytest.mark.both_databases


def test_listed_severity_takes_the_tables_limits_and_others_the_defaults(database):
    SlaTarget.objects.all().delete()
    SlaTarget.objects.create(severity="high", alert_hours=2, finding_days=None)
    assert (sla.alert_due("high", NOW), sla.finding_due("high", NOW)) == (later(hours=2), None)
    assert (sla.alert_due("critical", NOW), sla.finding_due("critical", NOW)) == (
        later(hours=4),
        later(days=7),
    )


def test_what_has_no_limit_is_never_due(database):
    assert (sla.alert_due("info", NOW), sla.finding_due("info", NOW)) == (None, None)
