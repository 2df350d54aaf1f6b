"""确认 A12, 误报 A12, 指派给我 A12, 静默 A12 1小时: carried out at once, by right, on record, and undone in as many words."""

import asyncio

import pytest

from bifang.core.models import SystemConfig
from secops_agent.agent.acting.controls import read_control
from secops_agent.agent.acting.orders import read_order
from secops_agent.models import Alert, AuditRecord, Proposal, Silence, Staff
from secops_agent.services.alerts.orders import AlertOrder
from secops_agent.services.decisions import proposals
from tests.secops.decisions_aid import company, new_agent, say, some_alert, switch, talk
from tests.secops.inventory_aid import alert, host, store
from tests.secops.notifications import stage

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.both_databases]


def known_company() -> SystemConfig:
    """Its corporation is known."""
    config = company()
    config.params["corp_id"] = "corp"
    config.save()
    return config


@pytest.mark.slow
def test_words_act_at_once_and_say_who_did_what_and_how_to_undo_it() -> None:
    config, pk = company(), some_alert()
    texts = talk(config, ("li", f"确认 A{pk}"), ("li", f"误报A{pk}"), ("wang", f"重新打开 a{pk}"))
    assert f"**li先生** 已确认 A{pk}" in texts[0]
    assert f"撤销：回复「撤销 A{pk}」" in texts[0]
    assert "结论：误报" in texts[1]
    assert "恢复为「未处理」" in texts[2]
    assert not Proposal.objects.exists()
    row = Alert.objects.get()
    assert (row.status, row.verdict) == ("open", "")
    trail = AuditRecord.objects.filter(subject=f"alert:{pk}", kind="change").order_by("pk")
    assert [(one.detail["action"], one.actor_id) for one in trail] == [
        ("acknowledge", "corp:li"), ("close", "corp:li"), ("reopen", "corp:wang"),
    ]  # fmt: skip


@pytest.mark.slow
def test_taking_silencing_and_their_undoing() -> None:
    config, pk = company(), some_alert()
    words = ("指派给我", "认领", "取消指派", "取消指派")
    taken, again, back, gone = talk(config, *(("li", f"{word} A{pk}") for word in words))
    assert "接过了" in taken
    assert "已经指派给您" in again
    assert "已取消" in back
    assert "没有指派给任何人" in gone
    quiet, twice, loud = talk(
        config, ("li", f"静默 A{pk} 1小时"), ("wang", f"静默　Ａ{pk}　１小时"), ("li", f"取消静默 A{pk}")
    )
    assert "已静默" in quiet
    assert "没有重复操作" in twice
    assert "已取消" in loud
    assert Silence.objects.count() == 1
    assert Silence.objects.get().made_by == "li先生"


def test_said_twice_it_is_done_once_and_the_second_learns_who_did_it() -> None:
    config, pk = company(), some_alert()
    _, second, _, closed, late = talk(
        config, ("li", f"确认 A{pk}"), ("wang", f"确认 A{pk}"), ("li", f"误报 A{pk}"), ("li", f"误报 A{pk}"),
        ("wang", f"确认 A{pk}"),
    )  # fmt: skip
    assert "li先生" in second
    assert "没有重复操作" in second
    assert "已按误报关闭" in closed
    assert f"请先回复「重新打开 A{pk}」" in late
    assert Alert.objects.get().assignee == Staff.objects.get(staff_id="li")
    assert AuditRecord.objects.filter(detail__action="acknowledge").count() == 1
    assert AuditRecord.objects.filter(detail__action="close").count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("is_group", [True, False])
def test_refusals_say_why_change_nothing_and_are_on_record(is_group: bool) -> None:
    config, pk = known_company(), some_alert()
    (viewer,) = talk(config, ("wu", f"确认 A{pk}"), is_group=is_group)
    assert "需要「分析」角色，您现在的角色是「查看」" in viewer
    (unknown,) = talk(config, ("li", "误报 A99999"), is_group=is_group)
    assert "没有编号为 A99999 的告警" in unknown
    (long,) = talk(config, ("li", f"静默 A{pk} 2天"), is_group=is_group)
    assert "审批人" in long
    switch("read_only")
    (withheld,) = talk(config, ("li", f"确认 A{pk}"), is_group=is_group)
    assert "只读模式" in withheld
    assert Alert.objects.get().status == "open"
    assert not Silence.objects.exists()
    refused = AuditRecord.objects.filter(kind="action").order_by("pk")
    assert [(one.actor_id, one.subject) for one in refused] == [
        ("corp:wu", f"alert:{pk}"), ("corp:li", "alert:99999"), ("corp:li", f"alert:{pk}"), ("corp:li", f"alert:{pk}"),
    ]  # fmt: skip


def test_namesake_of_another_corporation_can_order_nothing() -> None:
    config, pk = known_company(), some_alert()
    Staff.objects.create(corp_id="other", staff_id="li", name="外人", role="admin")
    (text,) = talk(config, ("li", f"确认 A{pk}"), corp="other")
    assert "不属于这个机器人所在的企业" in text
    assert Alert.objects.get().status == "open"


def test_nothing_is_handed_to_a_namesake_of_another_corporation() -> None:
    config, pk = known_company(), some_alert()
    Staff.objects.create(corp_id="other", staff_id="li", name="邻居", role="analyst")
    refused, asked = talk(config, ("li", f"A{pk} 派给邻居"), ("li", f"A{pk} 派给我"))
    assert "人员里没有「邻居」" in refused
    talk(config, ("li", f"确认 {asked.split('「确认 ')[1][:6]}"))
    assert Alert.objects.get().assignee == Staff.objects.get(corp_id="corp", staff_id="li")


@pytest.mark.slow
def test_code_stands_for_the_group_that_its_message_tells_of() -> None:
    config = company()
    stage.rule()
    same = {"rule_name": "同一规则", "rule_id": "R1", "assets": (host("web-01"),)}
    store(*(alert(f"k{number}", **same) for number in range(3)), alert("其他"))
    first = Alert.objects.filter(rule_id="R1").order_by("pk")[0].pk
    (text,) = talk(config, ("li", f"确认 A{first}"))
    assert "同组的另外 2 条一起" in text
    assert set(Alert.objects.filter(status="acknowledged").values_list("rule_id", flat=True)) == {"R1"}
    store(alert("k9", **same))
    more, undone = talk(config, ("li", f"确认 A{first}"), ("li", f"重新打开 A{first}"))
    assert "同组的 1 条" in more
    assert "同组的另外 3 条一起" in undone
    assert Alert.objects.filter(status="open").count() == 5


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("确认 A12", AlertOrder("acknowledge", 12)),
        ("@毕方 确认Ａ１２", AlertOrder("acknowledge", 12)),
        ("误報 a12", AlertOrder("false_positive", 12)),
        ("认领A12", AlertOrder("take", 12)),
        ("静默 A12 30分钟", AlertOrder("silence", 12, 30)),
        ("确认 A23456", AlertOrder("acknowledge", 23456)),
    ],
)
def test_exact_words_in_any_case_and_width_are_orders(text: str, order: AlertOrder) -> None:
    assert read_order(text) == order
    assert read_control(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "确认 A12 吗", "不要确认 A12", "确认 A12 和 A13", "确认 12", "确认 A0", "确认 A2B3C4", "静默 A12", "静默 A12 一下",
        "确认 A12 1小时", "@李四 确认 A12", "请你误报 A12", "同意 A12", "拒绝 A12", "确认 A12\n确认 A13", "确认 A" + "1" * 30,
    ],
)  # fmt: skip
def test_anything_less_exact_is_no_order(text: str) -> None:
    assert read_order(text) is None


def test_what_is_quoted_orders_nothing_and_what_is_typed_beside_it_does() -> None:
    config, pk = company(), some_alert()

    async def run() -> str:
        agent = new_agent()
        try:
            return (await say(agent, config, "li", "", quoted=f"确认 A{pk}")).replies[0].text
        finally:
            await agent.close()

    assert "不会照办" in asyncio.run(run())
    assert Alert.objects.get().status == "open"
    talk(config, ("li", f"确认 A{pk}"), quoted=f"误报 A{pk}")
    assert Alert.objects.get().status == "acknowledged"


def test_no_code_of_a_proposal_is_that_of_an_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter("A23456B23456")
    monkeypatch.setattr(proposals.secrets, "choice", lambda _: next(drawn))
    monkeypatch.setattr(proposals.secrets, "randbelow", lambda _: 0)
    assert not proposals.new_code().startswith("A")


STATE = ("status", "verdict", "assignee_id", "acknowledged_at", "closed_at", "closed_count")


def test_undoing_puts_back_exactly_what_was_and_only_what_one_did_oneself() -> None:
    config, pk = company(), some_alert()
    talk(config, ("li", f"确认 A{pk}"))
    before = Alert.objects.values(*STATE).get()
    assert before["status"] == "acknowledged"
    closed, others, undone, again = talk(
        config,
        ("wang", f"误报 A{pk}"),
        ("li", f"撤销 A{pk}"),
        ("wang", "撤销刚才的操作"),
        ("wang", f"撤销 A{pk}"),
    )
    assert f"撤销：回复「撤销 A{pk}」" in closed
    # li's own act is what li undoes, and wang was here since
    assert "又被改过，没有撤销" in others
    assert f"撤销了「按误报关闭 A{pk}」" in undone
    assert "恢复为「处理中（li先生）」" in undone
    assert Alert.objects.values(*STATE).get() == before
    assert "不能再撤销" in again
    actions = AuditRecord.objects.filter(subject=f"alert:{pk}", kind="change").order_by("pk")
    assert [one.detail["action"] for one in actions] == ["acknowledge", "close", "undo"]


def test_undo_alone_takes_back_the_last_act() -> None:
    config, first = known_company(), some_alert()
    assert talk(config, ("li", "撤销"))[0].startswith("没有可以撤销的操作")
    talk(config, ("li", f"指派给我 A{first}"))
    (undone,) = talk(config, ("li", "撤销"))
    assert "撤销了「指派给自己" in undone
    assert Alert.objects.get().assignee is None


def test_whole_group_is_done_at_once_and_undone_at_once_also_what_came_into_it_later() -> None:
    config = company()
    stage.rule()
    same = {"rule_name": "同一规则", "rule_id": "R1", "assets": (host("web-01"),)}
    store(*(alert(f"k{number}", **same) for number in range(30)))
    first = Alert.objects.order_by("pk")[0].pk
    (closed,) = talk(config, ("li", f"误报 A{first}"))
    assert "同组的另外 29 条一起" in closed
    assert "再说一次" not in closed
    store(*(alert(f"later{number}", **same) for number in range(3)))
    more, undone, again = talk(
        config, ("li", f"误报 A{first}"), ("li", f"撤销 A{first}"), ("li", f"撤销 A{first}")
    )
    assert "同组的 3 条" in more
    assert "撤销了「按误报关闭 33 条告警」" in undone
    assert set(Alert.objects.values_list("status", flat=True)) == {"open"}
    assert AuditRecord.objects.filter(detail__action="undo").count() == 33
    assert "不能再撤销" in again


def test_undo_takes_back_the_last_act_on_the_group_and_not_an_earlier_other_one() -> None:
    config = company()
    stage.rule()
    same = {"rule_name": "同一规则", "rule_id": "R1", "assets": (host("web-01"),)}
    store(*(alert(f"k{number}", **same) for number in range(3)))
    first = Alert.objects.order_by("pk")[0].pk
    talk(config, ("li", f"确认 A{first}"), ("li", f"误报 A{first}"))
    (undone,) = talk(config, ("li", f"撤销 A{first}"))
    assert "撤销了「按误报关闭 3 条告警」" in undone
    assert set(Alert.objects.values_list("status", flat=True)) == {"acknowledged"}
