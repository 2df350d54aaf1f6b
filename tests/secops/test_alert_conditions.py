"""The conditions of a list of alerts are declared once: page and API that offer the same one find the same alerts."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from secops_agent.kit.listing import Condition
from secops_agent.models import Alert, Role, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.queries.filters import ALERTS, NOBODY, AlertFilter, matching
from secops_agent.services.alerts.queries.urgency import UNCLOSED
from tests.admin_pages import serve_plain_static, with_role
from tests.secops.api.callers import person
from tests.secops.inventory_aid import alert, host, store

pytestmark = pytest.mark.django_db
BOTH = [each for each in ALERTS.conditions if each.page and each.api]


@pytest.fixture
def someone(settings: Any, tmp_path: Path) -> Staff:
    """Four alerts that differ in everything, one of them his, one closed by him."""
    serve_plain_static(settings, tmp_path)
    him = Staff.objects.create(staff_id="him", name="某人", role=Role.ANALYST)
    for number, severity in enumerate(("critical", "high", "low", "info")):
        store(
            alert(
                f"k{number}",
                title=f"告警甲{number}",
                severity=severity,
                source=f"源{number}",
                assets=(host(f"h{number}"),),
            )
        )
    first, second, *_ = Alert.objects.order_by("pk")
    triage.assign(first.pk, him, Actor.system("test"))
    triage.close(second.pk, "benign", Actor.system("test"))
    Alert.objects.filter(pk=second.pk).update(closed_by=him)
    return him


def test_what_a_condition_sets_is_a_field_of_the_filter() -> None:
    assert {each.name for each in ALERTS.conditions} <= {each.name for each in fields(AlertFilter)}


@pytest.mark.parametrize("each", BOTH, ids=lambda each: each.name)
def test_page_and_api_find_the_same(each: Condition, someone: Staff) -> None:
    value = {
        "keyword": "告警甲2", "severities": "high", "statuses": "closed", "verdicts": "benign", "sources": "源3",
        "assignees": str(someone.pk), "closers": str(someone.pk),
    }[each.name]  # fmt: skip
    more = {} if each.name == "statuses" else {"status": ["open", "acknowledged", "closed"]}
    page = with_role(Role.ANALYST).get("/alerts/", {each.page: value, **more}).content.decode()
    shown = {int(pk) for pk in re.findall(r'name="ids" value="(\d+)"', page)}
    found = person(Role.ANALYST).get("/api/v1/alerts/", {each.api: value}).json()["items"]
    assert len(shown) == 1
    assert shown == {row["id"] for row in found}


def test_what_only_one_door_offers_goes_together(someone: Staff) -> None:
    """Several assets and nobody (of the page) with a network and a time limit (of chat and API): one statement."""
    mine, others = Alert.objects.get(title="告警甲0"), Alert.objects.filter(status="open")
    assets = tuple(Alert.objects.values_list("assets", flat=True))
    wanted = AlertFilter(assets=assets, assignees=(NOBODY, someone.pk), statuses=UNCLOSED)
    assert {row.pk for row in matching(wanted)} == {row.pk for row in others}
    assert [row.pk for row in matching(replace(wanted, mine=(someone.pk,), pressing=True))] == [mine.pk]
    assert not matching(replace(wanted, address="10.0.0.0/8")).exists()
