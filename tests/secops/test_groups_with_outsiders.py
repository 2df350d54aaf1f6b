"""A group in which outsiders read along: nothing of the company is pushed, sent or answered there, and the reason is told."""

import pytest
from django.utils import timezone

from bifang.channels.models import GroupState, KnownGroup, OutboxRow
from bifang.channels.ports import ReplyTarget
from bifang.channels.queues import outbox
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import Proposal, ProposalState
from secops_agent.services.people.staff import find_person
from secops_agent.tools.operations.recipients import read_recipients
from tests.secops.decisions_aid import GROUP, company, propose, some_alert, talk

pytestmark = pytest.mark.both_databases


@pytest.fixture
def config(database) -> SystemConfig:
    """A company with one group, in which an outsider spoke."""
    row = company()
    KnownGroup.objects.create(
        config=row, conversation_id=GROUP, title="安全值班群", corp_id="corp", learned_at=timezone.now(),
        last_seen_at=timezone.now(), state=GroupState.OUTSIDERS,
    )  # fmt: skip
    return row


@pytest.mark.parametrize("text", ["今天有哪些告警", "把上周的周报发到这个群", "帮助"])
def test_what_is_asked_there_is_answered_with_the_reason_only(config, text):
    number = some_alert()
    (told,) = talk(config, ("li", text))
    assert "有外部人员" in told
    assert "单聊" in told
    assert f"A{number}" not in told
    (private,) = talk(config, ("li", text), conversation="own", is_group=False)
    assert "要问什么、办什么，请与我单聊" not in private


def test_nothing_is_decided_there(config):
    code = propose(config, "zhao")
    (told,) = talk(config, ("wang", f"同意 {code}"))
    assert "有外部人员" in told
    assert Proposal.objects.get().state == ProposalState.PROPOSED


def test_group_as_a_recipient_is_refused_for_the_true_reason(config):
    person = find_person("corp", "li")
    assert person is not None
    for wanted in ("群:安全值班", "安全值班群", "群"):
        with pytest.raises(InvalidInput, match="有外部人员"):
            read_recipients(wanted, person)


@pytest.mark.parametrize(("state", "told"), [(GroupState.OUTSIDERS, False), (GroupState.OPEN, True)])
def test_outcome_of_what_was_asked_there_goes_to_the_asker_alone(config, state, told):
    KnownGroup.objects.update(state=state)
    outbox.notify(config.pk, ReplyTarget(GROUP, True, "li", "robot"), "已封禁", key="k")
    target = OutboxRow.objects.get().target
    assert (target["is_group"], target["staff_id"]) == (told, "li")
