"""From a question in a group to a told result, by the buttons of cards: real worker, simulators, both databases."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from itertools import count
from typing import Any

import httpx
import pytest
from django.core.management import call_command

from bifang.channels.queues.claims import EVERYTHING
from bifang.core.configuration import configs
from dingtalk_integration.webhook.signatures import card_signature
from secops_agent.models import Action, AuditRecord, Proposal
from secops_agent.services.decisions import settled_cards
from tests.acceptance.card_rooms import GROUP, CardRoom, Shown, room_of
from tests.acceptance.doors import BY_HTTP, DOORS, open_feishu
from tests.acceptance.processes import free_ports
from tests.acceptance.worker import Stage, open_stage, place, text_only
from tests.databases import Database, Templates
from tests.deadline import wait_until
from tests.dingtalk.webhook_aid import now

PEOPLE = tuple(
    {"staff_id": staff_id, "name": name, "role": role}
    for staff_id, name, role in (
        ("manager01", "张三", "admin"), ("lisi", "李四", "analyst"), ("wangwu", "王五", "approver"),
        ("zhaoliu", "赵六", "responder"), ("boss", "周七", "approver"),
    )
)  # fmt: skip
ASKER, APPROVERS = "zhaoliu", {"manager01", "wangwu", "boss"}
_addresses = (f"203.0.113.{number}" for number in count(1))


@pytest.fixture(scope="module", params=(DOORS[0], *DOORS[2:]))
def stage(
    request: Any, templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Stage]:
    home, (vendor, door) = tmp_path_factory.mktemp("approvals") / "var", request.param
    opened = open_feishu if door == "feishu" else open_stage
    with (
        django_db_blocker.unblock(),
        templates.database(vendor, home) as database,
        opened(database) as made,
    ):
        made.web_port, made.patient = free_ports(1)[0] if door == "http" else 0, True
        _introduce(made, **({} if door == "feishu" else {"card_template_id": "answer.schema"}))
        yield made


def the_room(stage: Stage) -> CardRoom:
    return room_of(stage, frozenset({ASKER, *APPROVERS}))


def _introduce(stage: Stage, **robot: str) -> None:
    corporation = the_room(stage).corporation
    people = tuple({**person, "corp_id": corporation} for person in PEOPLE)
    stage.apply(stage.robot(**{"ai_config": "", **robot}), staff=people)
    stage.start()
    if stage.web_port:
        stage.serve()
        stage.subscribe()
    for who in sorted({ASKER, *APPROVERS}):  # a platform delivers only to people it knows
        stage.say("你好", place(), who, group=False)


def ask_to_block(stage: Stage, group: str = "") -> tuple[Proposal, str]:
    """赵六 asks for it in a group; the proposal, and the group."""
    ip, where = next(_addresses), group or place()
    stage.say(f"封禁 {ip} 一小时", where, ASKER)

    def proposed() -> Proposal | None:
        return Proposal.objects.filter(arguments__ip=ip).first()

    proposal = wait_until(proposed, within=60, what=f"the proposal about {ip}")
    assert proposal is not None
    assert proposal.arguments["duration_minutes"] == 60
    return proposal, where


def cards_of(stage: Stage, proposal: Proposal) -> dict[str, Shown]:
    """The cards with this proposal's buttons: whose → card; as soon as there are all four."""

    def probe() -> dict[str, Shown]:
        found = {one.whose: one for one in the_room(stage).cards() if one.asks(proposal.code)}
        return found if len(found) == 1 + len(APPROVERS) else {}

    cards = wait_until(probe, within=60, what=f"the cards of {proposal.code}")
    assert set(cards) == {GROUP, *APPROVERS}
    return cards


def now_shown(stage: Stage, card: Shown) -> Shown:
    return next(one for one in the_room(stage).cards() if one.ident == card.ident)


def press(stage: Stage, card: Shown, verdict: str, who: str, proposal: Proposal) -> str:
    """What the clicker reads."""
    pressed = the_room(stage).press(card, verdict, who, proposal.code)
    assert pressed.answered
    return pressed.told


def wait_action(proposal: Proposal) -> Action:
    action = wait_until(
        lambda: Action.objects.filter(proposal=proposal, state="dry").first(), within=30, what="the dry run"
    )
    assert action is not None
    return action


def results_told(stage: Stage, where: str, proposal: Proposal) -> list[str]:
    """Messages with the action's result, in the conversation it was asked for in."""
    return [
        text_only(reply["text"])
        for reply in stage.replies(conversation_id=where)
        if "没有对任何系统做出改动" in reply["text"] and proposal.arguments["ip"] in reply["text"]
    ]


def told_privately(stage: Stage, proposal: Proposal) -> int:
    """How many private messages carry the action's result."""
    private = [reply["text"] for reply in stage.replies() if the_room(stage).is_private(reply)]
    return len([t for t in private if "没有对任何系统做出改动" in t and proposal.arguments["ip"] in t])


def wait_told(stage: Stage, where: str, proposal: Proposal) -> str:
    (text,) = wait_until(lambda: results_told(stage, where, proposal), within=30, what="the result told")
    return text


def verify_audit() -> None:
    """Everything sealed, and the chain sound."""
    wait_until(lambda: not AuditRecord.objects.filter(segment=None).exists(), within=30, what="all sealed")
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert "审计记录完整" in out.getvalue()


@pytest.mark.slow
def test_button_approves_runs_once_and_tells(stage: Stage) -> None:
    proposal, where = ask_to_block(stage)
    cards = cards_of(stage, proposal)
    for card in cards.values():
        assert proposal.arguments["ip"] in card.text
        assert "未配置处置连接器：同意后只做演练，不会真的执行" in card.text
    assert "已批准" in press(stage, cards["wangwu"], "approve", "wangwu", proposal)
    shown = now_shown(stage, cards["wangwu"])
    assert "已批准" in shown.title
    assert shown.buttons == ()
    action = wait_action(proposal)
    assert (action.asker, action.approver, action.connector) == ("赵六", "王五", "dry_run")
    text = wait_told(stage, where, proposal)
    assert "赵六" in text
    assert "王五" in text
    wait_until(lambda: told_privately(stage, proposal) == 2, within=30, what="asker and approver told")
    assert any(
        "王五" in reply["text"] and "同意" in reply["text"] for reply in stage.replies(conversation_id=where)
    )
    verify_audit()
    about = AuditRecord.objects.filter(inbox_id=proposal.inbox_id)
    assert set(about.values_list("kind", flat=True)) == {
        "message", "decision", "tool", "proposal", "action", "reply",
    }  # fmt: skip
    approval = AuditRecord.objects.get(kind="approval", subject=f"proposal:{proposal.code}")
    assert (approval.actor_id, approval.via, approval.detail["done"]) == (
        f"{the_room(stage).corporation}:wangwu",
        "card",
        True,
    )
    assert AuditRecord.objects.get(subject=f"action:{action.pk}").detail["proposal"] == proposal.code


@pytest.mark.slow
def test_decision_shows_on_every_other_card(stage: Stage) -> None:
    proposal, _ = ask_to_block(stage)
    cards = cards_of(stage, proposal)
    press(stage, cards[GROUP], "reject", "boss", proposal)

    def all_closed() -> bool:
        shown = [now_shown(stage, card) for card in cards.values()]
        return all(not one.buttons and "已拒绝" in one.title for one in shown)

    wait_until(all_closed, within=30, what="no buttons left on any card")
    wait_until(lambda: not settled_cards.outdated(EVERYTHING), within=30, what="nothing more to change")


@pytest.mark.slow
def test_double_and_redelivered_clicks_run_once(stage: Stage) -> None:
    proposal, where = ask_to_block(stage)
    cards = cards_of(stage, proposal)
    stage.sim.faults(duplicate={"value": 3, "times": 1})

    def approve(card: Shown) -> str:
        return press(stage, card, "approve", "boss", proposal)

    with ThreadPoolExecutor(3) as fingers:
        told = list(fingers.map(approve, (cards["boss"], cards["boss"], cards[GROUP])))
    assert all("已批准" in each for each in (*told, approve(cards["boss"]))), told
    assert "周七" in press(stage, cards["manager01"], "approve", "manager01", proposal)
    wait_action(proposal)
    wait_told(stage, where, proposal)
    stage.settle()
    assert len(results_told(stage, where, proposal)) == 1
    assert Action.objects.filter(proposal=proposal).count() == 1
    verify_audit()


@pytest.mark.parametrize(("who", "word"), [(ASKER, "四眼"), ("lisi", "角色"), ("visitor", "人员名单")])
def test_click_of_the_wrong_person_is_refused_to_them_alone(stage: Stage, who: str, word: str) -> None:
    proposal, _ = ask_to_block(stage)
    card = cards_of(stage, proposal)[GROUP]
    assert word in press(stage, card, "approve", who, proposal)
    assert now_shown(stage, card) == card
    proposal.refresh_from_db()
    assert proposal.state == "proposed"
    assert not Action.objects.filter(proposal=proposal).exists()
    refused = AuditRecord.objects.get(subject=f"proposal:{proposal.code}", kind="approval")
    assert (refused.what, refused.actor_id) == ("决定未被接受", f"{the_room(stage).corporation}:{who}")


@pytest.mark.parametrize("stage", BY_HTTP, indirect=True)  # by Stream nothing is signed
def test_a_forged_or_reused_signature_presses_no_button(stage: Stage) -> None:
    proposal, _ = ask_to_block(stage)
    card = cards_of(stage, proposal)["wangwu"]
    settings, stamp = configs.load(stage.config()), now()
    url = f"http://127.0.0.1:{stage.web_port}/dingtalk/{settings.id}-{settings.callback_path}/cards"
    button = {"actionIds": ["approve"], "params": {"code": proposal.code, "verdict": "approve"}}
    shown = {"outTrackId": card.ident, "content": json.dumps({"cardPrivateData": button})}

    def post(who: str, secret: str = settings.callback_card_secret) -> int:
        signed = {"x-ddpaas-signature-timestamp": stamp, "x-ddpaas-signature": card_signature(secret, stamp)}
        body = {**shown, "corpId": "dingdemocorp", "userId": who}
        return httpx.post(url, json=body, headers=signed, trust_env=False, timeout=60).status_code

    assert post("wangwu", "forged") == 403
    assert post("lisi") == 200, "genuine, though 李四 may not"
    assert post("wangwu") == 403, "李四's signature"
    proposal.refresh_from_db()
    assert proposal.state == "proposed"
    press(stage, card, "approve", "wangwu", proposal)
    assert wait_action(proposal).approver == "王五"


@pytest.mark.slow
def test_restart_between_proposal_and_click_changes_nothing(stage: Stage) -> None:
    proposal, where = ask_to_block(stage)
    card = cards_of(stage, proposal)["manager01"]
    stage.kill()
    wait_until(lambda: not stage.sim.connections(), within=20, what="the old connection gone")
    stage.start()
    stage.serve() if stage.web_port else None
    press(stage, card, "approve", "manager01", proposal)
    wait_action(proposal)
    assert "张三" in wait_told(stage, where, proposal)
    assert Action.objects.filter(proposal=proposal).count() == 1
    verify_audit()


@pytest.mark.slow
def test_refusal_with_a_reason_is_told_where_it_was_asked(stage: Stage) -> None:
    proposal, where = ask_to_block(stage)
    cards_of(stage, proposal)
    private = place()
    stage.say(f"拒绝 {proposal.code} 证据不足", private, "wangwu", group=False)
    stage.answers(private)

    def news() -> list[str]:
        return [
            reply["text"] for reply in stage.replies(conversation_id=where) if "证据不足" in reply["text"]
        ]

    (text,) = wait_until(news, within=30, what="the refusal told")
    assert "王五" in text
    proposal.refresh_from_db()
    assert (proposal.state, proposal.reason) == ("rejected", "证据不足")
    assert not Action.objects.filter(proposal=proposal).exists()
    verify_audit()


@pytest.mark.slow
@pytest.mark.both_databases
def test_without_a_template_text_does_the_same(database: Database) -> None:
    with open_stage(database) as stage:
        _introduce(stage)
        proposal, where = ask_to_block(stage)
        stage.say(f"同意 {proposal.code}", where, ASKER)
        wait_until(lambda: any("四眼" in text for text in stage.answers(where)), within=30, what="refused")

        def asked() -> bool:
            texts = [one["text"] for one in stage.replies() if one["route"] == "private"]
            return len([text for text in texts if f"同意 {proposal.code}" in text]) == len(APPROVERS)

        wait_until(asked, within=30, what="every approver asked")
        private = place()
        stage.say(f"同意 {proposal.code}", private, "boss", group=False)
        assert "已同意" in stage.answers(private)[0]
        wait_action(proposal)
        assert "周七" in wait_told(stage, where, proposal)
        assert stage.sim.cards() == []
        verify_audit()
