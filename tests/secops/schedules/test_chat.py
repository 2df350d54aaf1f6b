"""Scheduled tasks as people set them in a conversation: confirmed by the asker, told where they were asked for."""

import re

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.models import AuditRecord, Proposal, ScheduledTask
from secops_agent.services.schedules.schedules import apply_task_entries
from tests.secops.decisions_aid import GROUP, company, talk

pytestmark = pytest.mark.usefixtures("database")
CODE = re.compile(r"[A-Z][A-Z2-9]{5}")


@pytest.fixture
def config(database):
    made = company()
    made.params["corp_id"] = "corp"
    made.save()
    return made


def confirmed(config, who, text, **more):
    (asked,) = talk(config, (who, text), **more)
    (done,) = talk(config, (who, f"确认 {CODE.search(asked)[0]}"), **more)
    return asked, done


@pytest.mark.slow
def test_asked_in_a_group_it_is_set_after_confirmation_and_goes_to_that_group(config):
    asked, done = confirmed(config, "li", "每天早上9点发日报到这个群")
    assert "尚未执行" in asked
    assert len(re.findall(r"\d\d-\d\d 周. 09:00", asked)) == 3
    assert "每月约 30 条" in asked
    row = ScheduledTask.objects.get()
    assert (row.task, row.cron, row.kind, row.conversation_id) == ("report", "0 9 * * *", "group", GROUP)
    assert (row.owner.staff_id, row.config_id) == ("li", config.pk)
    assert f"定时任务 {row.pk}" in done
    (listed,) = talk(config, ("wu", "有哪些定时任务"))
    assert f"**{row.pk}** 日报 · 每天 09:00" in listed
    assert AuditRecord.objects.filter(subject=f"schedule:{row.pk}").exists()


@pytest.mark.slow
def test_asked_privately_it_goes_to_the_asker_alone(config):
    confirmed(config, "li", "工作日 9:30 推送未处理的高危告警", conversation="cid-own", is_group=False)
    row = ScheduledTask.objects.get()
    assert (row.kind, row.staff.staff_id, row.arguments) == ("person", "li", {"text": "未处理的高危告警"})


def test_it_is_deleted_by_its_number_after_confirmation(config):
    confirmed(config, "li", "每周一9点发周报")
    row = ScheduledTask.objects.get()
    asked, done = confirmed(config, "zhang", f"取消定时任务 {row.pk}")
    assert "每周一 09:00 周报" in asked
    assert done == f"已删除定时任务 {row.pk}。"
    assert not ScheduledTask.objects.exists()


@pytest.mark.slow
def test_viewer_and_people_of_another_corporation_set_and_delete_nothing(config):
    confirmed(config, "li", "每天9点发日报")
    row = ScheduledTask.objects.get()
    for who, corp in (("wu", "corp"), ("li", "evil")):
        talk(config, (who, "每天10点发日报"), (who, f"删除定时任务 {row.pk}"), corp=corp)
    assert Proposal.objects.count() == 1
    assert list(ScheduledTask.objects.all()) == [row]


ENTRY = {
    "name": "日报",
    "task": "日报",
    "cron": "工作日 9:30",
    "target": {"kind": "person", "config": "钉钉", "staff_id": "li"},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cron": "改天"}, "看不懂时间「改天」"),
        ({"task": "封禁 203.0.113.5"}, "不能作为定时任务"),
        ({"task": "今天天气怎么样"}, "不能作为定时任务"),
        ({"target": None}, "要写明发到哪里"),
        ({"target": {"kind": "person", "config": "钉钉", "staff_id": "nobody"}}, "不在人员名单中"),
        ({"target": {"kind": "webhook", "url": "https://oapi.dingtalk.com/robot/send?access_token=x"}}, "不能发到自定义机器人"),
        ({"colour": "red"}, "不认识的键「colour」"),
        ({"name": ""}, "缺少 name"),
    ],
)  # fmt: skip
def test_wrong_entries_name_the_place_and_change_nothing(config, changes, said):
    with pytest.raises(InvalidInput) as caught:
        apply_task_entries([{**ENTRY, **changes}])
    assert "schedules 第 1 项" in caught.value.message
    assert said in caught.value.message
    assert not ScheduledTask.objects.exists()


def test_entries_are_idempotent_and_what_needs_no_reader_needs_no_target(config):
    feeds = {"name": "情报", "task": "更新漏洞情报", "cron": "30 6 * * *"}
    apply_task_entries([ENTRY, feeds])
    apply_task_entries([ENTRY, feeds])
    assert ScheduledTask.objects.count() == 2
    assert AuditRecord.objects.filter(what__contains="定时任务").count() == 2
    apply_task_entries([{**ENTRY, "cron": "每周一 10:00"}])
    row = ScheduledTask.objects.get(name="日报")
    assert (row.cron, row.next_at.astimezone().weekday()) == ("0 10 * * 1", 0)
