"""Proposing for the owner of an API token, outside of any conversation: they are told in private, and decide there."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from bifang.channels import outbox
from bifang.channels.markup import literal
from bifang.channels.ports import ReplyTarget
from bifang.core.errors import ConfigError
from bifang.core.rows import insert_many
from secops_agent.models import Staff
from secops_agent.models.proposal import Proposal
from secops_agent.services.actors import Actor
from secops_agent.services.decisions.proposals import Proposals, buttons_of
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.people.messages import config_of
from secops_agent.services.people.staff import Person

_UNREACHABLE = "没有启用通知的钉钉配置可以联系{name}，没有人能确认，所以没有提交。请管理员检查「系统配置」和「人员」里的企业 ID。"


class TokenProposer:
    """Proposes in the name of ``staff``, for a program. Whoever decides reads that a token asked for it, and which."""

    def __init__(self, staff: Staff, person: Person, actor: Actor, token: str) -> None:
        self._staff, self._person, self._actor, self._token = staff, person, actor, token

    def propose(self, tool: str, title: str, risk: str, arguments: Mapping[str, Any], summary: str) -> str:
        """The code. Stored and told at once, or not at all; asked again while it is undecided, the same code.

        Raises BifangError when it may not be done or nobody could decide.
        """
        config_id = config_of(self._staff)
        if config_id is None:
            raise ConfigError(_UNREACHABLE.format(name=self._staff.name))
        origin = Origin(config_id, "", False, None, self._own)
        named = f"（API 令牌「{literal(self._token)}」提出）{summary}"
        with transaction.atomic():
            Staff.objects.select_for_update().filter(pk=self._staff.pk).first()  # one at a time
            proposals = Proposals(self._person, origin, actor=self._actor)
            code = proposals.propose(tool, title, risk, arguments, named)
            if proposals.rows:
                self._keep(proposals, config_id, code)
        return code

    @property
    def _own(self) -> ReplyTarget:
        return ReplyTarget("", is_group=False, staff_id=self._staff.staff_id)

    def _keep(self, proposals: Proposals, config_id: int, code: str) -> None:
        for row in proposals.rows:
            insert_many(row.model, [row.values])
        proposal = Proposal.objects.get(code=code)
        buttons = buttons_of(proposal)
        for number, reply in enumerate(proposals.replies("")):
            outbox.notify(
                config_id, reply.target or self._own, reply.text, key=f"proposal:{proposal.pk}:asked:{number}",
                title=reply.title, buttons=reply.buttons or buttons, suggestions=reply.suggestions,
            )  # fmt: skip
