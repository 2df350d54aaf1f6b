"""Direct requests: proposals from a page or a program; whoever asked is told in private and decides there."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.db import transaction

from bifang.channels.ports import ReplyTarget
from bifang.channels.queues import outbox
from bifang.channels.text.markup import literal
from bifang.core.database.rows import insert_many
from bifang.core.errors import ConfigError
from secops_agent.models import Role, Staff
from secops_agent.models.automation.proposal import Proposal, Risk
from secops_agent.services.actors import Actor
from secops_agent.services.chats import platforms
from secops_agent.services.decisions.carriers import AUTHORISATION
from secops_agent.services.decisions.proposals import (
    Proposals,
    buttons_of,
    demand_approvers,
    prospect_of,
)
from secops_agent.services.decisions.requests import Check, Origin
from secops_agent.services.decisions.wording import describe, how_elsewhere
from secops_agent.services.people.messages import config_of
from secops_agent.services.people.staff import Person

UNREACHABLE: Final = "没有启用通知的{platforms}配置可以联系{name}，没有人能确认，所以没有提交。请管理员检查「系统配置」和「人员」里的企业 ID。"


def request_directly(
    staff: Staff,
    actor: Actor,
    tool: str,
    title: str,
    risk: str,
    arguments: Mapping[str, Any],
    summary: str,
) -> Proposal:
    """Propose as this person, in their own chat, by every rule of the chat. Stored and told at once, or not at all.

    Asked again while it is undecided it is the same proposal, told once. Raises BifangError when it may not be done or
    nobody could decide.
    """
    origin = Origin(_speaker(staff), "", False, None, _own(staff))
    return propose_at(origin, staff, actor, tool, title, risk, arguments, summary)


def propose_at(
    origin: Origin, staff: Staff, actor: Actor, tool: str, title: str, risk: str, arguments: Mapping[str, Any], summary: str,
    said: Callable[[Proposal], str] = lambda proposal: "",
) -> Proposal:  # fmt: skip
    """As `request_directly`, told in another place. ``said``: what the asker reads anyway."""
    person = Person(staff.corp_id, staff.staff_id, staff.name, Role(staff.role))
    proposals = Proposals(person, origin, actor)
    with transaction.atomic():
        Staff.objects.select_for_update().filter(pk=staff.pk).first()  # one at a time
        code = proposals.propose(tool, title, risk, arguments, summary)
        for row in proposals.rows:
            insert_many(row.model, [row.values])
        proposal = Proposal.objects.get(code=code)
        _tell(proposal, proposals, origin, said(proposal))
    return proposal


def _own(staff: Staff) -> ReplyTarget:
    return ReplyTarget("", is_group=False, staff_id=staff.staff_id)


def _speaker(staff: Staff) -> int:
    """The configuration that reaches who asks. Raises ConfigError."""
    config_id = config_of(staff)
    if config_id is None:
        raise ConfigError(UNREACHABLE.format(platforms=platforms(), name=staff.name))
    return config_id


def pass_on(asked: Proposal, actor: Actor, check: Check) -> str:
    """Its asker wants what a program asked for: ask the approvers. What the asker is told; raises BifangError.

    In the transaction of the confirmation.
    """
    wanted, staff = asked.arguments, asked.asked_by
    assert staff is not None  # nobody else confirmed it
    check(wanted["tool"], wanted["arguments"])
    origin = Origin(asked.config_id, "", False, None, _own(staff))
    given = (wanted["tool"], wanted["title"], Risk.DANGEROUS, wanted["arguments"], wanted["summary"])
    return _described(propose_at(origin, staff, actor, *given, said=_described))


def _described(proposal: Proposal) -> str:
    return describe(proposal, prospect_of(proposal), how_elsewhere(proposal.config_id))


def _tell(proposal: Proposal, proposals: Proposals, origin: Origin, said: str) -> None:
    """Once, when it is new."""
    buttons = buttons_of(proposal)
    for number, reply in enumerate(proposals.replies(said) if proposals.rows else ()):
        if target := reply.target or origin.target:
            outbox.notify(
                origin.config_id, target, reply.text, key=f"proposal:{proposal.pk}:asked:{number}",
                title=reply.title, buttons=reply.buttons or buttons, suggestions=reply.suggestions,
            )  # fmt: skip


class TokenProposer:
    """Proposes in the name of ``staff``, for a program. Whoever decides reads that a token asked for it, and which."""

    def __init__(self, staff: Staff, actor: Actor, token: str) -> None:
        self._staff, self._actor, self._token = staff, actor, token

    def propose(self, tool: str, title: str, risk: str, arguments: Mapping[str, Any], summary: str) -> str:
        """The code that the owner confirms with; what is dangerous goes to the approvers only then. Raises as `request_directly`."""
        named = f"（API 令牌「{literal(self._token)}」提出）{summary}"
        if risk == Risk.DANGEROUS:
            demand_approvers(self._staff, self._staff.corp_id, "危险操作无法提交", _speaker(self._staff))
            arguments = {"tool": tool, "title": title, "summary": named, "arguments": dict(arguments)}
            tool, risk = AUTHORISATION, Risk.WRITE
        asked = request_directly(self._staff, self._actor, tool, title, risk, arguments, named)
        return asked.code
