"""Whom a call is made for: the token's owner bounds it; without one, and beyond the staff, it only reads."""

from dataclasses import dataclass, replace

from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.agent.turn.toolbox import REFUSING, refusal
from secops_agent.models import Role, Scope, Staff
from secops_agent.models.people.staff import allows
from secops_agent.services.actors import Actor
from secops_agent.services.decisions.direct_requests import TokenProposer
from secops_agent.services.people.eligibility import account_of
from secops_agent.services.people.staff import Person
from secops_agent.services.people.tokens import Grant
from secops_agent.tools.definitions import Asker, ToolDefinition

_NO_OWNER = "这个 API 令牌没有归属的「人员」，只能查询：操作要由本人确认。请本人在管理后台创建令牌，并由管理员在「人员」里对应登录用户。"
_NO_SCOPE = "这个 API 令牌没有「修改」（write）范围，只能查询。"


@dataclass(frozen=True, slots=True)
class TokenCaller:
    """``staff``: the owner, who confirms what the token proposes; None if there is none."""

    grant: Grant
    person: Person
    staff: Staff | None

    @property
    def actor(self) -> Actor:
        """Who is on record: the token, and whose it is."""
        return replace(self.grant.actor, via="mcp")

    def refusal(self, tool: ToolDefinition) -> str:
        """Why this tool is not for them; "" if it is."""
        if tool.risk != "read" and not self.grant.may(Scope.WRITE):
            return _NO_SCOPE
        if tool.risk != "read" and self.staff is None:
            return _NO_OWNER
        return "" if self.person.may(tool.role) else refusal(tool, self.person)

    def asker(self, tool: ToolDefinition) -> Asker:
        """As whom the tool runs. Raises InvalidInput."""
        if refused := self.refusal(tool):
            raise InvalidInput(refused)
        proposer = TokenProposer(self.staff, self.actor, self.grant.name) if self.staff else REFUSING
        return Asker(self.person, False, timezone.localtime(), proposer, confirms_first=True)


def caller_of(grant: Grant) -> TokenCaller:
    """Who is behind a token that may read."""
    staff = account_of(grant.owner.pk) if grant.owner else None
    if staff is None:
        return TokenCaller(grant, Person("", "", grant.owner_name or grant.name, Role.VIEWER), None)
    # A superuser reads whatever their role.
    role = Role(staff.role) if allows(staff.role, Role.VIEWER) else Role.VIEWER
    return TokenCaller(grant, Person(staff.corp_id, staff.staff_id, staff.name, role), staff)
