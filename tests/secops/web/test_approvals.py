"""审批: the list by whose turn it is, the page with its grounds, undoing and settling from it."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import OutboxRow
from secops_agent.models import Action, BlockRecord, Proposal, Role, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.decisions import actions, pending
from secops_agent.services.decisions.carriers import BATCH, STOPPED
from secops_agent.services.decisions.ledger import entries
from secops_agent.services.faults import Forbidden
from secops_agent.tools.registry import DEFINITIONS
from secops_agent.web.argument_words import NAMES, values_told
from tests.admin_pages import member, messages_of, serve_plain_static, superuser, text_of, unknown_action
from tests.secops.decisions_aid import company, propose, some_alert, switch, the

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _pages(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def seen(client: Client, name: str, *args: Any, **query: str) -> str:
    answer = client.get(reverse(f"web:{name}", args=args), query)
    assert answer.status_code == 200
    return text_of(answer)


def as_staff(staff_id: str) -> Client:
    client = Client()
    user = User.objects.create_user(f"login-{staff_id}")
    Staff.objects.filter(staff_id=staff_id).update(user=user)
    client.force_login(user)
    return client


def test_the_list_shows_each_person_what_waits_for_them() -> None:
    code = propose(company(), "zhao")
    asker, approver = as_staff("zhao"), as_staff("wang")
    assert code in seen(approver, "approvals")
    assert code in seen(asker, "approvals"), "what they asked for"
    assert code not in seen(asker, "approvals", tab=""), "nobody approves their own"
    assert code not in seen(approver, "approvals", tab="own")
    assert code in seen(asker, "approvals", tab="waiting")
    assert code not in seen(asker, "approvals", tab="decided")
    assert code in seen(asker, "approvals", tab="all", q=code.lower())
    assert "203.0.113.5 ¦ " in seen(asker, "blocks")
    assert "封禁等待审批" in seen(asker, "blocks")
    assert "没有符合" in seen(asker, "approvals", tab="all", q="没有这样的")


def test_who_was_asked_and_when_they_are_asked_again_stands_above_the_decision() -> None:
    code = propose(company(), "zhao")
    asker = as_staff("zhao")
    page = reverse("web:approval", args=[the(code).pk])
    told = text_of(asker.get(page))
    assert "等另一位审批人决定：提出时给每位审批人各发过一次，到" in told
    assert "还没有人决定再催一次" in told
    Proposal.objects.update(reminded_at=timezone.now())
    assert "又催过一次" in text_of(asker.get(page))
    Proposal.objects.update(expires_at=timezone.now())
    assert "又催过" not in text_of(asker.get(page))


def test_the_alert_that_the_reason_names_is_a_link_for_who_may_see_it() -> None:
    config, pk = company(), some_alert()
    code = propose(config, "zhao", arguments={"ip": "203.0.113.5", "reason": f"A{pk} 爆破"})
    address = reverse("web:approval", args=[the(code).pk])
    approver = as_staff("wang")
    assert f"为哪条告警 ¦ A{pk} 规则 k" in text_of(approver.get(address))
    assert reverse("web:alert", args=[pk]) in approver.get(address).content.decode()
    other = propose(config, "zhao", arguments={"ip": "203.0.113.6", "reason": "A999999 爆破"})
    assert "为哪条告警" not in text_of(approver.get(reverse("web:approval", args=[the(other).pk])))


def test_while_actions_are_stopped_who_asks_on_a_page_is_told() -> None:
    company()
    switch("no_actions")
    given = {"targets": "203.0.113.5", "minutes": "60"}
    assert STOPPED in messages_of(as_staff("zhao").post(reverse("web:block_many"), given, follow=True))


def test_what_was_approved_and_has_not_begun_is_withdrawn_by_asker_or_approver() -> None:
    code = propose(company(), "zhao")
    asker, approver, other = as_staff("zhao"), as_staff("wang"), as_staff("li")
    page, post = (
        reverse("web:approval", args=[the(code).pk]),
        reverse("web:approval_call_off", args=[the(code).pk]),
    )
    assert "撤回，不再执行" not in text_of(approver.get(page)), "nothing is ordered yet"
    assert "需他人审批" in text_of(approver.get(page))
    approver.post(reverse("web:approval_decide", args=[the(code).pk]), {"verdict": "approve"})
    switch("no_actions")
    assert Action.objects.get().state == "pending"
    assert "只有提出人和审批人" in messages_of(other.post(post, follow=True))
    assert "撤回，不再执行" in text_of(asker.get(page))
    assert "需他人审批" not in text_of(asker.get(page)), "it is approved"
    assert "已撤回" in messages_of(asker.post(post, follow=True))
    action = Action.objects.get()
    assert (action.state, action.result) == ("failed", "zhao先生 撤回了，没有执行。")
    assert "不能撤回" in messages_of(approver.post(post, follow=True))
    switch("no_actions", False)
    assert actions.claim("runner") == []
    told = {row.target["staff_id"] for row in OutboxRow.objects.filter(text__contains="撤回了，没有执行")}
    assert {"zhao", "wang"} <= told


def test_an_expired_one_waits_for_nobody() -> None:
    code = propose(company(), "zhao")
    Proposal.objects.update(expires_at=timezone.now())
    approver = as_staff("wang")
    assert code not in seen(approver, "approvals")
    assert "已过期" in seen(approver, "approvals", tab="decided")
    body = approver.get(reverse("web:approval", args=[the(code).pk])).content.decode()
    assert "ask-approve" not in body


def test_the_page_tells_where_the_address_was_seen_and_what_would_happen() -> None:
    code = propose(company(), "zhao")
    told = seen(as_staff("wang"), "approval", the(code).pk)
    assert "203.0.113.5 在我们这里" in told
    assert "没有告警提到这个地址" in told
    assert "只做演练" in told


def test_a_viewer_and_a_stranger_are_kept_out() -> None:
    code = propose(company(), "zhao")
    viewer = member(Role.VIEWER)
    pages = [reverse("web:approvals"), reverse("web:approval", args=[the(code).pk])]
    for page in pages:
        assert viewer.get(page).status_code == 403
        assert Client().get(page).status_code == 302
    for name in ("decide", "undo", "settle"):
        answer = viewer.post(reverse(f"web:approval_{name}", args=[the(code).pk]))
        assert answer.status_code == 403


def test_a_foreign_form_decides_nothing() -> None:
    code = propose(company(), "zhao")
    approver = as_staff("wang")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = approver.cookies
    answer = strict.post(reverse("web:approval_decide", args=[the(code).pk]), {"verdict": "approve"})
    assert answer.status_code == 403
    assert the(code).state == "proposed"


def test_an_unknown_verdict_and_an_unknown_proposal_change_nothing() -> None:
    code = propose(company(), "zhao")
    approver = as_staff("wang")
    address = reverse("web:approval_decide", args=[the(code).pk])
    assert "没有这个决定" in messages_of(approver.post(address, {"verdict": "perhaps"}, follow=True))
    assert "自己提出的" in messages_of(approver.post(address, {"verdict": "withdraw"}, follow=True))
    assert approver.get(reverse("web:approval", args=[999_999])).status_code == 404
    assert the(code).state == "proposed"


def test_an_unknown_result_is_settled_on_the_page() -> None:
    row = unknown_action()
    code = propose(company(), "zhao")
    Action.objects.filter(pk=row.pk).update(proposal=the(code), state="unknown")
    client, address = superuser(), reverse("web:approval_settle", args=[the(code).pk])
    assert code in seen(client, "approvals", tab="unknown")
    assert "ask-settle" in client.get(reverse("web:approval", args=[the(code).pk])).content.decode()
    assert "请选择" in messages_of(client.post(address, {}, follow=True))
    assert "已登记" in messages_of(client.post(address, {"executed": "no"}, follow=True))
    assert Action.objects.get(pk=row.pk).state == "failed"
    assert code not in seen(client, "approvals", tab="unknown")
    assert "不需要核实" in messages_of(client.post(address, {"executed": "yes"}, follow=True))


def test_an_unknown_result_of_a_batch_is_settled_there_and_by_nobody_else() -> None:
    row = unknown_action()
    pk = the(propose(company(), "zhao")).pk
    Proposal.objects.filter(pk=pk).update(
        tool=BATCH, arguments={"tool": "block_ip", "targets": ["203.0.113.5"]}
    )
    Action.objects.filter(pk=row.pk).update(proposal=None, batch=pk, state="unknown")
    stranger = Staff.objects.create(corp_id="other", staff_id="x", name="外人", role="admin")
    assert pending.everything([stranger]) == []
    assert len(pending.everything([Staff.objects.get(staff_id="wang")])) == 1
    with pytest.raises(Forbidden, match="另一个企业"):
        actions.settle(row.pk, Actor.person(stranger, "admin"), executed=True)
    assert Action.objects.get(pk=row.pk).state == "unknown"
    client, address = superuser(), reverse("web:approval_settle", args=[pk])
    assert [
        line.row.pk for line in client.get(reverse("web:approvals"), {"tab": "unknown"}).context["cards"]
    ] == [pk]
    assert (
        f'name="action" value="{row.pk}"' in client.get(reverse("web:approval", args=[pk])).content.decode()
    )
    assert client.post(address, {"action": "999999", "executed": "no"}).status_code == 404
    assert "已登记" in messages_of(client.post(address, {"action": row.pk, "executed": "no"}, follow=True))
    assert Action.objects.get(pk=row.pk).state == "failed"


@pytest.mark.parametrize(("executed", "becomes"), [("yes", "expired"), ("no", "active")])
@pytest.mark.parametrize("carrier", ["proposal", "batch"])
def test_the_unknown_end_of_a_limit_is_settled_where_it_was_ordered(
    carrier: str, executed: str, becomes: str
) -> None:
    row, pk = unknown_action(), the(propose(company(), "zhao")).pk
    if carrier == "batch":
        Proposal.objects.filter(pk=pk).update(
            tool=BATCH, arguments={"tool": "block_ip", "targets": ["203.0.113.5"]}
        )
    none: dict[str, Any] = {"proposal": None, "batch": None}
    given = {"tool": "block_ip", "arguments": {"ip": "203.0.113.5"}, f"{carrier}_id": pk, "state": "done"}
    Action.objects.filter(pk=row.pk).update(**none)
    Action.objects.filter(pk=row.pk).update(**given)
    row.refresh_from_db()
    entries.open_rows([row])
    BlockRecord.objects.update(state="lifting", stands=True, verified_at=timezone.now())
    undo = entries.end(row, entries.ENDS, entries.ENDS)
    Action.objects.filter(pk=undo.pk).update(state="unknown", response={"stands": True})
    client, address = superuser(), reverse("web:approval_settle", args=[pk])
    form = f'name="action" value="{undo.pk}"'
    assert form in client.get(reverse("web:approval", args=[pk])).content.decode()
    assert form not in as_staff("wang").get(reverse("web:approval", args=[pk])).content.decode()
    given = {"action": undo.pk, "executed": executed}
    assert "已登记" in messages_of(client.post(address, given, follow=True))
    block = BlockRecord.objects.get()
    assert (block.state, block.stands, bool(block.due_at)) == (becomes, None, executed == "no")
    assert form not in client.get(reverse("web:approval", args=[pk])).content.decode()


def test_what_cannot_be_undone_says_so() -> None:
    row = unknown_action()
    code = propose(company(), "zhao")
    Action.objects.filter(pk=row.pk).update(proposal=the(code), state="failed")
    address = reverse("web:approval_undo", args=[the(code).pk])
    assert "不能撤销" in messages_of(as_staff("wang").post(address, follow=True))


@pytest.mark.parametrize(("name", "most"), [("approvals", 10), ("approval", 20)])
def test_the_pages_take_few_queries(name: str, most: int, django_assert_max_num_queries: Any) -> None:
    code = propose(company(), "zhao")
    client, place = as_staff("wang"), [the(code).pk] if name == "approval" else []
    with django_assert_max_num_queries(most):
        seen(client, name, *place)


def test_every_argument_of_an_order_has_a_word_of_ours_and_so_have_its_choices() -> None:
    named = {name for tool in DEFINITIONS if tool.risk != "read" for name in tool.arguments.model_fields}
    assert not named - NAMES.keys()
    arguments = {"verdict": "benign", "with_alerts": True, "severity": "high", "duration_minutes": 0}
    told = dict(values_told(arguments))
    assert told == {"结论": "正常行为", "告警一起关闭": "是", "级别": "高危", "时长": "永久"}
    ours = dict(values_told({"case_id": 1, "alert_ids": "2,3"}))
    assert ours["事件"] == '<a class="bf-link" href="/cases/1/">E1</a>'
    assert ours["告警"].endswith('<a class="bf-link" href="/alerts/3/">A3</a>')
