"""The approval as a state machine: whatever people do in whatever order, what happens is what the rules allow."""

import random
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bifang.core.configuration.configs import learn
from bifang.core.errors import BifangError
from secops_agent.agent.acting.controls import DirectDecision, decide_as_user
from secops_agent.models import Action, Proposal, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.decisions import approvals
from secops_agent.services.decisions.requests import Decision
from tests.databases import Templates
from tests.secops.decisions_aid import GROUP, ROLES, Deeds, company, decide, propose, switch

RANKS = ["viewer", "analyst", "responder", "approver", "admin"]
TWIN, STRANGER = "twin", "qian"  # another account under 赵's name; an approver of another corporation
EVERYONE = {**ROLES, TWIN: "approver", STRANGER: "approver"}
PEOPLE = sorted(EVERYONE)
ASKERS = sorted({*ROLES, TWIN})
MOVING = ["li", "wang", "zhao", TWIN]  # whose circumstances change
TIED = ["wang", "zhao", TWIN, STRANGER]  # who may have a login, some of them the same
LOGINS = [None, "one", "two"]
DOORS = ["chat", "page", "token"]
PLACES = [GROUP, "p", "q"]
VERDICTS = ["confirm", "approve", "reject"]
RISKS = {"write": "close_alert", "dangerous": "block_ip"}


def at_least(role: str, needed: str) -> bool:
    return RANKS.index(role) >= RANKS.index(needed)


class World:
    """The real thing and, beside it, what the rules say: they must never differ."""

    def __init__(self) -> None:
        self.config = company()
        learn(self.config.pk, "corp_id", "corp")
        Staff.objects.create(staff_id=TWIN, name="zhao先生", role="approver", corp_id="corp")
        Staff.objects.create(staff_id=STRANGER, name="钱", role="approver", corp_id="other")
        self.users = {name: User.objects.create_user(name) for name in LOGINS if name}
        self.rows = list(Staff.objects.order_by("pk").values_list("staff_id", flat=True))
        self.logins: dict[str, str | None] = dict.fromkeys(PEOPLE)
        self.roles, self.active = dict(EVERYONE), dict.fromkeys(PEOPLE, True)
        self.read_only = False
        self.asked = 0
        self.open: dict[str, tuple[str, str, str]] = {}
        self.closed: dict[str, str] = {}
        self.deeds = Deeds()
        for who, risk in (("zhao", "dangerous"), ("wang", "dangerous"), ("li", "write"), ("sun", "write")):
            self.propose(who, risk, GROUP)

    def may(self, who: str, needed: str) -> bool:
        return self.active[who] and at_least(self.roles[who], needed)

    def accounts(self, who: str) -> list[str]:
        """All of the same login, or the one."""
        login = self.logins[who]
        return [one for one in self.rows if one == who or (login is not None and self.logins[one] == login)]

    def blurred(self, one: str, other: str) -> bool:
        """Does nothing tell these two apart?"""
        if other in self.accounts(one):
            return True
        if self.logins[one] is not None and self.logins[other] is not None:
            return False
        named = [{"zhao" if who == TWIN else who for who in self.accounts(each)} for each in (one, other)]
        return bool(named[0] & named[1])

    def acting(self, who: str) -> str | None:
        """As whom the login of someone acts on the pages and in the API."""
        found = [one for one in self.accounts(who) if self.active[one]]
        return max(found, key=lambda one: (one != STRANGER, RANKS.index(self.roles[one])), default=None)

    def another(self) -> dict[str, str]:
        """An address that nobody has asked for."""
        self.asked += 1
        return {"ip": f"45.33.{self.asked // 250}.{self.asked % 250 + 1}"}

    def propose(self, who: str, risk: str, place: str) -> None:
        others = [
            one
            for one in PEOPLE
            if one != STRANGER and not self.blurred(who, one) and self.may(one, "approver")
        ]
        fit = self.may(who, "responder" if risk == "dangerous" else "analyst")
        allowed = not self.read_only and fit and (risk == "write" or bool(others))
        if not self.active[who]:
            return
        try:
            code = propose(
                self.config,
                who,
                RISKS[risk],
                risk,
                self.another(),
                place,
                place == GROUP,
            )
        except BifangError:
            assert not allowed
            return
        assert allowed
        self.open.setdefault(code, (who, risk, place))

    def decide(self, code: str, who: str, verdict: str, place: str, door: str = "chat") -> None:
        if door == "chat":
            if not self.active[who]:
                return
            where = {"conversation_id": place, "is_group": place == GROUP}
            expected = self.expected(code, who, verdict, place)
            decision = decide(self.config, code, verdict, who, self.deeds, **where)
        else:
            if self.logins[who] is None:
                return
            acting = self.acting(who)
            expected = self.expected(code, acting, verdict, None) if acting else ""
            decision = self.decide_by_login(code, who, verdict, door)
        assert (decision.status == "decided") == bool(expected), (who, verdict, place, door, decision)
        if expected:
            self.closed[code] = expected
            del self.open[code]

    def decide_by_login(self, code: str, who: str, verdict: Any, door: str) -> Decision:
        login = self.logins[who]
        assert login is not None
        token = Actor.token("7", "程序", who) if door == "token" else None
        given = DirectDecision(self.users[login].pk, verdict, f"{door}:{login}:{code}", door, token=token)
        return decide_as_user(Proposal.objects.get(code=code), given, self.deeds.executors)

    def tie(self, who: str, login: str | None) -> None:
        Staff.objects.filter(staff_id=who).update(user=self.users[login] if login else None)
        self.logins[who] = login

    def expected(self, code: str, who: str, verdict: str, place: str | None) -> str:
        """The state it must come to; "" if nothing may change. Without a place: on a page, or by the API."""
        if code not in self.open or who == STRANGER:
            return ""
        asker, risk, origin = self.open[code]
        own = who in self.accounts(asker)
        if place is not None and ((place != origin) if own else (place == GROUP != origin)):
            return ""
        approver = risk == "dangerous" and not own and self.may(who, "approver")
        if verdict == "reject":
            return "cancelled" if own else "rejected" if approver else ""
        if self.read_only:
            return ""
        if verdict == "confirm":
            able = self.may(who, "analyst") and self.may(asker, "analyst")
            return "confirmed" if own and risk == "write" and able else ""
        four_eyes = approver and not self.blurred(asker, who)
        return "approved" if four_eyes and self.may(asker, "responder") else ""

    def change_role(self, who: str, role: str) -> None:
        Staff.objects.filter(staff_id=who).update(role=role)
        self.roles[who] = role

    def leave_or_return(self, who: str) -> None:
        self.active[who] = not self.active[who]
        Staff.objects.filter(staff_id=who).update(active=self.active[who])

    def switch_read_only(self) -> None:
        self.read_only = not self.read_only
        switch("read_only", self.read_only)

    def let_expire(self, code: str) -> None:
        Proposal.objects.filter(code=code).update(expires_at=timezone.now() - timedelta(seconds=1))
        approvals.expire_overdue()
        self.closed[code] = "expired"
        del self.open[code]

    def check(self) -> None:
        states = dict(Proposal.objects.values_list("code", "state"))
        assert states == {**dict.fromkeys(self.open, "proposed"), **self.closed}
        ends = list(self.closed.values())
        assert len(self.deeds.done) == ends.count("confirmed")
        assert Action.objects.count() == ends.count("approved")
        approved = Proposal.objects.filter(state="approved").values_list("asker_id", "decider_id")
        assert not [asker for asker, decider in approved if decider == f"corp:{asker}"]
        assert not Proposal.objects.filter(decider_id__startswith="other:").exists()


class Approvals(RuleBasedStateMachine):
    """Finds, and shrinks, an order of events in which they differ."""

    templates: Templates

    def __init__(self) -> None:
        super().__init__()
        self._home = TemporaryDirectory()
        self._context = self.templates.database("sqlite", Path(self._home.name) / "var")
        self._context.__enter__()
        self.world = World()

    def teardown(self) -> None:
        self._context.__exit__(None, None, None)
        self._home.cleanup()

    @rule(who=st.sampled_from(ASKERS), risk=st.sampled_from(list(RISKS)), place=st.sampled_from(PLACES[:2]))
    def propose(self, who: str, risk: str, place: str) -> None:
        self.world.propose(who, risk, place)

    @rule(
        number=st.integers(0, 9),
        who=st.sampled_from(PEOPLE),
        verdict=st.sampled_from(VERDICTS),
        door=st.sampled_from(DOORS),
    )
    def decide(self, number: int, who: str, verdict: str, door: str) -> None:
        codes = [*self.world.open, *self.world.closed]
        self.world.decide(codes[number % len(codes)], who, verdict, GROUP, door)

    @rule(who=st.sampled_from(TIED), login=st.sampled_from(LOGINS))
    def tie(self, who: str, login: str | None) -> None:
        self.world.tie(who, login)

    @rule(who=st.sampled_from(MOVING), role=st.sampled_from(RANKS))
    def change_role(self, who: str, role: str) -> None:
        self.world.change_role(who, role)

    @rule(who=st.sampled_from(MOVING))
    def leave_or_return(self, who: str) -> None:
        self.world.leave_or_return(who)

    @rule()
    def switch_read_only(self) -> None:
        self.world.switch_read_only()

    @rule()
    def expire(self) -> None:
        if self.world.open:
            self.world.let_expire(next(iter(self.world.open)))

    @invariant()
    def nothing_else_happened(self) -> None:
        self.world.check()


@pytest.mark.slow
@pytest.mark.django_db
def test_approvals_follow_the_rules_in_any_order(templates: Templates) -> None:
    Approvals.templates = templates
    budget = settings(
        max_examples=15, stateful_step_count=20, deadline=None, database=None, print_blob=False,
        suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip
    run_state_machine_as_test(Approvals, settings=budget)


def walk(world: World, dice: random.Random) -> None:
    """One random step; mostly decisions, half of them by the asker in the right place."""
    kind = dice.random()
    if world.read_only and kind < 0.2:
        world.switch_read_only()
    elif kind < 0.2:
        world.propose(dice.choice(ASKERS), dice.choice(list(RISKS)), dice.choice(PLACES[:2]))
    elif kind < 0.88:
        code = dice.choice([*world.open, *world.open, *world.closed])
        asker, _, origin = world.open.get(code, ("li", "", GROUP))
        rival = {"zhao": TWIN, TWIN: "zhao"}.get(asker, "wang")
        who = dice.choice([asker, asker, rival, dice.choice(PEOPLE), dice.choice(PEOPLE)])
        place = origin if dice.random() < 0.6 else dice.choice(PLACES)
        door = dice.choice(DOORS) if world.logins[who] else "chat"
        world.decide(code, who, dice.choice(VERDICTS), place, door)
    elif kind < 0.91:
        world.tie(dice.choice(TIED), dice.choice(LOGINS))
    elif kind < 0.94:
        world.change_role(dice.choice(MOVING), dice.choice(RANKS))
    elif kind < 0.965:
        world.leave_or_return(dice.choice(MOVING))
    elif kind < 0.98:
        world.switch_read_only()
    elif world.open:
        world.let_expire(next(iter(world.open)))


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("number", range(4))
def test_approvals_follow_the_rules_on_a_long_walk(number: int) -> None:
    world, dice = World(), random.Random(number)
    for _ in range(200):
        walk(world, dice)
        world.check()
    assert len(set(world.closed.values())) > 2
