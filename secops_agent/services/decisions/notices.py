"""Notices of decisions: messages, outside of a turn, about what somebody asked for or decided."""

from collections.abc import Sequence

from bifang.channels.models import InboxRow
from bifang.channels.ports import Button, ReplyTarget
from bifang.channels.queues import outbox
from bifang.channels.queues.targets import unpack_target
from bifang.core.errors import BifangError
from bifang.core.secrets.sealed import place_of
from secops_agent.models.automation.proposal import Proposal
from secops_agent.services.people import eligibility
from secops_agent.services.people.applications import reached_by


def origin_target(proposal: Proposal) -> ReplyTarget | None:
    """The address of the conversation it came from, with its sessionWebhook while that lives."""
    row = InboxRow.objects.filter(pk=proposal.inbox_id).first() if proposal.inbox_id else None
    return target_of(row) if row is not None else unpack_target(proposal.target, None, None, "")


def target_of(row: InboxRow) -> ReplyTarget | None:
    """Where a message came from."""
    try:
        place = place_of(InboxRow, "webhook", row)
        return unpack_target(row.target, row.webhook, row.webhook_expires_at, place)
    except BifangError:  # the webhook's key is gone: the plain address goes through the OpenAPI
        return unpack_target(row.target, None, None, "")


def tell_origin(proposal: Proposal, text: str, key: str, buttons: Sequence[Button] = ()) -> None:
    """Say something in the conversation that the proposal came from, once per key, in the caller's transaction."""
    target = origin_target(proposal)
    if target is not None:
        outbox.notify(proposal.config_id, target, text, key=key, title=proposal.title, buttons=buttons)


def tell_concerned(proposal: Proposal, text: str, key: str) -> None:
    """Say it where it was asked for, to who asked and to who decided: nobody twice, in the caller's transaction."""
    tell_origin(proposal, text, key)
    told = set() if proposal.is_group else {proposal.target.get("staff_id")}
    people = {"asker": proposal.asker_id, "approver": proposal.decider_id.partition(":")[2]}
    for part, staff_id in people.items():
        if staff_id and staff_id not in told:
            told.add(staff_id)
            tell_privately(proposal, staff_id, text, f"{key}:{part}")


def tell_privately(
    proposal: Proposal, staff_id: str, text: str, key: str, buttons: Sequence[Button] = ()
) -> None:
    """Say something to one person of the same configuration, once per key, in the caller's transaction.

    Whoever decided by a page as an account of another application cannot be told here.
    """
    staff = eligibility.listed(eligibility.home_of(proposal), staff_id)
    account = reached_by(proposal.config, staff) if staff else None
    if staff is not None and account is None:
        return
    robot = str(proposal.target.get("robot_code", ""))
    told = account.staff_id if account else staff_id
    target = ReplyTarget("", is_group=False, staff_id=told, robot_code=robot)
    outbox.notify(proposal.config_id, target, text, key=key, title=proposal.title, buttons=buttons)
