"""From a sentence to what it asks for."""

import re
from datetime import datetime

from .alerts import read_alerts, read_bare_filters
from .casework import read_casework
from .commands import Command, find_command
from .contexts import drop_contexts
from .controls import find_control
from .courtesies import Request, strip_courtesies
from .entities import read_entities
from .estate import read_asset, read_assets, read_indicator
from .followups import read_item, read_pronoun, read_refinement
from .intents import ACTION_TOOLS, Intent, Understanding
from .knowledge import read_report, read_schedules, read_service
from .lexicon import Lexicon
from .manuals import read_how_to, read_manual
from .normalization import normalize, split_address
from .qualifiers import take_qualifiers
from .refusals import read_after_unwanted, refuse, refuse_several, speaks_of_action
from .response import read_response
from .scheduling import read_scheduling
from .skeletons import Kind, Skeleton
from .smalltalk import find_category
from .suggestions import suggest
from .vulnerabilities import read_vulnerabilities, read_vulnerability_id

_OVERHEARD = "这句话是对别人说的，没有执行任何操作。"
LONGEST = 300  # characters; what is longer was pasted, not asked


def understand(
    text: str, lexicon: Lexicon, now: datetime, *, asker: str = "", last: Intent | None = None
) -> Understanding:
    """What the sentence asks for; pure and deterministic, ``now`` is an aware datetime.

    ``asker`` is the staff id that 我 stands for, ``last`` the intent before, for follow-ups.
    """
    plain = normalize(text)
    if len(plain) > LONGEST:
        return Understanding(suggestions=suggest(plain), hint="这段话太长，离线模式只能理解简短的问题。")
    addressee, said = split_address(plain)
    if addressee:
        return _Reader(lexicon, now, asker, last).read_overheard(said)
    command = find_command(plain)
    if command:
        return _Reader(lexicon, now, asker, None, command=True).read_command(*command)
    return _Reader(lexicon, now, asker, last).read(plain)


class _Reader:
    """One sentence against one lexicon at one moment."""

    def __init__(
        self, lexicon: Lexicon, now: datetime, asker: str, last: Intent | None, *, command: bool = False
    ) -> None:
        self._lexicon = lexicon
        self._now = now
        self._asker = asker
        self._last = last
        self._command = command

    def read_command(self, command: Command, rest: str) -> Understanding:
        """A slash command: its sentence, read with the rest of the line."""
        plain = command.sentence.format(rest=rest).strip()
        if command.needs and not rest:
            return Understanding(
                suggestions=(command.usage, "帮助", "最近24小时有哪些高危告警"),
                hint=f"用法：{command.usage}。",
            )
        if command.tool:
            return Understanding(
                intent=Intent(command.tool, {command.argument: rest} if command.argument else {})
            )
        category = find_category(plain) if not rest else None
        if category:
            return self._talk(category)
        skeleton = self._entities(plain)
        intent = self._action(skeleton, plain)
        return Understanding(intent=intent) if intent else self.read(plain)

    def read_overheard(self, plain: str) -> Understanding:
        """What somebody else is told: a question may be answered, an order or a control word is none for the robot."""
        found = self.read(plain)
        acts = found.intent is not None and found.intent.tool in ACTION_TOOLS
        if found.control or acts:
            return Understanding(suggestions=suggest(plain, harmless=True), hint=_OVERHEARD)
        return found

    def read(self, plain: str) -> Understanding:
        """Control words and small talk, then actions in command form, then questions."""
        control = find_control(plain)
        if control and not self._lexicon.asset(control.code):
            return Understanding(control=control)
        category = find_category(plain)
        if category:
            return self._talk(category)
        request = strip_courtesies(plain)
        category = find_category(request.text) if request.text != plain else None
        if category:
            return self._talk(category)
        return self._read_request(request)

    def _read_request(self, request: Request) -> Understanding:
        plain = request.text
        skeleton = self._entities(plain)
        intent = None if request.asking else self._order(skeleton, request)
        if intent:
            return Understanding(intent=intent)
        wish = read_after_unwanted(plain)
        if wish:
            return self._question(self._entities(wish), wish)
        refusal = refuse(skeleton, plain, self._last) if speaks_of_action(skeleton) else None
        if refusal:
            return refusal
        several = refuse_several(skeleton, plain)
        if several:
            return several
        bare = plain.rstrip("?？ ,，") or plain
        return self._question(skeleton if bare == plain else self._entities(bare), bare)

    @staticmethod
    def _talk(category: str) -> Understanding:
        if category == "status":
            return Understanding(intent=Intent("service_status"))
        return Understanding(category=category)  # type: ignore[arg-type]

    def _entities(self, plain: str) -> Skeleton:
        return read_entities(plain, self._lexicon, self._now)

    def _order(self, skeleton: Skeleton, request: Request) -> Intent | None:
        """An action as it was said, or with its clauses in the usual order; 请 stands for the courtesy taken off."""
        please = "请" if request.pleading else ""
        said = Skeleton(please + skeleton.text, skeleton.entities)
        return self._action(said, please + request.text)

    def _action(self, skeleton: Skeleton, plain: str) -> Intent | None:
        return (
            read_response(skeleton, command=self._command)
            or read_casework(skeleton, self._asker, command=self._command)
            or read_scheduling(skeleton, plain, self._task)
        )

    def _task(self, task: str) -> Intent | None:
        """What a recurring sentence asks for: a question only, never an action, never a follow-up."""
        return _Reader(self._lexicon, self._now, self._asker, None).first_question(self._entities(task))

    def _question(self, skeleton: Skeleton, plain: str) -> Understanding:
        marked = take_qualifiers(skeleton)
        own = skeleton.first(
            Kind.ASSET, Kind.ASSET_IP, Kind.IP, Kind.CVE, Kind.ALERT, Kind.DOMAIN, Kind.URL, Kind.HASH
        )

        def pronoun() -> Intent | None:
            return read_pronoun(plain, self._last, lambda text: self.first_question(self._entities(text)))

        found = (
            read_item(plain, self._last)
            or (None if own else pronoun())
            or read_refinement(marked, self._last, self._now, loose=False)
            or self.first_question(skeleton)
            or read_refinement(marked, self._last, self._now, loose=True)
            or read_bare_filters(marked, self._now)
        )
        return Understanding(intent=found) if found else Understanding(suggestions=suggest(plain))

    def first_question(self, skeleton: Skeleton) -> Intent | None:
        """The first reading that fits, the most specific ones first."""
        marked = take_qualifiers(skeleton)
        if skeleton.found(Kind.ALERTS):
            return None
        return (
            (None if skeleton.first(Kind.ALERT, Kind.CVE) else read_manual(marked))
            or read_schedules(marked)
            or (self._alerts(marked) if skeleton.first(Kind.ALERT) else None)
            or read_vulnerability_id(marked)
            or read_how_to(marked)
            or read_report(marked)
            or self._listing(marked)
        )

    def _listing(self, marked: Skeleton) -> Intent | None:
        marked = drop_contexts(marked)
        readers = (read_vulnerabilities, read_indicator, read_asset, read_service, self._assets)
        if re.search(r"漏洞(?!利用|扫描|攻击)|补丁", marked.text) and not re.search(
            r"告警|报警|事件", marked.text
        ):
            return read_vulnerabilities(marked)
        return self._alerts(marked) or next((found for read in readers if (found := read(marked))), None)

    def _alerts(self, marked: Skeleton) -> Intent | None:
        return read_alerts(marked, self._lexicon, self._now, self._asker, command=self._command)

    def _assets(self, marked: Skeleton) -> Intent | None:
        return read_assets(marked, command=self._command)
