"""确认, 取消, 同意 without a code, 新对话, and what a conversation remembers of what it was shown."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from bifang.channels.models import OutboxRow
from bifang.core.configuration import configs
from secops_agent.models import Action, Alert, AuditRecord, ConversationMessage, Proposal, Staff
from tests.secops.decisions_aid import company, propose, robot, some_alert, talk
from tests.secops.inventory_aid import alert, store
from tests.secops.test_approvals_chat import code_in
from tests.secops.test_chat_files import Sent
from tests.secops.test_chat_files import code_in as files_code
from tests.secops.test_chat_files import talk as talk_of_files

pytestmark = pytest.mark.django_db


def states() -> list[str]:
    return list(Proposal.objects.order_by("pk").values_list("state", flat=True))


def test_confirming_without_a_code_does_the_only_proposal_of_ones_own() -> None:
    config, number = company(), some_alert()
    talk(config, ("li", f"把告警 {number} 标记为处理中"))
    own, other = talk(config, ("li", "确认"), ("zhao", "确认"))
    assert "已确认" in own
    assert states() == ["confirmed"]
    assert Alert.objects.get(pk=number).status == "acknowledged"
    assert "已确认" not in other


def test_two_proposals_of_ones_own_are_told_apart_by_their_codes() -> None:
    config = company()
    first, second = store(alert("a"), alert("b")).created_ids["alert"]
    talk(config, ("li", f"把告警 {first} 标记为处理中"), ("li", f"把告警 {second} 标记为处理中"))
    (answer,) = talk(config, ("li", "确认"))
    assert states() == ["proposed", "proposed"]
    assert all(f"确认 {one.code}" in answer for one in Proposal.objects.all())


def test_a_proposal_of_another_conversation_is_not_confirmed_without_its_code() -> None:
    config, number = company(), some_alert()
    talk(config, ("li", f"把告警 {number} 标记为处理中"), conversation="cid-private-li", is_group=False)
    (answer,) = talk(config, ("li", "确认"))
    assert states() == ["proposed"]
    assert code_in(str(Proposal.objects.get().code)) not in answer


def test_taking_back_without_a_code_withdraws_ones_own() -> None:
    config = company()
    talk(config, ("zhao", "封禁 203.0.113.5 一小时"))
    talk(config, ("zhao", "取消"))
    assert states() == ["cancelled"]


@pytest.mark.slow
@pytest.mark.parametrize("word", ["同意", "批准", "拒绝", "确认"])
def test_what_others_ask_for_is_never_decided_without_its_code(word: str) -> None:
    config = company()
    code = propose(config, "zhao")
    (answer,) = talk(config, ("wang", word))
    assert states() == ["proposed"]
    assert not Action.objects.exists()
    assert f"同意 {code}" in answer
    assert "203.0.113.5" in answer


def test_somebody_without_a_part_in_it_is_shown_nothing() -> None:
    config = company()
    code = propose(config, "zhao")
    for who in ("li", "wu"):
        (answer,) = talk(config, (who, "同意"))
        assert code not in answer


def test_waiting_proposals_are_listed_in_private_only() -> None:
    config = company()
    code = propose(config, "zhao")
    (group,) = talk(config, ("wang", "待审批的有哪些"))
    assert code not in group
    assert OutboxRow.objects.filter(
        target__staff_id="wang", text__contains=code, target__is_group=False
    ).exists()
    (private,) = talk(config, ("wang", "待审批"), conversation="cid-private-wang", is_group=False)
    assert f"同意 {code}" in private


def test_a_new_conversation_forgets_and_is_on_record() -> None:
    config = company()
    store(*(alert(f"k{i}") for i in range(12)))
    first, _ = talk(config, ("li", "告警"), ("li", "新对话"))
    assert "共 12 条" in first
    assert not ConversationMessage.objects.filter(content__contains="共 12 条").exists()
    assert AuditRecord.objects.filter(what="清空会话记忆").count() == 1
    (more,) = talk(config, ("li", "更多"))
    assert "没有可以往下翻的列表" in more


def test_more_shows_the_next_page_and_then_that_there_is_none() -> None:
    config = company()
    store(*(alert(f"k{i}") for i in range(12)))
    first, second, third, detail = talk(
        config, ("li", "告警"), ("li", "更多"), ("li", "更多"), ("li", "第二个")
    )
    assert "（显示前 10 条）" in first
    assert "（第 11–12 条）" in second
    assert "已经全部列出" in third
    shown = [line.split("**")[1] for line in second.splitlines() if line.startswith("- **A")]
    assert f"告警 {shown[1]}" in detail


def test_the_offline_notice_is_given_once_in_a_conversation() -> None:
    config, number = company(), some_alert()
    answers = talk(config, ("li", "告警"), ("li", f"告警 {number}"), ("li", "你好"))
    assert ["没有使用大模型" in answer for answer in answers] == [True, False, False]
    stored = ConversationMessage.objects.filter(role="assistant").order_by("pk").last()
    assert stored is not None
    assert json.loads(stored.recall)["last"]["arguments"]["alert_id"] == number


def test_a_runbook_in_between_does_not_change_what_is_spoken_of() -> None:
    config, number = company(), some_alert()
    *_, who = talk(config, ("li", f"告警 {number}"), ("li", "怎么处置"), ("li", "谁在处理它"))
    assert f"告警 A{number}" in who


@pytest.mark.slow
@pytest.mark.parametrize(("template", "word"), [("", ""), ("t.schema", "点卡片上的「同意」按钮，或")])
def test_where_words_approve_nothing_nobody_is_told_to_write_them(
    settings: Any, template: str, word: str
) -> None:
    settings.PUBLIC_URL = "https://bifang.example"
    config = company()
    given = {"use_stream_push": False, "card_template_id": template}
    configs.save("dingtalk", config.name, True, given, config=config)
    talk(config, ("zhao", "封禁 203.0.113.5 一小时"))
    asked = OutboxRow.objects.get(target__staff_id="wang").text
    (waiting,) = talk(config, ("wang", "同意"))
    for text in (asked, waiting):
        assert f"{word}在网页「审批」里同意（https://bifang.example/approvals/）" in text
        assert "回复「同意" not in text
    configs.save("dingtalk", config.name, True, {"use_stream_push": True}, config=config)
    (waiting,) = talk(config, ("wang", "同意"))
    assert f"回复「同意 {Proposal.objects.get().code}」" in waiting


@pytest.mark.slow
@pytest.mark.parametrize("role", ["approver", "analyst"])
def test_tied_approver_sees_what_waits_on_the_other_platform_and_decides_it_here(role: str) -> None:
    config, feishu = company(), robot("tenant", "feishu", "飞书")
    approver, asker = (Staff.objects.get(staff_id=one) for one in ("wang", "zhao"))
    for number, one in enumerate((approver, asker)):
        one.user = User.objects.create_user(f"tied{number}")
        one.save()
        tied = {"corp_id": "tenant", "name": one.name, "user": one.user}
        Staff.objects.create(staff_id=f"ou_{one.staff_id}", role="approver", **tied)
    Staff.objects.create(staff_id="ou_chen", corp_id="tenant", name="陈十", role="approver")
    Staff.objects.filter(pk=approver.pk).update(role=role)
    Staff.objects.filter(pk=asker.pk).update(role="approver")  # but of nothing of their own
    code = propose(config, "zhao")
    shown, own, untied = talk(
        feishu, *[(who, "待审批") for who in ("ou_wang", "ou_zhao", "ou_chen")],
        conversation="oc_p", is_group=False, corp="tenant",
    )  # fmt: skip
    assert (f"zhao先生 在钉钉「钉钉」提出；回复「同意 {code}」" in shown) == (role == "approver")
    assert code not in own + untied
    if role == "approver":
        talk(feishu, ("ou_wang", f"同意 {code}"), conversation="oc_p", is_group=False, corp="tenant")
        assert (states(), Action.objects.get().approver) == (["approved"], "wang先生")


FILE = "资产名称,主机名,IP,类型\n官网,{name},10.0.0.{number},主机\n"


def send_files(config: Any, count: int, who: str = "li", **where: Any) -> list[str]:
    """The codes of so many files, in the order in which they were sent."""
    files = [
        (who, Sent(f"{number}.csv", FILE.format(name=f"web-{number}", number=number)))
        for number in range(1, count + 1)
    ]
    return [files_code(answer) for answer in talk_of_files(config, *files, **where)]


def test_of_many_that_wait_the_newest_are_told() -> None:
    config = company()
    codes = send_files(config, 7)
    (answer,) = talk_of_files(config, ("li", "确认"))
    assert [code for code in codes if code in answer] == codes[2:]
    assert answer.index(codes[-1]) < answer.index(codes[2])
    assert "另有 2 个更早的" in answer


@pytest.mark.slow
@pytest.mark.parametrize("word", ["取消", "撤回", "拒绝"])
def test_a_file_is_taken_back_by_its_code(word: str) -> None:
    config = company()
    first, _ = send_files(config, 2)
    (answer,) = talk_of_files(config, ("li", f"{word} {first}"))
    assert first in answer
    assert states() == ["cancelled", "proposed"]


def test_cancelling_is_for_ones_own_only() -> None:
    config = company()
    code, (file,) = propose(config, "zhao"), send_files(config, 1)
    for who in ("wang", "li"):
        for each in (code, file) if who == "wang" else (code,):
            (answer,) = talk_of_files(config, (who, f"取消 {each}"), conversation="cid-wang")
            assert "自己提出的" in answer
    assert states() == ["proposed", "proposed"]
    talk(config, ("zhao", f"取消 {code}"))
    assert states() == ["cancelled", "proposed"]


@pytest.mark.slow
@pytest.mark.parametrize("words", ["全部取消", "全部拒绝", "取消全部", "都不导入了"])
def test_all_that_wait_to_be_imported_are_taken_back_together(words: str) -> None:
    config, number = company(), some_alert()
    send_files(config, 3)
    talk_of_files(config, ("li", f"把告警 {number} 标记为处理中"))
    send_files(config, 1, who="zhang")
    propose(config, "zhao")
    (answer,) = talk_of_files(config, ("li", words))
    assert states() == ["cancelled"] * 3 + ["proposed"] * 3
    assert answer.count("已撤回") == 3
    assert "其他操作没有动" in answer


def test_files_of_another_conversation_are_not_taken_back_from_here() -> None:
    config = company()
    send_files(config, 2, conversation="cid-other")
    (answer,) = talk_of_files(config, ("li", "全部取消"))
    assert states() == ["proposed"] * 2
    assert "别的会话" in answer


def test_an_approver_takes_nothing_of_others_back_with_all() -> None:
    config = company()
    propose(config, "zhao")
    (answer,) = talk(config, ("wang", "全部拒绝"))
    assert states() == ["proposed"]
    assert "没有您等待导入的文件" in answer
