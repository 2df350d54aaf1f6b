"""Accounts that every machine has are nobody's: a group may read them, people's it may not."""

import pytest

from secops_agent.services.alerts import triage
from secops_agent.services.privacy import HIDDEN, mask_alerts
from secops_agent.services.records import Indicator
from tests.secops.inventory_aid import alert, store


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["root", "Administrator", "SYSTEM", "NT AUTHORITY\\SYSTEM"])
def test_accounts_of_the_system_are_shown_where_those_of_people_are_not(name: str) -> None:
    seen = (Indicator("account", name), Indicator("account", "zhangsan"))
    made = store(alert("k", title=f"{name} 登录，zhangsan 登录", indicators=seen))
    (number,) = made.created_ids["alert"]
    assert mask_alerts(f"{name} 登录，zhangsan 登录", [number]) == f"{name} 登录，{HIDDEN} 登录"
    shown = triage.get(number)
    assert [each.value.lower() for each in shown.indicators] == [name.lower()]
