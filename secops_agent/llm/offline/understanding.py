"""From a sentence to what it asks for."""

from dataclasses import dataclass, replace
from datetime import datetime

from .actions import read_action
from .commands import Command, find_command
from .controls import find_control
from .courtesies import Request, strip_courtesies
from .entities import read_entities
from .filters import take_filters
from .followups import read_item, read_pronoun, read_refinement
from .hints import refuse, refuse_several, suggest
from .intents import ACTION_TOOLS, Action, Intent, Understanding
from .lexicon import Lexicon
from .normalization import normalize, split_address
from .offers import make_offer
from .questions import Asked, build, possible, rank, read_question
from .skeletons import Kind, Skeleton
from .words import load, pattern

LONGEST = 300  # characters; what is longer was pasted, not asked
_OVERHEARD = "这句话是对别人说的，没有执行任何操作。"
_OWN = (Kind.ASSET, Kind.ASSET_IP, Kind.IP, Kind.CVE, Kind.ALERT, Kind.DOMAIN, Kind.URL, Kind.HASH)


def understand(
    text: str, lexicon: Lexicon, now: datetime, *, asker: str = "", last: Intent | None = None
) -> Understanding:
    """What the sentence asks for; pure and deterministic, ``now`` is an aware datetime.

    ``asker`` is the staff id that 我 stands for, ``last`` the intent before, for follow-ups.
    """
    plain = normalize(text)
    reader = _Reader(lexicon, now, asker, last)
    if len(plain) > LONGEST:
        return Understanding(suggestions=suggest(plain), hint="这段话太长，离线模式只能理解简短的问题。")
    addressee, said = split_address(plain)
    if addressee:
        return reader.read_overheard(said)
    command = find_command(plain)
    return reader.read_command(*command) if command else reader.read(plain)


@dataclass(frozen=True, slots=True)
class _Reader:
    """One sentence against one lexicon at one moment."""

    lexicon: Lexicon
    now: datetime
    asker: str
    last: Intent | None
    command: bool = False

    def read_command(self, command: Command, rest: str) -> Understanding:
        """A slash command: one of its tools with the rest of the line, or an order."""
        if command.needs and not rest:
            return _usage(command)
        if command.verbatim:
            return Understanding(intent=Intent(command.tools[0], {command.verbatim: rest}))
        plain = command.sentence.format(rest=rest).strip()
        reader = replace(self, command=True, last=None)
        order = reader._action(Request(plain)) if rest else None
        if order and order.certain:
            return Understanding(intent=order.intent)
        asked = reader._asked(plain)
        tool = next((tool for tool in command.tools if possible(tool, asked.skeleton)), "")
        intent = build(tool, asked) if tool else None
        return Understanding(intent=intent) if intent else reader.read(plain)

    def read_overheard(self, plain: str) -> Understanding:
        """What somebody else is told: a question may be answered, an order or a control word is none for the robot."""
        found = self.read(plain)
        acts = found.intent is not None and found.intent.tool in ACTION_TOOLS
        if found.control or acts or found.offer:
            return Understanding(suggestions=suggest(plain, harmless=True), hint=_OVERHEARD)
        return found

    def read(self, plain: str) -> Understanding:
        """Control words and small talk, then orders, then questions."""
        control = find_control(plain)
        if control and not self.lexicon.asset(control.code):
            return Understanding(control=control)
        request = strip_courtesies(plain)
        for text in dict.fromkeys((plain, request.text)):
            talk = _find_category(text)
            if talk:
                return talk
        return self._read_request(request)

    def _read_request(self, request: Request) -> Understanding:
        action = None if request.asking else self._action(request)
        if action and action.certain:
            return Understanding(intent=action.intent)
        bare = request.text.rstrip("?？ ,，") or request.text
        asked = self._asked(bare)
        likely = rank(asked.skeleton)[0][1]
        if action and likely == action.intent.tool:
            return Understanding(offer=make_offer(action.intent, action.when))
        skeleton = self._entities(request.text)
        return (
            refuse(skeleton, request.text, self.last)
            or refuse_several(skeleton, request.text)
            or self._question(asked, bare)
        )

    def _action(self, request: Request) -> Action | None:
        """请 stands for the courtesy taken off."""
        plain = ("请" if request.pleading else "") + request.text
        return read_action(self._entities(plain), plain, self.asker, self._task, command=self.command)

    def _task(self, task: str) -> Intent | None:
        """What a recurring sentence asks for: a question only, never an action, never a follow-up."""
        return read_question(self._asked(task))

    def _entities(self, plain: str) -> Skeleton:
        return read_entities(plain, self.lexicon, self.now)

    def _asked(self, plain: str) -> Asked:
        return Asked(take_filters(self._entities(plain)), self.lexicon, self.now, self.asker, self.command)

    def _question(self, asked: Asked, plain: str) -> Understanding:
        last, skeleton = self.last, asked.skeleton
        found = None
        if last:
            own = skeleton.first(*_OWN)
            found = (
                read_item(plain, last)
                or (None if own else read_pronoun(plain, last, self._task))
                or read_refinement(skeleton, last, self.now, loose=False)
            )
        unclear = (
            not last
            and pattern("followups.starts").search(plain)
            and not pattern("followups.topic").search(plain)
        )
        found = found or (None if unclear else read_question(asked))
        if last:
            found = found or read_refinement(skeleton, last, self.now, loose=True)
        return Understanding(intent=found) if found else Understanding(suggestions=suggest(plain))


def _usage(command: Command) -> Understanding:
    examples = (command.usage, "帮助", "最近24小时有哪些高危告警")
    return Understanding(suggestions=examples, hint=f"用法：{command.usage}。")


def _find_category(text: str) -> Understanding | None:
    """The kind of small talk that the whole text is."""
    bare = text.strip() if text.strip("?") == "" else text.strip(" ,.!?;:~、。，！？；：…")
    bare = pattern("talk.greeting_first").sub("", bare) or bare
    for name in load("talk")["category"]:
        if pattern(f"talk.category.{name}").fullmatch(bare):
            return (
                Understanding(intent=Intent("service_status"))
                if name == "status"
                else Understanding(category=name)
            )
    return None
