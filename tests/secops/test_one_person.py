"""Four eyes at every door: one corporation, and two persons, whatever accounts, logins and tokens they have."""

import asyncio
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from bifang.channels.models import OutboxRow
from bifang.channels.ports import Incoming
from bifang.core.configuration.configs import learn
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.agent.acting.clicks import settle
from secops_agent.models import Action, AuditRecord, Proposal, Role, Staff
from secops_agent.services.decisions import undo
from secops_agent.services.people import tokens
from secops_agent.services.people.eligibility import approvers_beside
from secops_agent.services.people.staff import find_person, learn_corporation, leave_organisation
from tests.admin_pages import messages_of, serve_plain_static
from tests.secops.decisions_aid import GROUP, company, new_agent, propose, say, show_card, the

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


@dataclass(frozen=True)
class Knock:
    """An account decides by some door; ``corp`` is what the channel says of where it comes from."""

    config: SystemConfig
    code: str
    account: Staff
    verdict: str = "approve"


def by_chat(knock: Knock) -> str:
    word = {"approve": "同意", "reject": "拒绝"}[knock.verdict]

    async def run() -> str:
        agent = new_agent()
        try:
            who, corp = knock.account.staff_id, knock.account.corp_id
            result = await say(agent, knock.config, who, f"{word} {knock.code}", corp=corp)
            return result.replies[0].text
        finally:
            await agent.close()

    return asyncio.run(run())


def by_card(knock: Knock) -> str:
    track = f"bf-{next(_numbers)}"
    button = {"code": show_card(knock.config, knock.code, track), "verdict": knock.verdict}
    payload = {"out_track_id": track, "params": button, "corp_id": knock.account.corp_id}
    click = Incoming(knock.config.pk, "card", f"f{track}", GROUP, knock.account.staff_id, payload=payload)
    outcome = settle(click)
    assert outcome is not None
    return outcome.text


def login_of(account: Staff) -> User:
    """The account's user; made if it has none."""
    if account.user is None:
        account.user = User.objects.create_user(f"u-{account.corp_id}-{account.staff_id}")
        account.save()
    return account.user


def by_page(knock: Knock) -> str:
    client = Client()
    client.force_login(login_of(knock.account))
    address = reverse("web:approval_decide", args=[the(knock.code).pk])
    return messages_of(client.post(address, {"verdict": knock.verdict}, follow=True))


def _post(client: Client, knock: Knock) -> str:
    body = {"verdict": knock.verdict}
    answer = client.post(f"/api/v1/proposals/{knock.code}/decision/", body, "application/json")
    assert answer.status_code in (200, 409), answer.content
    told = answer.json()
    return str(told["result"] if answer.status_code == 200 else told["error"]["message"])


def by_api(knock: Knock) -> str:
    client = Client()
    client.force_login(login_of(knock.account))
    return _post(client, knock)


def by_token(knock: Knock) -> str:
    owner = login_of(knock.account)
    _, secret = tokens.create(f"令牌{next(_numbers)}", ["approve"], owner_id=owner.pk)
    return _post(Client(headers={"Authorization": f"Bearer {secret}"}), knock)


DOORS = [by_chat, by_card, by_page, by_api, by_token]
Door = Callable[[Knock], str]
every_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


def boss(corp_id: str = "corp", staff_id: str = "boss", name: str = "周七", **more: Any) -> Staff:
    return Staff.objects.create(staff_id=staff_id, corp_id=corp_id, name=name, role=Role.APPROVER, **more)


def tie(*accounts: Staff) -> User:
    user = User.objects.create_user(f"tied{next(_numbers)}")
    for account in accounts:
        account.user = user
        account.save()
    return user


@pytest.mark.slow
@every_door
def test_an_approver_of_the_corporation_decides(door: Door) -> None:
    config = company()
    code = propose(config, "zhao")
    assert f"已同意 {code}" in door(Knock(config, code, boss()))
    assert Action.objects.get().approver == "周七"


@pytest.mark.slow
@every_door
@pytest.mark.parametrize("corp", ["other", ""])
@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_nobody_of_another_corporation_or_of_none_decides(door: Door, corp: str, verdict: str) -> None:
    config = company()
    code = propose(config, "zhao")
    assert "企业" in door(Knock(config, code, boss(corp), verdict))
    assert the(code).state == "proposed"
    refusal = AuditRecord.objects.get(kind="approval")
    assert (refusal.what, refusal.subject) == ("决定未被接受", f"proposal:{code}")


@pytest.mark.slow
@every_door
def test_the_same_id_in_another_corporation_is_somebody_else(door: Door) -> None:
    """The twin of an approver of ours, known in ours and knocking from elsewhere."""
    config = company()
    code = propose(config, "zhao")
    assert "企业" in door(Knock(config, code, boss("other", "wang")))
    assert the(code).state == "proposed"


def test_an_account_without_corporation_is_nobodys_where_several_are_known() -> None:
    config = company()
    code = propose(config, "zhao")
    account = boss("")
    account.corp_id = "corp"  # as the card says it
    boss("other", "elsewhere", "吴九")
    assert "人员名单" in by_card(Knock(config, code, account))
    Staff.objects.filter(corp_id="other").delete()
    assert "已同意" in by_card(Knock(config, code, account))


def test_the_corporation_is_kept_when_it_is_proposed() -> None:
    config = company()
    code = propose(config, "zhao")
    assert the(code).corp_id == "corp"
    SystemConfig.objects.filter(pk=config.pk).update(params={**config.params, "corp_id": "other"})
    assert "企业" in by_card(Knock(config, code, boss("other")))
    assert "已同意" in by_card(Knock(config, code, boss()))


def test_the_corporation_of_the_configuration_is_the_one_once_it_is_known() -> None:
    config = company("")
    learn(config.pk, "corp_id", "corp")
    with pytest.raises(InvalidInput, match="不属于"):
        _propose_from("elsewhere", config)
    with pytest.raises(InvalidInput, match="不属于"):
        _propose_from("", config)
    Proposal.objects.all().delete()
    learn_corporation("corp", "dingtalk")
    assert the(propose(config, "zhao")).corp_id == "corp"


def _propose_from(corp: str, config: SystemConfig) -> None:
    from secops_agent.services.actors import Actor
    from secops_agent.services.decisions.proposals import Proposals
    from secops_agent.services.decisions.requests import Origin
    from secops_agent.services.people.staff import Person

    person = Person(corp, "zhao", "赵", Role.RESPONDER)
    Proposals(person, Origin(config.pk, "c", False), Actor.person(person, "dingtalk")).propose(
        "block_ip", "封禁", "dangerous", {"ip": "203.0.113.5"}, "封禁"
    )


@pytest.mark.slow
@every_door
def test_a_second_account_of_the_asker_is_the_asker(door: Door) -> None:
    config = company()
    code = propose(config, "zhao")
    second = boss(staff_id="zhao2", name="赵副")
    tie(Staff.objects.get(staff_id="zhao"), second)
    assert "四眼" in door(Knock(config, code, second))
    assert the(code).state == "proposed"


@pytest.mark.slow
@every_door
def test_a_tied_account_of_the_same_user_proposes_and_the_other_does_not_decide(door: Door) -> None:
    """An administrator made the second account, and both are his login's: whichever of them asks."""
    config = company()
    second = Staff.objects.create(staff_id="zhang2", corp_id="corp", name="小号", role=Role.RESPONDER)
    first = Staff.objects.get(staff_id="zhang")
    tie(first, second)
    for asker, decider in (("zhang2", first), ("zhang", second)):
        code = propose(config, asker, arguments={"ip": f"203.0.113.{len(asker)}"})
        told = door(Knock(config, code, decider))
        assert "四眼" in told or "自己提出" in told, told
        assert the(code).state == "proposed"
    assert not Action.objects.exists()


@pytest.mark.slow
@pytest.mark.both_databases
def test_of_verdicts_at_once_by_several_doors_one_wins() -> None:
    config = company()
    code = propose(config, "zhao")
    people = [boss(staff_id=f"b{number}", name=f"审批{number}") for number in range(4)]
    for each in people:
        login_of(each)
    doors = (by_page, by_api, by_page, by_token)
    verdicts = ("approve", "reject", "approve", "approve")
    start = threading.Barrier(len(people))

    def decide(number: int) -> None:
        try:
            start.wait(60)
            doors[number](Knock(config, code, people[number], verdicts[number]))
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(decide, range(len(people))))
    assert the(code).state in ("approved", "rejected")
    assert Action.objects.count() == (the(code).state == "approved")
    assert (
        AuditRecord.objects.filter(
            kind="approval", subject=f"proposal:{code}", detail__status__in=("approved", "rejected")
        ).count()
        <= 1
    )


@pytest.mark.slow
@every_door
@pytest.mark.parametrize("same", ["name", "width", "staff_id"])
def test_what_nothing_tells_apart_counts_as_one_person(door: Door, same: str) -> None:
    config = company()
    twin = {
        "name": {"staff_id": "zhao2", "name": "zhao先生"},
        "width": {"staff_id": "zhao2", "name": "ｚｈａｏ 先生"},
        "staff_id": {"staff_id": "zhao", "name": "周七", "corp_id": ""},
    }[same]
    code = propose(config, "zhao")
    if same == "staff_id":  # the asker's row is of an unknown corporation, the decider's of the known one
        Staff.objects.filter(staff_id="zhao").update(corp_id="")
        twin["corp_id"] = "corp"
    told = door(Knock(config, code, boss(**twin)))
    assert "请管理员在「人员」中区分" in told, told
    assert "登录用户" in told
    assert the(code).state == "proposed"


@pytest.mark.slow
@every_door
def test_two_users_of_one_name_are_two_persons(door: Door) -> None:
    config = company()
    code = propose(config, "zhao")
    namesake = boss(staff_id="zhao2", name="zhao先生")
    tie(Staff.objects.get(staff_id="zhao"))
    tie(namesake)
    assert "已同意" in door(Knock(config, code, namesake))


def test_a_name_known_by_a_third_account_still_tells_nothing_apart() -> None:
    """The approver's other account bears the asker's name."""
    config = company()
    code = propose(config, "zhao")
    approver = boss()
    tie(approver, Staff.objects.create(staff_id="x", corp_id="elsewhere", name="zhao先生", active=False))
    assert "区分" in by_card(Knock(config, code, approver))


def test_nobody_is_asked_who_may_be_the_asker() -> None:
    config = company()
    twin = boss(staff_id="zhao2", name="zhao先生")
    propose(config, "zhao")
    asked = OutboxRow.objects.filter(target__staff_id=twin.staff_id)
    assert not asked.exists()
    Staff.objects.filter(role__in=("approver", "admin")).exclude(pk=twin.pk).update(active=False)
    with pytest.raises(InvalidInput, match="请管理员在「人员」中区分"):
        propose(config, "zhao", arguments={"ip": "203.0.113.6"})


def test_the_record_of_a_token_names_token_and_person() -> None:
    config = company()
    code = propose(config, "zhao")
    by_token(Knock(config, code, boss()))
    record = AuditRecord.objects.get(kind="approval", subject=f"proposal:{code}")
    name = tokens.ApiToken.objects.get().name
    assert (record.actor_kind, record.via, record.detail["person"]) == ("token", "api", "corp:boss")
    assert record.actor_name == f"周七（API 令牌「{name}」）"
    assert the(code).decider_id == "corp:boss"


def test_a_token_that_is_nobodys_or_of_another_scope_decides_nothing() -> None:
    config = company()
    code = propose(config, "zhao")
    for scopes, status in ((["approve"], 409), (["read", "write", "ingest"], 403)):
        _, secret = tokens.create(f"令牌{next(_numbers)}", scopes)
        client = Client(headers={"Authorization": f"Bearer {secret}"})
        body = {"verdict": "approve"}
        answer = client.post(f"/api/v1/proposals/{code}/decision/", body, "application/json")
        assert answer.status_code == status
    assert the(code).state == "proposed"


def test_undoing_is_four_eyes_of_the_same_corporation_too() -> None:
    config = company()
    by_card(Knock(config, propose(config, "zhao"), boss()))
    from bifang.core.secrets.sealed import Sealed

    Action.objects.update(state="done", undo_url=Sealed.of("https://connector/undo", "never opened"))
    stranger = boss("other", "boss2", "吴九")
    with pytest.raises(InvalidInput, match="不属于这个机器人所在的企业"):
        undo.request(Action.objects.get().pk, stranger, "admin")
    asker = Staff.objects.get(staff_id="zhao")
    second = boss(staff_id="zhao2", name="赵副")
    tie(asker, second)
    proposal = undo.request(Action.objects.get().pk, asker, "admin")
    assert proposal.corp_id == "corp"
    assert not OutboxRow.objects.filter(target__staff_id="zhao2").exists()
    for account, word in ((second, "四眼"), (stranger, "企业")):
        assert word in by_card(Knock(config, proposal.code, account))
    assert "已同意" in by_card(Knock(config, proposal.code, boss(staff_id="boss3", name="郑十")))


def test_leaving_one_account_leaves_the_other() -> None:
    here, there = boss(), boss("other")
    tie(here, there)
    assert leave_organisation("corp", ["boss"], "dingtalk") == 1
    assert find_person("corp", "boss") is None
    assert find_person("other", "boss") is not None


def test_nobody_is_asked_twice_who_has_two_rows() -> None:
    company()
    asker, wang = Staff.objects.get(staff_id="zhao"), Staff.objects.get(staff_id="wang")
    before = {each.pk for each in approvers_beside(asker, "corp")}
    assert wang.pk in before
    Staff.objects.create(
        staff_id="wang", name="王五", role=Role.APPROVER, corp_id=""
    )  # listed before the corporation was known
    user = User.objects.create_user("tied")
    Staff.objects.filter(pk=wang.pk).update(user=user)
    Staff.objects.create(
        staff_id="wang.old", name="王五（旧）", role=Role.APPROVER, corp_id="corp", user=user
    )
    assert {each.pk for each in approvers_beside(asker, "corp")} == before
