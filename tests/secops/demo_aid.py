"""The demo estate, a copy of it for the tests of a module, and talks with the agent over it."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bifang.channels.ports import Draft, ReplyTarget, Turn
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.errors import ConfigError
from secops_agent.agent.service import Agent, Talk
from secops_agent.agent.turn.outcome import TurnOutcome
from secops_agent.agent.turn.toolbox import build_toolbox
from secops_agent.demo.loading import load
from secops_agent.models import Role
from secops_agent.services.people.staff import Person, find_person
from secops_agent.tools.base import ToolResult
from tests.databases import Database, Templates
from tests.first import first_of_all
from tests.scripted_model import Scripted, ScriptedModels, call

MINUTES_10 = 600


@pytest.fixture(scope="module")
def demo(
    templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Database]:
    home = tmp_path_factory.mktemp("demo") / "var"
    with django_db_blocker.unblock():
        # Loaded anew every few minutes: much is asked about the last hours.
        place = templates.home / f"demo-{int(time.time()) // MINUTES_10}"
        shutil.copytree(first_of_all(place, partial(_load, templates)), home)
        with templates.database("sqlite", home) as database:
            yield database


def _load(templates: Templates, data_dir: Path) -> None:
    with templates.database("sqlite", data_dir):
        load()


class Proposals:
    """A proposer that remembers what was proposed."""

    def __init__(self, refuse: str = "") -> None:
        self.made: list[tuple[str, str, dict[str, Any]]] = []
        self._refuse = refuse

    def propose(self, tool: str, title: str, risk: Any, arguments: Any, summary: str) -> str:
        if self._refuse:
            raise ConfigError(self._refuse)
        self.made.append((tool, risk, dict(arguments)))
        return f"C{len(self.made):04d}"


def person(staff_id: str = "manager01") -> Person:
    found = find_person("", staff_id)
    assert found is not None
    return found


def use(
    name: str, /, *, as_: str = "manager01", group: bool = False, proposer: Any = None, **arguments: Any
) -> ToolResult:
    """One tool called as the model would."""
    from django.utils import timezone

    given = {"proposer": proposer} if proposer else {}
    toolbox = build_toolbox(person(as_), is_group=group, now=timezone.localtime(), **given)
    return asyncio.run(toolbox.run(call(name, **arguments)))


def agent(script: Any = None, **options: Any) -> Agent:
    """An agent whose model is the script; the offline mode without one."""
    if script is not None:
        options["models"] = ScriptedModels(script if isinstance(script, Scripted) else Scripted(script))
    return Agent(ConfigCache(), **options)


def talk(
    text: str, script: Any = None, *, as_: str = "manager01", grammar_first: bool = True, **more: Any
) -> TurnOutcome:
    asked = agent(script, grammar_first=grammar_first)
    return asyncio.run(asked.converse(Talk(person(as_), text, **more)))


def asking(
    text: str, *, as_: str = "manager01", group: bool = False, conversation: str = "cid1", **more: Any
) -> tuple[Turn, Talk]:
    target = ReplyTarget(
        conversation, is_group=group, staff_id=as_, robot_code="robot", webhook="https://example/x"
    )
    turn = Turn(1, "lease", 1, 1, "chat", "m1", conversation, as_, text, {}, target, 0)
    sender = Person("", as_, more.pop("nick", as_), Role.NONE)
    return turn, Talk(sender, text, is_group=group, **more)


class Sink:
    """Remembers what was shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.texts: list[str] = []

    def progress(self, text: str) -> None:
        self.lines.append(text)

    def stream(self, text: Draft) -> None:
        self.texts.append(text if isinstance(text, str) else text())


Answer = Callable[..., Any]
