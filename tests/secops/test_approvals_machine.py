"""The approval as a state machine: whatever people do in whatever order, what happens is what the rules allow."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bifang.core.errors import BifangError
from secops_agent.models import Action, Proposal, Staff
from secops_agent.services import expiry
from tests.databases import Templates
from tests.secops.decisions_aid import GROUP, ROLES, Deeds, company, decide, propose, switch

RANKS = ["viewer", "analyst", "responder", "approver", "admin"]
PEOPLE = sorted(ROLES)
TOOLS = {"write": "close_alert", "dangerous": "block_ip"}


def at_least(role: str, needed: str) -> bool:
    return role in RANKS and RANKS.index(role) >= RANKS.index(needed)


class Approvals(RuleBasedStateMachine):
    """The model beside the real thing: it knows the rules, not the code."""

    templates: Templates

    def __init__(self) -> None:
        super().__init__()
        self._home = TemporaryDirectory()
        self._context = self.templates.database("sqlite", Path(self._home.name) / "var")
        self._context.__enter__()
        self.config = company()
        self.roles = dict(ROLES)
        self.active = dict.fromkeys(PEOPLE, True)
        self.read_only = False
        self.open: dict[str, tuple[str, str, str]] = {}
        self.closed: dict[str, str] = {}
        self.deeds = Deeds()
        self.done = self.ordered = 0

    def teardown(self) -> None:
        self._context.__exit__(None, None, None)
        self._home.cleanup()

    def may(self, who: str, needed: str) -> bool:
        return self.active[who] and at_least(self.roles[who], needed)

    @rule(
        who=st.sampled_from(PEOPLE),
        risk=st.sampled_from(["write", "dangerous"]),
        place=st.sampled_from([GROUP, "p"]),
        number=st.integers(1, 3),
    )
    def propose(self, who: str, risk: str, place: str, number: int) -> None:
        others = [one for one in PEOPLE if one != who and self.may(one, "approver")]
        allowed = (
            not self.read_only
            and self.may(who, "responder" if risk == "dangerous" else "analyst")
            and (risk == "write" or bool(others))
        )
        if not self.active[who]:
            return
        try:
            code = propose(self.config, who, TOOLS[risk], risk, {"n": number}, place, place == GROUP)
        except BifangError:
            assert not allowed
            return
        assert allowed
        self.open.setdefault(code, (who, risk, place))

    @rule(
        data=st.data(),
        who=st.sampled_from(PEOPLE),
        verdict=st.sampled_from(["confirm", "approve", "reject"]),
        place=st.sampled_from([GROUP, "p", "q"]),
    )
    def decide(self, data: st.DataObject, who: str, verdict: str, place: str) -> None:
        codes = sorted({*self.open, *self.closed})
        if not codes or not self.active[who]:
            return
        code = data.draw(st.sampled_from(codes))
        decision = decide(
            self.config, code, verdict, who, self.deeds, conversation_id=place, is_group=place == GROUP
        )
        expected = self.expected(code, who, verdict, place)
        assert (decision.status == "decided") == bool(expected), (code, who, verdict, place, decision)
        if expected:
            self.closed[code] = expected
            del self.open[code]
            self.done += expected == "confirmed"
            self.ordered += expected == "approved"

    def expected(self, code: str, who: str, verdict: str, place: str) -> str:
        """The state it must come to; "" if nothing may change."""
        if code not in self.open:
            return ""
        asker, risk, origin = self.open[code]
        own = asker == who
        if own:
            if place != origin:
                return ""
        elif place == GROUP and origin != GROUP:
            return ""
        if verdict == "reject":
            needed = "approver" if risk == "dangerous" else "analyst"
            return "cancelled" if own else "rejected" if risk == "dangerous" and self.may(who, needed) else ""
        if self.read_only:
            return ""
        if verdict == "confirm":
            return "confirmed" if own and risk == "write" and self.may(who, "analyst") else ""
        fit = risk == "dangerous" and not own and self.may(who, "approver") and self.may(asker, "responder")
        return "approved" if fit else ""

    @rule(who=st.sampled_from(PEOPLE), role=st.sampled_from(RANKS))
    def change_role(self, who: str, role: str) -> None:
        Staff.objects.filter(staff_id=who).update(role=role)
        self.roles[who] = role

    @rule(who=st.sampled_from(PEOPLE))
    def leave_or_return(self, who: str) -> None:
        self.active[who] = not self.active[who]
        Staff.objects.filter(staff_id=who).update(active=self.active[who])

    @rule()
    def switch_read_only(self) -> None:
        self.read_only = not self.read_only
        switch("read_only", self.read_only)

    @rule(data=st.data())
    def let_time_pass(self, data: st.DataObject) -> None:
        if self.open:
            code = data.draw(st.sampled_from(sorted(self.open)))
            Proposal.objects.filter(code=code).update(expires_at=timezone.now() - timedelta(seconds=1))
            expiry.expire_overdue()
            self.closed[code] = "expired"
            del self.open[code]

    @invariant()
    def what_happened_is_what_was_decided(self) -> None:
        states = dict(Proposal.objects.values_list("code", "state"))
        assert states == {**dict.fromkeys(self.open, "proposed"), **self.closed}
        assert len(self.deeds.done) == self.done
        assert Action.objects.count() == self.ordered
        assert not [a for a in Action.objects.all() if a.asker == a.approver]


@pytest.mark.django_db
def test_approvals_follow_the_rules_in_any_order(templates: Templates) -> None:
    Approvals.templates = templates
    budget = settings(
        max_examples=12, stateful_step_count=25, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    run_state_machine_as_test(Approvals, settings=budget)
