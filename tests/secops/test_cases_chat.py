"""Cases from chat: exact forms propose and wait for their asker; anything more is no order at all."""

from typing import Any

import pytest

from secops_agent.models import Alert, Case, CaseTask, Proposal
from secops_agent.services.actors import Actor
from secops_agent.services.cases import orders
from secops_agent.services.people.staff import find_person
from secops_agent.services.records import Indicator
from tests.secops.decisions_aid import company, talk
from tests.secops.inventory_aid import alert, store
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW, understand

_ORDERS: list[tuple[str, str, dict[str, Any]]] = [
    ("把告警 12 和 15 并成事件", "create_case", {"alerts": "12,15"}),
    ("把 A12、A15、A12 归为一个事件", "create_case", {"alerts": "12,15"}),
    ("新建事件 12 15 标题 支付系统被入侵", "create_case", {"alerts": "12,15", "title": "支付系统被入侵"}),
    ("/事件 新建 12 15 标题 支付系统被入侵", "create_case", {"alerts": "12,15", "title": "支付系统被入侵"}),
    ("把告警 15 加入事件 3", "add_case_alerts", {"alerts": "15", "case_id": 3}),
    ("把告警 12 从事件 3 拆出来", "split_case", {"alerts": "12", "case_id": 3}),
    ("把事件 5 并入事件 3", "merge_cases", {"case_id": 5, "into_id": 3}),
    ("事件 3 加任务 重装 web-01", "add_case_task", {"case_id": 3, "text": "重装 web-01"}),
    ("事件 3 备注：已联系业务", "comment_case", {"case_id": 3, "note": "已联系业务"}),
    ("事件 3 交给李四", "assign_case", {"case_id": 3, "assignee": "李四"}),
    ("把 E3 交给我", "assign_case", {"case_id": 3, "assignee": ASKER}),
    ("关闭事件 3 真实攻击", "close_case", {"case_id": 3, "verdict": "true_positive"}),
    ("/事件 3 关闭 误报 连同告警", "close_case", {"case_id": 3, "verdict": "false_positive", "with_alerts": True}),
    ("关闭事件 3", "close_case", {"case_id": 3}),
]  # fmt: skip
_QUESTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("事件列表", "list_cases", {}),
    ("/事件", "list_cases", {}),
    ("我的事件", "list_cases", {"scope": "mine"}),
    ("/事件 已关闭的", "list_cases", {"scope": "closed"}),
    ("事件 3 进展", "get_case", {"case_id": 3}),
    ("/事件 3", "get_case", {"case_id": 3}),
    ("事件3怎么样了？", "get_case", {"case_id": 3}),
    ("E3 的事件负责人是谁", "get_case", {"case_id": 3}),
    ("事件 3 的负责人", "get_case", {"case_id": 3}),
    ("告警 12 属于哪个事件", "get_case", {"alert_id": 12}),
]
_NEITHER = (
    "要不要关闭事件 3 真实攻击", "关闭事件 3 真实攻击吗", "同事说关闭事件 3 真实攻击", "如果再发生就关闭事件 3 误报",
    "不要把告警 12 和 15 并成事件", "把告警 12 和 15 并成事件？", "事件 3 不要交给李四", "事件 3 交给李四了", "事件 3 交给谁",
    "事件 3 加任务 要不要重装吗", "把事件 5 并入事件 3 了吗", "刚才把事件 5 并入事件 3", "关闭事件 3 不是误报",
    "「把告警 12 和 15 并成事件」", "把所有告警并成事件", "怎么把告警 12 和 15 并成事件",
    "请问 把告警 12 和 15 并成事件", "@李四 把告警 12 和 15 并成事件",
)  # fmt: skip
_TOOLS = {tool for _, tool, _ in _ORDERS}


@pytest.mark.parametrize(("text", "tool", "arguments"), [*_ORDERS, *_QUESTIONS])
def test_exact_forms_are_understood(text: str, tool: str, arguments: dict[str, Any]) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert found.intent is not None
    assert (found.intent.tool, dict(found.intent.arguments), found.guessed) == (tool, arguments, False)


@pytest.mark.parametrize("text", _NEITHER)
def test_anything_more_is_no_order_about_a_case(text: str) -> None:
    found = understand(text, LEXICON, NOW, asker=ASKER)
    assert found.intent is None or found.intent.tool not in _TOOLS
    assert all(one.tool not in _TOOLS for one in found.offers)


def code(text: str) -> str:
    """Of the newest proposal, which the reply names."""
    found = Proposal.objects.order_by("-pk")[0].code
    assert found in text
    return found


@pytest.mark.usefixtures("database")
class TestTalking:
    def alerts(self) -> list[int]:
        kinds = (Indicator("account", "svc-backup"), Indicator("ip", "203.0.113.5"))
        made = store(
            alert("a"), alert("b", severity="critical", title="svc-backup 登录", indicators=kinds), alert("c")
        )
        return sorted(made.created_ids["alert"])

    def case(self, *ids: int) -> int:
        who = find_person("corp", "li")
        assert who is not None
        return orders.create(ids, Actor.person(who, "dingtalk"), "一件事").case.id

    @pytest.mark.slow
    def test_from_two_alerts_to_a_closed_case(self) -> None:
        config = company()
        one, two, three = self.alerts()
        more: dict[str, Any] = {"conversation": "cid-li", "is_group": False}
        (asked,) = talk(config, ("li", f"把告警 {one} 和 {two} 并成事件"), **more)
        assert not Case.objects.exists(), "nothing without a confirmation"
        (made,) = talk(config, ("li", f"确认 {code(asked)}"), **more)
        case = Case.objects.get()
        assert f"E{case.pk}" in made
        assert (case.owner.staff_id if case.owner else "", case.made_by) == ("li", "li先生")
        lines = ("事件列表", f"事件 {case.pk} 进展", f"告警 {one} 属于哪个事件", f"告警 {three} 属于哪个事件")
        listed, told, found, none = talk(config, *(("li", line) for line in lines), **more)
        assert f"**E{case.pk}** 严重" in listed
        assert f"A{one}" in told
        assert f"事件 E{case.pk}" in found
        assert "不属于任何事件" in none
        (task,) = talk(config, ("li", f"事件 {case.pk} 加任务 封禁 203.0.113.5"), **more)
        talk(config, ("li", f"确认 {code(task)}"), **more)
        assert CaseTask.objects.get().text == "封禁 203.0.113.5"
        unsaid, close = talk(
            config, ("li", f"关闭事件 {case.pk}"), ("li", f"关闭事件 {case.pk} 真实攻击 连同告警"), **more
        )
        assert "要写明结论" in unsaid
        assert "2 条未关闭的告警" in close
        (closed,) = talk(config, ("li", f"确认 {code(close)}"), **more)
        assert "一起关闭了 2 条告警" in closed
        assert set(Alert.objects.filter(case=case).values_list("verdict", flat=True)) == {"true_positive"}

    def test_a_viewer_reads_and_orders_nothing(self) -> None:
        config = company()
        one, two, _ = self.alerts()
        case = self.case(one)
        told, refused = talk(config, ("wu", f"事件 {case} 进展"), ("wu", f"把告警 {two} 加入事件 {case}"))
        assert "一件事" in told
        assert "分析" in refused
        assert not Proposal.objects.exists()

    def test_somebody_else_does_not_confirm_it(self) -> None:
        config = company()
        one, two, _ = self.alerts()
        case = self.case(one)
        (asked,) = talk(config, ("li", f"把告警 {two} 加入事件 {case}"))
        talk(config, ("zhang", f"确认 {code(asked)}"))
        assert Alert.objects.get(pk=two).case_id is None

    def test_what_changed_meanwhile_is_told_at_the_confirmation(self) -> None:
        config = company()
        one, two, _ = self.alerts()
        case = self.case(one)
        (asked,) = talk(config, ("li", f"把告警 {two} 加入事件 {case}"))
        orders.close(case, "benign", Actor.system("test"))
        (late,) = talk(config, ("li", f"确认 {code(asked)}"))
        assert "已关闭" in late
        assert Alert.objects.get(pk=two).case_id is None

    def test_a_group_reads_no_account(self) -> None:
        config = company()
        one, two, _ = self.alerts()
        case = self.case(one, two)
        (shown,) = talk(config, ("li", f"事件 {case} 进展"))
        assert "svc-backup" not in shown
        assert "群里不显示" in shown
        Case.objects.update(title="svc-backup 被盗")
        (listed,) = talk(config, ("li", "事件列表"))
        assert f"E{case}" in listed
        assert "svc-backup" not in listed
        (private,) = talk(config, ("li", f"事件 {case} 进展"), conversation="cid-li", is_group=False)
        assert "svc-backup" in private

    def test_what_does_not_exist_is_said(self) -> None:
        config = company()
        answers = talk(
            config, ("li", "事件 99 进展"), ("li", "把告警 98 和 99 并成事件"), ("li", "事件 99 交给 wang")
        )
        assert all("没有编号为" in answer for answer in answers)
        assert not Proposal.objects.exists()
