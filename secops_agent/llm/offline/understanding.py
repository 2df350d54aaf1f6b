"""From a sentence to what it asks for."""

from dataclasses import dataclass, replace
from datetime import datetime

from .actions import read_action
from .commands import SlashCommand, find_command, read_again, spell_out
from .controls import find_control
from .entities import read_entities
from .filters import take_filters
from .followups import read_follow_up, read_more, read_refinement
from .hints import hint, refuse, suggest
from .intents import ACTION_TOOLS, READ_TOOLS, Intent, Understanding, Wish
from .leftovers import find_unused
from .lexicon import Lexicon
from .normalization import BareRequest, normalize, split_address, strip_courtesies
from .offers import make_offer
from .questions import Asked, build, is_clear, is_likely, possible, rank, read_exact, read_question
from .skeletons import Kind, Skeleton
from .words import name_of, pattern

LONGEST = 300  # characters; what is longer was pasted, not asked


def understand(
    text: str, lexicon: Lexicon, now: datetime, *, asker: str = "", last: Intent | None = None
) -> Understanding:
    """What the sentence asks for. ``now`` is aware, ``asker`` the staff id that 我 means, ``last`` the intent before."""
    plain = spell_out(normalize(text))
    reader = _Reader(lexicon, now, asker, last)
    if len(plain) > LONGEST:
        return Understanding(suggestions=suggest(Skeleton("")), hint=hint("long"), guessed=True)
    addressee, said = split_address(plain)
    if addressee:
        return reader.read_overheard(said)
    if again := read_again(plain):
        return reader.read_again(*again)
    command = find_command(plain)
    return reader.read_command(*command) if command else reader.read(plain)


def nearest_tools(text: str, lexicon: Lexicon, now: datetime) -> tuple[str, ...]:
    """The tools that read, the most probable first: for a model that is to choose among many."""
    plain = spell_out(normalize(text[:LONGEST]))
    command = find_command(plain)
    named = command[0].tools if command else []
    said = command[0].sentence.format(rest=command[1]) if command else strip_courtesies(plain).text
    ranked = rank(take_filters(read_entities(said, lexicon, now)))
    return tuple(
        tool for tool in dict.fromkeys([*named, *(tool for _, tool in ranked)]) if tool in READ_TOOLS
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """One sentence against one lexicon at one moment."""

    lexicon: Lexicon
    now: datetime
    asker: str
    last: Intent | None
    command: bool = False

    def read_command(self, command: SlashCommand, rest: str) -> Understanding:
        """A slash command: one of its tools with the rest of the line, or an order."""
        if command.needs and not rest:
            examples = (command.usage, "帮助", "最近24小时有哪些高危告警")
            return Understanding(suggestions=examples, hint=f"用法：{command.usage}。")
        if command.verbatim:
            return Understanding(intent=Intent(command.tools[0], {command.verbatim: rest}))
        plain = command.sentence.format(rest=rest).strip()
        reader = replace(self, command=True, last=None)
        skeleton = read_entities(plain, self.lexicon, self.now)
        order = reader._action(skeleton, BareRequest(plain)) if rest else None
        if order and order.certain:
            return Understanding(intent=order.intent)
        asked = reader._asked(skeleton)
        tool = next((tool for tool in command.tools if possible(tool, asked.skeleton)), "")
        intent = build(tool, asked) if tool else None
        return Understanding(intent=intent) if intent else reader.read(plain)

    def read_again(self, value: str, is_account: bool) -> Understanding:
        """One more look at what is named: as what it is, else wherever it was seen."""
        known = not is_account and read_entities(value, self.lexicon, self.now).entities
        if known or value.isdecimal():
            return self.read(value)
        return Understanding(intent=Intent("lookup_indicator", {"value": value}))

    def read_overheard(self, plain: str) -> Understanding:
        """What somebody else is told: a question may be answered, an order or a control word is none for the robot."""
        found = self.read(plain)
        acts = found.intent and found.intent.tool in ACTION_TOOLS
        if found.control or acts or found.offer:
            return Understanding(suggestions=suggest(Skeleton(plain), harmless=True), hint=hint("overheard"))
        return found

    def read(self, plain: str) -> Understanding:
        """Control words and small talk, then orders and offers, then questions."""
        control = find_control(plain)
        if control and not self.lexicon.asset(control.code):
            return Understanding(control=control)
        request = strip_courtesies(plain)
        talk = _find_category(plain) or _find_category(request.text)
        if talk:
            return talk
        skeleton = read_entities(request.text, self.lexicon, self.now)
        action = None if request.asking else self._action(skeleton, request)
        if action and action.certain:
            return Understanding(intent=action.intent)
        if not action and not request.asking:
            action, skeleton = self._numbered(request, skeleton)
        asked = self._asked(Skeleton(skeleton.text.rstrip("?？ ,，") or skeleton.text, skeleton.entities))
        if action and is_likely(action.intent.tool, asked.skeleton):
            return Understanding(offer=make_offer(action))
        return refuse(skeleton, self.last) or self._question(asked)

    def _action(self, skeleton: Skeleton, request: BareRequest) -> Wish | None:
        """请 stands for the courtesy taken off."""
        please = "请" if request.pleading else ""
        said = Skeleton(please + skeleton.text, skeleton.entities)
        return read_action(said, please + request.text, self.asker, self._task, command=self.command)

    def _numbered(self, request: BareRequest, said: Skeleton) -> tuple[Wish | None, Skeleton]:
        """The order that it would be if its one number, which nothing names, were an alert's: to be asked, never done."""
        text, count = pattern("entities.bare_number").subn(r"告警 \g<0>", request.text)
        if count != 1 or any(one.kind is not Kind.PERSON for one in said.entities.values()):
            return None, said
        action = self._action(
            named := read_entities(text, self.lexicon, self.now), replace(request, text=text)
        )
        return (replace(action, certain=False), named) if action else (None, said)

    def _task(self, task: str) -> Intent | None:
        """What a recurring sentence asks for: a question only, never an action, never a follow-up."""
        command = find_command(spell_out(task))
        if command and command[0].tools == ["noisy_rules"]:
            return Intent("noisy_rules")
        return read_question(self._asked(read_entities(task, self.lexicon, self.now)))

    def _asked(self, skeleton: Skeleton) -> Asked:
        return Asked(take_filters(skeleton), self.lexicon, self.now, self.asker, self.command)

    def _question(self, asked: Asked) -> Understanding:
        last, text = self.last, asked.skeleton.text
        plain = asked.skeleton.expand(text)
        if exact := read_exact(asked):
            return Understanding(intent=exact, unused=find_unused(asked, exact))
        if pattern("followups.more").match(text.strip(" 。.!！")):
            more = read_more(last)
            return Understanding(
                intent=more, suggestions=suggest(asked.skeleton), hint="" if more else hint("no_list")
            )
        found = read_follow_up(asked.skeleton, plain, last, self.now, self._task) if last else None
        unclear = pattern("followups.starts").search(text) and not pattern("followups.topic").search(text)
        guessed = False
        unused: tuple[str, ...] = ()
        if not found and (last or not unclear):
            found = read_question(asked)
            guessed = found is not None and not is_clear(asked.skeleton)
            unused = find_unused(asked, found) if found else ()
        if not found and last:
            found = read_refinement(asked.skeleton, last, self.now, loose=True)
        if found:
            return Understanding(intent=found, guessed=guessed, unused=unused)
        return Understanding(suggestions=suggest(asked.skeleton))


def _find_category(text: str) -> Understanding | None:
    """The kind of small talk that the whole text is."""
    bare = text.strip() if not text.strip("?") else text.strip(" ,.!?;:~、。，！？；：…")
    bare = pattern("talk.greeting_first").sub("", bare) or bare
    kind = name_of("talk.category", bare)
    if kind == "status":
        return Understanding(intent=Intent("service_status"))
    return Understanding(category=kind) if kind else None
