"""`ToolCases`: a tool is understood, asks the database little, and never does what a person did not decide."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar, Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.agent.turn import toolbox
from secops_agent.llm.types import ToolCall
from secops_agent.models import Role
from secops_agent.services.actors import Actor
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import parse
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition
from secops_agent.tools.registry import BY_NAME

_ODD: Final[tuple[Any, ...]] = ("", "x" * 5000, -1, 10**30, True, [], {}, [None], "\0", "'; DROP TABLE x; --")
_TRANSACTION: Final = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


class Proposed:
    """Stands for the store of proposals: remembers what was proposed."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, dict[str, Any]]] = []

    def propose(self, tool: str, title: str, risk: Any, arguments: Mapping[str, Any], summary: str) -> str:
        """A code, as a person would be told."""
        self.made.append((tool, risk, dict(arguments)))
        return f"C{len(self.made):05d}"


@pytest.mark.django_db
class ToolCases:
    """``name`` of the tool, and an ``example`` of its arguments that it can work with. ``queries``: the most it may ask."""

    name: ClassVar[str]
    example: ClassVar[Mapping[str, Any]] = {}
    queries: ClassVar[int] = 12

    def definition(self) -> ToolDefinition:
        """As the registry has it."""
        return BY_NAME[self.name]

    def call(self, proposer: Proposed, role: Role = Role.ADMIN, **arguments: Any) -> ToolResult:
        """As somebody of this role has it called."""
        person = Person("corp", "zhang", "张三", role)
        asker = Asker(person, is_group=False, now=timezone.localtime(), proposer=proposer)
        return self.definition().run(asker, parse(self.definition().arguments, arguments))

    def test_model_is_told_what_it_is(self) -> None:
        spec = self.definition().spec
        assert (spec.name, spec.parameters["type"]) == (self.name, "object")
        assert len(spec.description) >= 5
        assert all(each.get("description") for each in spec.parameters.get("properties", {}).values())

    def test_example_is_answered(self) -> None:
        proposer = Proposed()
        result = self.call(proposer, **self.example)
        assert result.useful, result.text
        risk = self.definition().risk
        assert [(tool, its) for tool, its, _ in proposer.made] == (
            [] if risk == "read" else [(self.name, risk)]
        )
        assert result.proposed == (risk != "read")

    def test_it_asks_the_database_little(self) -> None:
        with CaptureQueriesContext(connection) as seen:
            self.call(Proposed(), **self.example)
        found = [each["sql"] for each in seen.captured_queries if not each["sql"].startswith(_TRANSACTION)]
        assert len(found) <= self.queries, found

    def test_any_argument_is_answered_or_refused(self) -> None:
        for name in self.definition().arguments.model_fields:
            for odd in _ODD:
                with suppress(InvalidInput):
                    self.call(Proposed(), **{**self.example, name: odd})

    async def test_role_below_has_no_such_tool(self) -> None:
        weak = {"read": Role.NONE, "write": Role.VIEWER, "dangerous": Role.ANALYST}[self.definition().risk]
        box = toolbox.build_toolbox(
            Person("corp", "li", "李四", weak), is_group=False, now=timezone.localtime()
        )
        result = await box.run(ToolCall("1", self.name, "{}"))
        assert "没有执行任何操作" in result.text

    def test_dangerous_is_done_by_a_connector_only(self) -> None:
        if self.definition().risk != "read":
            self.definition().plan(dict(self._proposed()))
        if self.definition().risk == "write":
            return
        with pytest.raises(InvalidInput):
            toolbox.execute(self.name, self._proposed(), Actor.system("tests"))

    def _proposed(self) -> Mapping[str, Any]:
        proposer = Proposed()
        self.call(proposer, **self.example)
        return proposer.made[0][2] if proposer.made else self.example
