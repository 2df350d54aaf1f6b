"""Offers in the chat: shown with their exact effect, taken by their asker alone, here, and for ten minutes."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.channels.ports import ReplyTarget
from bifang.channels.queues.outbox import notify
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.agent.acting.attachments import Attachment
from secops_agent.models import Alert, AuditRecord, ConversationMessage, Proposal, Staff
from tests.secops.decisions_aid import GROUP, company, propose, some_alert, switch, talk
from tests.secops.inventory_aid import alert, store
from tests.secops.on_call.rota_aid import rota

pytestmark = pytest.mark.django_db
BLOCK = "风禁 203.0.113.5 两小时"  # a slip is never exact
PRIVATE = {"conversation": "cid-private-zhao", "is_group": False}


@pytest.fixture(autouse=True)
def without_limits() -> Iterator[None]:
    with override_settings(RATE_LIMITS=False):
        yield


def code_in(answer: str) -> str:
    found = re.search(r"「提交 (\w{6})」", answer)
    assert found, answer
    return found[1]


def say(config: SystemConfig, who: str, *words: str, private: bool = True) -> list[str]:
    place = {"conversation": f"cid-private-{who}", "is_group": False} if private else {}
    return [answer for text in words for answer in talk(config, (who, text), **place)]


def test_a_write_that_is_taken_is_done_at_once_and_only_once() -> None:
    config, number = company(), some_alert()
    (shown,) = say(config, "li", f"A{number} 误报关了吧")
    assert "尚未执行" in shown
    assert "结论：误报" in shown
    assert Alert.objects.get(pk=number).status == "open"
    assert not Proposal.objects.exists()
    done, again = say(config, "li", "好", f"提交 {code_in(shown)}")
    assert "已关闭" in done
    assert Alert.objects.get(pk=number).verdict == "false_positive"
    assert "没有执行任何操作" in again
    assert Proposal.objects.get().state == "confirmed"
    assert AuditRecord.objects.filter(subject=f"proposal:{Proposal.objects.get().code}").exists()


def test_a_dangerous_action_that_is_taken_is_only_proposed() -> None:
    config = company()
    (shown,) = say(config, "zhao", BLOCK)
    assert "时长：2 小时" in shown
    assert not Proposal.objects.exists()
    (answer, *_) = say(config, "zhao", "好")
    assert Proposal.objects.get().state == "proposed"
    assert Proposal.objects.get().arguments["duration_minutes"] == 120
    assert "另一位审批人" in answer


def test_in_a_group_a_dangerous_action_is_taken_by_its_code_only() -> None:
    config = company()
    (shown,) = say(config, "zhao", BLOCK, private=False)
    (refused,) = say(config, "zhao", "好", private=False)
    assert not Proposal.objects.exists()
    assert "没有执行任何操作" in refused
    say(config, "zhao", f"提交 {code_in(shown)}", private=False)
    assert Proposal.objects.get().state == "proposed"


def test_nobody_else_takes_an_offer() -> None:
    config, number = company(), some_alert()
    (shown,) = say(config, "li", f"A{number} 误报关了吧", private=False)
    code = code_in(shown)
    by_word, by_code = say(config, "zhang", "好", f"提交 {code}", private=False)
    assert Alert.objects.get(pk=number).status == "open"
    assert "没有执行任何操作" in by_code
    assert "已关闭" not in by_word
    assert "已关闭" not in say(config, "li", "好", private=False)[0]  # others were answered since
    assert "已关闭" in say(config, "li", f"提交 {code}", private=False)[0]


def test_another_conversation_takes_no_offer() -> None:
    config, number = company(), some_alert()
    (shown,) = say(config, "li", f"A{number} 误报关了吧")
    say(config, "li", "好", f"提交 {code_in(shown)}", private=False)
    assert Alert.objects.get(pk=number).status == "open"


@pytest.mark.parametrize("between", ["今天谁值班", "算了"])
def test_a_yes_is_about_the_last_thing_that_was_shown(between: str) -> None:
    config, number = company(), some_alert()
    say(config, "li", f"A{number} 误报关了吧", between, "好")
    assert Alert.objects.get(pk=number).status == "open"


@pytest.mark.parametrize("yes", ["好的", "对 就这样"])
def test_a_yes_that_took_nothing_says_so_while_an_offer_is_open(yes: str) -> None:
    config, number = company(), some_alert()
    shown, _, told = say(config, "li", f"A{number} 误报关了吧", "今天谁值班", yes)
    assert "什么也没有提交" in told
    assert f"「提交 {code_in(shown)}」" in told
    assert Alert.objects.get(pk=number).status == "open"


def test_a_yes_takes_nothing_after_a_message_that_nobody_asked_for() -> None:
    config, number = company(), some_alert()
    say(config, "li", f"A{number} 误报关了吧")
    shown = OutboxRow.objects.latest("pk")
    shown.pk, shown.key, shown.inbox, shown.created_at = None, "notice", None, timezone.now()
    shown.save(force_insert=True)
    say(config, "li", "好")
    assert Alert.objects.get(pk=number).status == "open"


def test_an_offer_is_open_for_ten_minutes() -> None:
    config, number = company(), some_alert()
    (shown,) = say(config, "li", f"A{number} 误报关了吧")
    row = ConversationMessage.objects.filter(role="assistant").latest("pk")
    at = re.search(r'"at": "([^"]+)"', row.recall)
    assert at
    earlier = (timezone.now() - timedelta(minutes=11)).isoformat()
    row.recall = row.recall.replace(at[1], earlier)
    row.save()
    say(config, "li", "好", f"提交 {code_in(shown)}")
    assert Alert.objects.get(pk=number).status == "open"


def test_what_changed_since_it_was_shown_is_not_done() -> None:
    config, number = company(), some_alert()
    (shown,) = say(config, "li", f"A{number} 误报关了吧")
    Alert.objects.filter(pk=number).update(title="另一条")
    (answer,) = say(config, "li", f"提交 {code_in(shown)}")
    assert "情况变了" in answer
    assert Alert.objects.get(pk=number).status == "open"


def test_several_actions_are_taken_together() -> None:
    config = company()
    first, second = store(alert("a"), alert("b")).created_ids["alert"]
    (shown,) = say(config, "li", f"{first} {second} 都确认了")
    assert "1. " in shown
    assert "2. " in shown
    say(config, "li", "确认")
    assert set(Alert.objects.values_list("status", flat=True)) == {"acknowledged"}


def test_a_correction_replaces_the_offer() -> None:
    config = company()
    first, second = say(config, "zhao", BLOCK, "改成三小时")
    say(config, "zhao", "好")
    assert Proposal.objects.get().arguments["duration_minutes"] == 180
    assert code_in(first) != code_in(second)


def test_what_the_role_lacks_is_refused_and_nothing_can_be_taken() -> None:
    config = company()
    (shown,) = say(config, "li", BLOCK)
    assert "需要「" in shown
    assert "提交" not in shown
    say(config, "li", "好")
    assert not Proposal.objects.exists()


def test_nothing_is_taken_while_all_is_read_only() -> None:
    config, number = company(), some_alert()
    (shown,) = say(config, "li", f"A{number} 误报关了吧")
    switch("read_only")
    (answer,) = say(config, "li", f"提交 {code_in(shown)}")
    assert "只读" in answer
    assert Alert.objects.get(pk=number).status == "open"


def test_who_may_do_what_is_told_from_the_askers_real_rights() -> None:
    config = company()
    (mine,) = say(config, "zhao", "你能封IP吗 要谁批")
    (others,) = say(config, "wu", "谁有权限隔离主机啊")
    assert "您可以提出" in mine
    assert "wang先生" in mine
    assert "您不能提出" in others


def test_focus_belongs_to_its_asker() -> None:
    config = company()
    say(config, "li", "查一下 203.0.113.5", private=False)
    (answer,) = say(config, "zhao", "封了它", private=False)
    assert "203.0.113.5" not in answer
    assert "哪个 IP" in answer


def test_a_correction_of_what_was_proposed_withdraws_it_when_it_is_taken() -> None:
    config = company()
    _, shown, taken = say(config, "zhao", "封禁 203.0.113.5 1天", "不对 是 203.0.113.9", "好")
    assert "（封禁 IP 203.0.113.5" in shown
    assert "同时撤回之前提出的申请" in shown
    states = {each.arguments["ip"]: each.state for each in Proposal.objects.all()}
    assert states == {"203.0.113.5": "cancelled", "203.0.113.9": "proposed"}, taken


@pytest.mark.parametrize(
    "between", ["停止", "撤销", "确认 AAAAAA", "误报 A{b}", "静默 A{b} 1小时", "取消 {code}", "拒绝 {code}"]
)
def test_a_yes_takes_nothing_after_an_answer_by_code(between: str) -> None:
    config = company()
    a, b = store(alert("a"), alert("b")).created_ids["alert"]
    code = propose(
        config, "li", "close_alert", "write", {"alert_id": b}, conversation="cid-private-li", is_group=False
    )
    say(config, "li", f"A{b} 确认下", "好", f"A{a} 误报关了吧", between.format(b=b, code=code), "好")
    assert Alert.objects.get(pk=a).status == "open"


def test_a_yes_takes_nothing_after_what_was_sent_to_its_asker_by_name() -> None:
    config, number = company(), some_alert()
    say(config, "li", f"A{number} 误报关了吧")
    notify(config.pk, ReplyTarget("", is_group=False, staff_id="li"), "A9 已转给您，可以吗", key="told")
    say(config, "li", "好")
    assert Alert.objects.get(pk=number).status == "open"


async def _fails(write: Callable[[bytes], object], most: int) -> None:
    raise BifangError("下载失败", permanent=True)


def test_a_yes_takes_nothing_after_a_file_was_answered() -> None:
    config, number = company(), some_alert()
    place: dict[str, Any] = {"conversation": "cid-private-li", "is_group": False}
    say(config, "li", f"A{number} 误报关了吧")
    talk(config, ("li", ""), attachment=Attachment("x.bin", _fails), **place)
    say(config, "li", "好")
    assert Alert.objects.get(pk=number).status == "open"


def test_a_yes_to_a_quotation_takes_only_the_offer_whose_code_stands_there() -> None:
    config = company()
    a, b = store(alert("a"), alert("b")).created_ids["alert"]
    place: dict[str, Any] = {"conversation": "cid-private-li", "is_group": False}
    (older,) = say(config, "li", f"A{a} 误报关了吧")
    say(config, "li", f"A{b} 误报关了吧")
    (told,) = talk(config, ("li", "好"), quoted=older, **place)
    assert f"「提交 {code_in(older)}」" in told
    (newer,) = say(config, "li", f"A{b} 误报关了吧")
    (told,) = talk(config, ("li", "可以"), quoted=f"A{a} 处理好了，可以吗", **place)
    assert f"「提交 {code_in(newer)}」" in told
    assert set(Alert.objects.values_list("status", flat=True)) == {"open"}
    (newest,) = say(config, "li", f"A{b} 误报关了吧")
    assert "已关闭" in talk(config, ("li", "好"), quoted=newest, **place)[0]
    assert Alert.objects.get(pk=a).status == "open"


def test_a_bare_confirmation_of_a_quotation_confirms_no_proposal_that_does_not_stand_there() -> None:
    config, number = company(), some_alert()
    place: dict[str, Any] = {"conversation": "cid-private-li", "is_group": False}
    given = {"alert_id": number, "verdict": "benign"}
    code = propose(config, "li", "close_alert", "write", given, **place)
    talk(config, ("li", "确认"), quoted="A9 已经处理好了，可以吗", **place)
    assert Proposal.objects.get(code=code).state == "proposed"
    talk(config, ("li", "确认"), quoted=f"回复「确认 {code}」", **place)
    assert Proposal.objects.get(code=code).state == "confirmed"


@pytest.mark.parametrize("word", ["确认", "取消", "拒绝"])
def test_a_bare_decision_is_about_the_last_thing_that_was_shown(word: str) -> None:
    config, number = company(), some_alert()
    say(config, "li", f"关闭 A{number} 误报", "谁值班")
    (asked,) = say(config, "li", word)
    assert "请写上代码" in asked
    assert Alert.objects.get(pk=number).status == "open"
    assert Proposal.objects.get().state == "proposed"


def test_a_bare_approval_shows_the_only_one_that_waits_with_its_buttons_and_approves_nothing() -> None:
    config = company()
    code = propose(config, "zhao")

    def shown(who: str, private: bool = True) -> OutboxRow:
        talk(
            config,
            (who, "同意"),
            conversation=f"cid-private-{who}" if private else GROUP,
            is_group=not private,
        )
        return OutboxRow.objects.latest("pk")

    row = shown("wang")
    assert code in row.text
    assert [one["params"]["code"] for one in row.buttons] == [code, code]
    assert not shown("wang", private=False).buttons, "never by one tap in a group"
    assert not shown("zhao").buttons, "nor by who asked for it"
    other = propose(config, "zhao", arguments={"ip": "203.0.113.6"})
    row = shown("wang")
    assert not row.buttons
    assert code in row.text
    assert other in row.text
    assert set(Proposal.objects.values_list("state", flat=True)) == {"proposed"}


@pytest.mark.parametrize("words", ["A{} 丢给今晚值班的", "A{} 转给值班的人", "查下谁值班然后把 A{} 给他"])
def test_who_is_on_call_is_looked_up_and_offered(words: str) -> None:
    config, number = company(), some_alert()
    rota(staff=["wang"])
    (shown,) = say(config, "li", words.format(number))
    assert "指派给 wang先生" in shown
    say(config, "li", "好")
    assert Alert.objects.get(pk=number).assignee == Staff.objects.get(staff_id="wang")


def test_the_only_alert_that_is_described_is_offered() -> None:
    config = company()
    store(alert("端口扫描", severity="low"), alert("钓鱼邮件", 1))
    (shown,) = say(config, "li", "端口扫描那条误报关了吧")
    assert "尚未执行" in shown
    say(config, "li", "好")
    assert list(Alert.objects.filter(status="closed").values_list("title", flat=True)) == ["规则 端口扫描"]
