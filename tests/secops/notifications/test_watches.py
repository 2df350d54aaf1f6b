"""Standing watches: set in a chat for a while, told there, grouped like every burst, ended by themselves or by a line."""

import re
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.models import AuditRecord, NotificationRule, Proposal, Staff
from secops_agent.services.notifications import watches
from secops_agent.services.people.staff import find_person
from secops_agent.services.records import Indicator
from secops_agent.tools.arguments import parse
from secops_agent.tools.incidents import watches as tool
from tests.secops.decisions_aid import GROUP, company, talk
from tests.secops.inventory_aid import alert, host, store
from tests.secops.notifications.stage import announce

pytestmark = pytest.mark.django_db
CODE = re.compile(r"[A-Z][A-Z2-9]{5}")
FILE = host("file-01", "10.0.0.9")


def watching() -> Any:
    return NotificationRule.objects.filter(name__startswith="盯着")


@pytest.fixture
def config(db: Any) -> SystemConfig:
    store(FILE, at=timezone.now())
    return company()


def confirmed(config: SystemConfig, text: str, who: str = "li", **more: Any) -> tuple[str, str]:
    (asked,) = talk(config, (who, text), **more)
    code = CODE.search(asked)
    assert code, asked
    return asked, talk(config, (who, f"确认 {code[0]}"), **more)[0]


def happen(key: str, *assets: Any, number: int = 1, **more: Any) -> None:
    now = timezone.now()
    made = (
        alert(f"{key}{n}", at=now, assets=assets or (FILE,), rule_name=f"规则 {key}", **more)
        for n in range(number)
    )
    store(*made, at=now, announce=True)
    announce()


def in_group() -> list[str]:
    rows = OutboxRow.objects.filter(target__conversation_id=GROUP, key__startswith="note:alert")
    return list(rows.order_by("pk").values_list("text", flat=True))


def privately(staff_id: str) -> list[str]:
    rows = OutboxRow.objects.filter(
        target__staff_id=staff_id, target__is_group=False, key__startswith="note:alert"
    )
    return list(rows.order_by("pk").values_list("text", flat=True))


def test_what_is_asked_in_a_group_is_told_there_until_it_ends(config: SystemConfig) -> None:
    asked, done = confirmed(config, "盯着 file-01，有新告警告诉我")
    assert "盯着资产 file-01 24 小时" in asked
    row = watching().get()
    assert f"「取消盯着 {row.pk}」" in done
    assert row.ends_at is not None
    assert timedelta(hours=23) < row.ends_at - timezone.now() < timedelta(hours=25)
    assert AuditRecord.objects.filter(subject=f"rule:{row.pk}", actor_name="li先生").exists()
    happen("a")
    happen("elsewhere", host("web-09", "10.0.0.10"))
    assert len(in_group()) == 1
    assert "规则" in in_group()[0]
    watching().update(ends_at=timezone.now() - timedelta(seconds=1))
    happen("later")
    assert len(in_group()) == 1


def test_what_is_asked_alone_is_told_alone(config: SystemConfig) -> None:
    confirmed(config, "盯着 file-01 2小时", conversation="cid-own", is_group=False)
    happen("a")
    assert len(privately("li")) == 1
    assert in_group() == []


def test_private_parts_follow_the_askers_role_and_who_may_read_no_more_hears_no_more(
    config: SystemConfig,
) -> None:
    confirmed(config, "盯着 file-01", conversation="cid-own", is_group=False)
    confirmed(config, "盯着 file-01", who="zhao")
    mail = (Indicator("email", "zhang.san@corp.example"),)
    happen("a", title="发给 zhang.san@corp.example 的邮件", indicators=mail)
    assert "zhang.san" in privately("li")[0]
    assert "zhang.san" not in in_group()[0]
    Staff.objects.filter(staff_id="li").update(role="viewer")
    happen("b", title="再发给 zhang.san@corp.example", indicators=mail)
    assert "zhang.san" not in privately("li")[-1]
    count = len(privately("li"))
    Staff.objects.filter(staff_id="li").update(role="none")
    happen("c")
    assert len(privately("li")) == count


def test_many_at_once_are_grouped_like_every_burst(config: SystemConfig) -> None:
    confirmed(config, "盯着 file-01")
    happen("burst", number=40)
    assert len(in_group()) <= 3


def test_it_is_listed_where_tasks_are_and_ended_by_its_number(config: SystemConfig) -> None:
    confirmed(config, "盯着 file-01 48小时")
    row = watching().get()
    (listed,) = talk(config, ("wu", "有哪些定时任务"))
    assert f"**{row.pk}** file-01" in listed
    assert "盯着：1 个" in listed
    assert not Proposal.objects.filter(tool="delete_schedule").exists()
    assert "角色" in talk(config, ("wu", f"取消盯着 {row.pk}"))[0]
    asked, _ = confirmed(config, f"取消盯着 {row.pk}", who="zhang")
    assert "不再盯" in asked
    assert not watching().exists()
    happen("a")
    assert in_group() == []


def test_the_same_again_is_prolonged_and_not_doubled(config: SystemConfig) -> None:
    confirmed(config, "盯着 file-01 2小时")
    confirmed(config, "盯着 file-01 3天")
    row = watching().get()
    assert row.ends_at is not None
    assert row.ends_at > timezone.now() + timedelta(days=2)
    confirmed(config, "盯着 file-01", who="zhao")
    assert watching().count() == 2
    happen("a")
    assert len(in_group()) == 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"target": "file-99"}, "没有资产「file-99」"),
        ({"target": "file"}, "没有资产「file」"),
        ({"target": "全部:"}, "没有资产"),
        ({"target": "file-01", "until_hours": 721}, "应在 1 到 720"),
        ({"target": "规则:没有的"}, "没有"),
    ],
)
def test_what_cannot_be_watched_is_refused(config: SystemConfig, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(BifangError, match=reason):
        tool.check(parse(tool.Watch, given), find_person("corp", "li"))
    assert not watching().exists()


def test_who_may_not_ask_watches_nothing(config: SystemConfig) -> None:
    for who, corp in (("wu", "corp"), ("li", "evil"), ("stranger", "corp")):
        talk(config, (who, "盯着 file-01"), corp=corp)
    assert not Proposal.objects.exists()


def test_another_corporation_neither_sees_nor_ends_it(config: SystemConfig) -> None:
    confirmed(config, "盯着 file-01")
    row = watching().get()
    assert watches.of_corporation("other") == []
    Staff.objects.create(staff_id="wai", name="外人", role="admin", corp_id="other")
    from secops_agent.tools.operations.schedule_changes import DeleteSchedule, check_deletion

    with pytest.raises(BifangError, match="另一个企业"):
        check_deletion(parse(DeleteSchedule, {"watch_id": row.pk}), find_person("other", "wai"))
    with pytest.raises(BifangError, match="没有编号"):
        check_deletion(parse(DeleteSchedule, {"watch_id": 10**9}), find_person("corp", "zhang"))


def test_a_rule_of_an_administrator_is_never_replaced(config: SystemConfig) -> None:
    confirmed(config, "盯着 file-01")
    name = watching().get().name
    watching().update(owner=None, ends_at=None)
    _, done = confirmed(config, "盯着 file-01 2小时")
    assert f"已有名为「{name}」" in done
    assert NotificationRule.objects.get(name=name).ends_at is None


def test_an_offer_is_taken_minutes_later(config: SystemConfig) -> None:
    """What would be done is told without the hour, or it would not be the same any more."""
    given = parse(tool.Watch, {"target": "file-01"})
    person = find_person("corp", "li")
    first = tool.check(given, person).summary
    later = timezone.now() + timedelta(minutes=9)
    with mock.patch.object(timezone, "now", return_value=later):
        assert tool.check(given, person).summary == first


def test_an_address_is_watched_among_the_observables_of_alerts(config: SystemConfig) -> None:
    asked, _ = confirmed(config, "盯着 203.0.113.5")
    assert "盯着地址 203.0.113.5 24 小时" in asked
    assert watching().get().conditions == {"addresses": ["203.0.113.5"]}
    happen("a", indicators=(Indicator("ip", "203.0.113.5"),))
    happen("b", indicators=(Indicator("ip", "203.0.113.50"),))
    assert len(in_group()) == 1
    assert "规则 a" in in_group()[0]


def test_the_address_of_a_host_watches_the_host(config: SystemConfig) -> None:
    asked, _ = confirmed(config, "盯着 10.0.0.9")
    assert "盯着资产 file-01" in asked
