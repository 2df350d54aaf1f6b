"""People, a configuration and turns, for tests of what people decide."""

import asyncio
import itertools
from typing import Any

from bifang.channels.cards import repository
from bifang.channels.cards.content import place_of
from bifang.channels.cards.models import Card
from bifang.channels.models import InboxRow, OutboxRow, State
from bifang.channels.ports import Incoming, ReplyTarget, TurnResult
from bifang.channels.queues import inbox, outbox
from bifang.channels.queues.inbox import claim, finish
from bifang.channels.workers.consumer import Silent
from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.configuration.kinds import corporation_key, get_kind
from bifang.core.database.rows import insert_many
from bifang.core.models import Switch, SystemConfig
from secops_agent.agent.acting.attachments import Attachment
from secops_agent.agent.service import Agent, Talk
from secops_agent.agent.turn import toolbox
from secops_agent.models import Proposal, Role, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.decisions import approvals
from secops_agent.services.decisions.proposals import Proposals, buttons_of
from secops_agent.services.decisions.requests import Decision, DecisionRequest, Executors, Origin
from secops_agent.services.people.staff import Person, find_person
from tests.secops.inventory_aid import alert, store

GROUP = "cid-group"
_numbers = itertools.count(1)
ROLES = {
    "zhang": "admin",
    "li": "analyst",
    "wang": "approver",
    "zhao": "responder",
    "sun": "approver",
    "wu": "viewer",
}


def company(corp_id: str = "corp", kind: str = "dingtalk") -> SystemConfig:
    """Six people and a configuration of a chat platform that knows their corporation."""
    for staff_id, role in ROLES.items():
        Staff.objects.create(staff_id=staff_id, name=f"{staff_id}先生", role=role, corp_id=corp_id)
    return robot(corp_id, kind)


def robot(corp_id: str, kind: str, name: str = "") -> SystemConfig:
    """A configuration of a chat platform that knows its corporation."""
    values = {"client_id": f"app{next(_numbers)}", "client_secret": "s" * 20, corporation_key(kind): corp_id}
    return configs.save(kind, name or get_kind(kind).label, True, values)[0]


def some_alert() -> int:
    """An open alert; its number."""
    return next(iter(store(alert("k")).created_ids["alert"]))


def switch(name: str, on: bool = True) -> None:
    """Turn a switch."""
    Switch.objects.update_or_create(name=name, defaults={"on": on})


def propose(
    config: SystemConfig,
    who: str,
    tool: str = "block_ip",
    risk: str = "dangerous",
    arguments: dict[str, Any] | None = None,
    conversation: str = GROUP,
    is_group: bool = True,
) -> str:
    """Something proposed and stored; its code."""
    person = find_person("corp", who)
    assert person is not None
    target = ReplyTarget(conversation, is_group, who, "robot")
    origin = Origin(config.pk, conversation, is_group, None, target)
    proposals = Proposals(person, origin, Actor.person(person, "dingtalk"))
    given = {"ip": "203.0.113.5"} if arguments is None else arguments
    code = proposals.propose(tool, "封禁 IP", risk, given, f"封禁 {given}")
    for row in proposals.rows:
        insert_many(row.model, [row.values])
    return code


def show_card(
    config: SystemConfig, code: str, track_id: str, staff_id: str = "", conversation: str = GROUP
) -> str:
    """A card with the proposal's buttons, sent to the group or to one person; its code again."""
    target = ReplyTarget("" if staff_id else conversation, is_group=not staff_id, staff_id=staff_id)
    key = f"proposal:{the(code).pk}:asked:{track_id}"
    outbox.notify(config.pk, target, code, key=key, buttons=buttons_of(the(code)))
    row, place = OutboxRow.objects.get(key=f"note:{key}"), place_of(target)
    held = repository.take(outbox.part_of(row), place) if place else None
    assert held is not None
    repository.finish(held.pk, code)
    Card.objects.filter(pk=held.pk).update(out_track_id=track_id)
    OutboxRow.objects.filter(pk=row.pk).update(state=State.DONE, route="card")
    return code


class Deeds:
    """Stands for the tools: remembers what was done and checked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done: list[tuple[str, dict[str, Any], str]] = []
        self.checked: list[str] = []
        self.error = error

    @property
    def executors(self) -> Executors:
        """As `decide` takes it."""
        return Executors(self._execute, self._check)

    def _execute(self, tool: str, arguments: Any, actor: Any, origin: Origin) -> str:
        if self.error:
            raise self.error
        self.done.append((tool, dict(arguments), actor.name))
        return "做好了"

    def _check(self, tool: str, arguments: Any) -> None:
        self.checked.append(tool)
        if self.error:
            raise self.error


def decision_request(config: SystemConfig, code: str, verdict: str, who: str, **more: Any) -> DecisionRequest:
    """A verdict; each through a message of its own unless said."""
    person = find_person("corp", who) or find_person("", who)
    values = {
        "conversation_id": GROUP,
        "is_group": True,
        "through": f"chat:m{next(_numbers)}",
        "via": "dingtalk",
    } | more
    return DecisionRequest(code, verdict, person or _stranger(who), config.pk, **values)


def _stranger(who: str) -> Any:
    return Person("corp", who, who, Role.NONE)


def decide(
    config: SystemConfig, code: str, verdict: str, who: str, deeds: Deeds | None = None, **more: Any
) -> Decision:
    """Decide as somebody."""
    return approvals.decide(
        decision_request(config, code, verdict, who, **more), (deeds or Deeds()).executors
    )


REAL = Executors(toolbox.execute, toolbox.plan)


async def say(
    agent: Agent,
    config: SystemConfig,
    who: str,
    text: str,
    conversation: str = GROUP,
    is_group: bool = True,
    corp: str = "corp",
    quoted: str = "",
    attachment: Attachment | None = None,
) -> TurnResult:
    """A message from its receipt to the stored result, as the dispatcher does it."""
    from bifang.core.database import db

    target = ReplyTarget(conversation, is_group, who, "robot")
    item = Incoming(config.pk, "chat", f"m{next(_numbers)}", conversation, who, text, {}, target)
    await db.call(inbox.store, [item])
    (turn,) = await db.call(claim, "me", 10)
    ai_configs = tuple(filter(None, [config.ai_config_id]))
    sender = Person(corp, who, who, Role.NONE)
    talk = Talk(sender, text, is_group=is_group, ai_configs=ai_configs, quoted=quoted, attachment=attachment)
    result = await agent.answer(turn, talk, Silent())
    assert await db.call(finish, [(turn, result)]) == [True]
    return result


def new_agent(**more: Any) -> Agent:
    """An agent of this loop."""
    return Agent(ConfigCache(), **more)


def talk(config: SystemConfig, *lines: tuple[str, str], **more: Any) -> list[str]:
    """Several people say something; the first reply to each."""

    async def run() -> list[str]:
        agent = new_agent()
        try:
            return [(await say(agent, config, who, text, **more)).replies[0].text for who, text in lines]
        finally:
            await agent.close()

    return asyncio.run(run())


def told() -> list[str]:
    """Every message to send, in order."""
    return list(OutboxRow.objects.order_by("pk").values_list("text", flat=True))


def the(code: str) -> Proposal:
    """The proposal."""
    return Proposal.objects.get(code=code)


def inbox_rows() -> int:
    """How many messages there are."""
    return InboxRow.objects.count()
