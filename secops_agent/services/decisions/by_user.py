"""Proposing from a page: stored at once, where the chat would store it with the turn, and told to whom it concerns."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from bifang.channels import outbox
from bifang.channels.ports import ReplyTarget
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from bifang.core.rows import insert_many
from secops_agent.models import Proposal, Role, Staff
from secops_agent.services.decisions.proposals import Proposals
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.people.staff import Person

NO_ROBOT: Final = "没有启用的钉钉配置，不能通知审批人，所以没有提交。请管理员先启用一个钉钉配置。"


def propose_as(
    account: Staff, tool: str, title: str, risk: str, arguments: Mapping[str, Any], summary: str, via: str
) -> Proposal:
    """Propose as this person, by every rule of the chat. Raises BifangError."""
    origin = _origin(account)
    person = Person(account.corp_id, account.staff_id, account.name, Role(account.role))
    with transaction.atomic():
        proposals = Proposals(person, origin, via)
        code = proposals.propose(tool, title, risk, arguments, summary)
        for row in proposals.rows:
            insert_many(row.model, [row.values])
        for number, reply in enumerate(proposals.replies(""), 1):
            target = reply.target or origin.target
            assert target is not None  # set below
            outbox.notify(
                origin.config_id, target, reply.text, key=f"proposal:{code}:{number}", title=reply.title, buttons=reply.buttons
            )  # fmt: skip
    return Proposal.objects.get(code=code)


def _origin(account: Staff) -> Origin:
    """The robot of the person's corporation; one that knows none yet has the only one."""
    robots = list(SystemConfig.objects.enabled("dingtalk"))
    own = [robot for robot in robots if robot.params.get("corp_id") in (account.corp_id, "", None)]
    robot = next(iter(sorted(own, key=lambda robot: not robot.params.get("corp_id"))), None)
    if robot is None:
        raise InvalidInput(NO_ROBOT)
    target = ReplyTarget("", is_group=False, staff_id=account.staff_id, robot_code=robot.client_id)
    return Origin(robot.pk, "", is_group=False, target=target)
