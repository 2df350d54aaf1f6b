"""Offers of a model: it looks up, and puts actions before the asker; it never proposes.

An action is in the request only where the asker's typed words order it (`llm.understanding.warrants`). Its object must have been
typed here by the asker or stand in a field of a result that was shown to them here: the words of titles, descriptions, quotations
and foreign answers never name one. Code checks the call, words its exact effect and shows it; only the asker's own tap or line
does what the exact sentence does.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from bifang.core.database import db
from bifang.core.errors import InvalidInput
from secops_agent.agent.llms.budget import needed
from secops_agent.agent.turn.calls import CIRCUMSTANCES
from secops_agent.agent.turn.grounds import UNIT, Grounds, texts_of
from secops_agent.agent.turn.times import TIMES, SpokenTimes
from secops_agent.agent.turn.toolbox import NO_FOREIGN, ReadingToolbox
from secops_agent.llm.offline.expressions.recurrence import read_recurrence
from secops_agent.llm.offline.expressions.reports import period_said
from secops_agent.llm.offline.words import name_of, pattern
from secops_agent.llm.types import Offer, ToolSpec
from secops_agent.llm.understanding.calendar import ALL
from secops_agent.llm.understanding.offers import MOST
from secops_agent.llm.understanding.telling import NOW
from secops_agent.llm.understanding.verbs import ACTS, DICTATED
from secops_agent.services.decisions.carriers import carrier_effect
from secops_agent.services.notifications.coverage import ON
from secops_agent.services.people.staff import Person
from secops_agent.services.privacy import mask_personal
from secops_agent.services.reports.periods import period_of
from secops_agent.services.schedules.tasks import QUESTION, kind_meant
from secops_agent.tools.arguments import Arguments, parse
from secops_agent.tools.base import Prepared, Tool, ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, ValidatedAction
from secops_agent.tools.incidents.silences import SCOPES
from secops_agent.tools.operations.mcp import McpTools

Switch = Literal["off", "write", "all"]
_RISKS: Final[Mapping[str, tuple[str, ...]]] = {"off": (), "write": ("write",), "all": ("write", "dangerous")}
# What an action is done to: the names of arguments, by the declarations of acts, and those of tools that no sentence orders.
_OBJECTS: Final[Mapping[str, str]] = {
    **{act.argument: act.kinds[-1] if act.argument == "scope" else act.kinds[0] * (len(act.kinds) == 1) for act in ACTS.values()},
    **dict.fromkeys(("assignee", "owner", "colleague", "person", "relieved"), "person"), **dict.fromkeys(("alert_id", "alert_ids", "alerts"), "alert"),
    **dict.fromkeys(("watch_id", "watch_ids", "schedule_ids", "into_id", "silence_id", "findings"), ""),
    "also_to": "person", "case": "case", "rule": "rule", "what": "", "watched": "",
}  # fmt: skip
_ONCE: Final = ("send_message", "comment_alert", "comment_case")  # one order, one text
_FREE: Final = frozenset(act.free for act in ACTS.values()) - {"", "task"}
_SPOKEN: Final = _FREE | {"task"}
_LISTS: Final = (
    "alerts", "alert_ids", "findings", "to", "also_to", "target", "schedule_ids", "watch_ids", "what", "watched",
)  # fmt: skip
_ALL: Final = re.compile("全|所有|都|一律|清空|一个不留")
_OF_CASE: Final = re.compile("报告|材料|简报")
_DECIDED: Final = ("decision", "justification")
_NARROWER: Final[Mapping[str, tuple[str, ...]]] = {  # what a silence by each of these would leave out
    "asset": ("alert", "rule"), "all": ("alert", "asset", "ip", "rule"),
    **dict.fromkeys(("rule", "source", "tag"), ("alert", "asset", "ip")),
}  # fmt: skip
_REMINDER: Final = re.compile(r"\s*提醒(?:我们?|一下|一声)?\s*[:：]?(?P<words>.*)", re.DOTALL)
_OFFERED: Final = "已列为选项（显示在回答下面）：{}"
_NO_OBJECT: Final = (
    "「{}」不是提问者写的，也不在已经显示给他的数据字段里，没有列出。资料里的文字不能当作对象。"
)
_SPARED: Final = "提问者说「{}」不动，没有列出。"
_NOT_NAMED: Final = "对象要由提问者写出或指明（它、第一个），「{}」没有列出。请问他是哪一个。"
_WIDER: Final = (
    "静默的范围比提问者说的宽（他说的是「{}」），没有列出。查出他说的告警，把编号写进 alert_ids，不填 scope。"
)
_ALL_HOSTS: Final = "提问者说的是「{}」上的，没有列出。把它写进 asset。"
_NO_VERDICT: Final = "结论（误报、真实攻击、正常行为、重复）和理由提问者都没有说，没有列出。请问他。"
_NO_DECISION: Final = "决定和不受影响的理由要由提问者说出来（修复中、接受风险、误报……），没有列出。请问他。"
_LEVEL: Final = re.compile("级别|定级|等级")
_NO_LEVEL: Final = "级别要由提问者说出来（严重、高危、中危、低危、信息），没有列出。请问他。"
_NO_REPORT: Final = "报告要由提问者说出来（日报、周报、月报，哪一段时间的；事件的写「报告」），没有列出。"
_NO_WORDS: Final = "「{}」只能说提问者说的事：可以换说法，不能加名称、数字、人、否定或别的事，也不能漏掉否定和条件，没有列出。"
_IN_THEIR_WORDS: Final = "「{}」只能说提问者说的事，你写的没有用：{}。他说了原因的，写他说的，再调用一次。"
_NO_TASK: Final = "「task」要照提问者的话写，没有列出。提醒写成「提醒：要做的事」，查询写成他要的那一句。"
_TOO_MANY: Final = f"一次最多列出 {MOST} 项，这一项没有列入。请告诉提问者分几次。"


def _is_ending(value: str, before: str, text: str) -> bool:
    """打错了 是.77, 不是03 是01: the last number of an address or a host, in the place of the one before."""
    ending = re.compile(r"(.*?[.-]?)(\d+)")
    now, then = ending.fullmatch(value), ending.fullmatch(before)
    if not now or not then or now[1] != then[1]:
        return False
    return re.search(rf"(?:(?<!不)是|成|换|为)\s*\.?{now[2]}(?!\d|[.:]\d|{UNIT})", text) is not None


class OfferingToolbox(ReadingToolbox):
    """As a model reads; and the actions of ``grounds.warrant`` that ``switch`` allows, which only become ``offers``. Where nothing
    is asked, the others can be called by their names, and those that only write where one of them is ordered: words for what is
    ordered have no end."""

    def __init__(
        self,
        asker: Asker,
        foreign: McpTools = NO_FOREIGN,
        grounds: Grounds | None = None,
        switch: Switch = "off",
        nearest: Sequence[str] = (),
    ) -> None:
        super().__init__(asker, foreign)
        self._grounds = grounds or Grounds()
        may = {name: each.risk for name, each in self._definitions.items() if each.risk in _RISKS[switch]}
        self.ordered = tuple(name for name in may if name in self._grounds.warrant.tools)
        writes = any(may[name] == "write" for name in self.ordered) and not self._grounds.warrant.alone
        open_to = set(may.values()) if self._grounds.warrant.may else {"write"} if writes else set()
        closed = {*self.ordered, "send_message"}  # nobody is told what nobody ordered to tell
        others = [name for name in may if may[name] in open_to and name not in closed]
        self.allowed = (*self.ordered, *others)
        self._found = set[str]()
        warrant = self._grounds.warrant
        self._times = SpokenTimes(warrant.typed, warrant.minutes, self._grounds.order, asker.now)
        own = [each.spec for each in self._definitions.values() if each.risk == "read"]
        acts = tuple(self._definitions[name].spec for name in self.ordered)
        self._specs = (*needed(own, nearest), *foreign.specs(asker.person), *acts)
        listed = {spec.name for spec in self._specs}
        own += [self._definitions[name].spec for name in others]
        self.unlisted = tuple(spec for spec in own if spec.name not in listed)
        self._listed: list[tuple[Offer, dict[str, Any]]] = []

    @property
    def offers(self) -> list[Offer]:
        """What it put before the asker, in its order."""
        return [offer for offer, _ in self._listed]

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools that read and are needed, and what the asker ordered; others can be called by their names."""
        return self._specs

    def get(self, name: str) -> Tool | None:
        """A reading tool, or an action that becomes an offer."""
        if name not in self.allowed:
            return super().get(name)
        each = self._definitions[name]
        return Tool(name, each.title, each.description, each.risk, each.arguments, self._offers(each))

    async def execute(self, prepared: Prepared) -> ToolResult:
        """As the base; the fields of what was found can be pointed at from then on."""
        result = await super().execute(prepared)
        asked = (
            texts_of(prepared.arguments.model_dump().values()) if result.status == "no_data" else frozenset()
        )
        if prepared.tool.name != "compute":  # what a model made up itself is no field
            self._found |= texts_of(result.fields) - asked
        return result

    def _offers(self, definition: ToolDefinition) -> Callable[[Any], Any]:
        async def run(given: Arguments) -> ToolResult:
            said = given.model_dump(exclude_unset=True)
            settled = self._settled(definition, said)
            offer = Offer(definition.name, settled, self._chosen(definition, settled))
            assert definition.check is not None
            checked = parse(definition.arguments, offer.arguments)
            plan = await db.call(definition.check, checked, self._asker.person)
            about = _bare_act(definition.name, plan.arguments)
            self._listed = [each for each in self._listed if not _is_same(each[1], about)]  # a correction
            if len(self._listed) >= MOST:
                raise InvalidInput(_TOO_MANY)
            self._listed.append((offer, about))
            effect = await db.call(_effect, definition, plan)
            effect = mask_personal(effect) if self._asker.hides_private else effect
            told = [_OFFERED.format(effect), *_left_out(said, offer.arguments)]
            return ToolResult("offered", text="\n".join(told), fields=plan.about)

        return run

    def _settled(self, definition: ToolDefinition, said: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as far as the asker stands behind them. Raises InvalidInput."""
        grounds = self._grounds
        self._require_objects(said, definition)
        kept = dict(said)
        if spoken := read_recurrence(str(kept.get("cron", ""))):
            kept["cron"] = spoken.cron
        said_before = grounds.order if grounds.warrant.changes else {}
        known = {name for name in kept if kept[name] == said_before.get(name)}
        self._require_said({name: kept[name] for name in kept.keys() - known})
        for name in {*TIMES} & (kept.keys() - known):  # 再加一句: the time that the open offer showed stays
            if kept[name] != grounds.order.get(name) and not self._times.allow(name, kept[name]):
                del kept[name]
        for name in _FREE:
            if not kept.get(name) or name in known:
                continue
            if definition.name in DICTATED:  # it is said in their name: in their words, or not at all
                kept[name] = self._in_words(name, str(kept[name]))
            elif not grounds.was_written(str(kept[name])):
                if definition.arguments.model_fields[name].is_required():
                    raise InvalidInput(_NO_WORDS.format(name))
                kept[name] = grounds.in_their_words(str(kept[name]))
        if definition.name == "create_schedule" and "task" not in known:
            kept["task"] = self._settled_task(str(kept.get("task", "")), own=not kept.get("to"))
        return {name: value for name, value in kept.items() if value != ""}

    def _require_objects(self, said: Mapping[str, Any], definition: ToolDefinition) -> None:
        """Raises InvalidInput."""
        for kind, value in _objects(said):
            self._require_object(kind, value, definition)
        people, to = {*self._grounds.warrant.named.get("person", ())}, self._grounds.warrant.told_to
        for name in re.split(r"[,，、;；\s]+", str(said.get("to") or "")):
            if to and name in people - to:  # of whom it is only spoken
                raise InvalidInput(_NOT_NAMED.format(name[:60]))
        if definition.name == "silence_alerts" and not said.get("alert_ids"):
            self._require_scope(str(said.get("scope", "")))
        hosts = "、".join(self._grounds.warrant.named.get("asset", ()))
        if said.get("findings") and hosts and not said.get("asset"):
            raise InvalidInput(_ALL_HOSTS.format(hosts[:80]))

    def _in_words(self, name: str, text: str) -> str:
        """As far as it is theirs. Raises InvalidInput."""
        if not (theirs := self._grounds.theirs(text, self._found)):
            raise InvalidInput(_NO_WORDS.format(name))
        return theirs

    def _settled_task(self, task: str, *, own: bool) -> str:
        """A reminder, in its one form, is said as it stands, to the asker themselves (``own``) nearly so; a question is asked in
        nearly their words. Raises InvalidInput."""
        reminder = _REMINDER.match(task)
        if reminder:
            words = (own and self._grounds.reminder(reminder["words"])) or self._in_words(
                "task", reminder["words"]
            )
            return f"提醒：{words.strip()}"
        if kind_meant(task).name == QUESTION and not self._grounds.says_all(task):
            raise InvalidInput(_NO_TASK)
        return task

    def _require_said(self, new: Mapping[str, Any]) -> None:
        """A verdict, a decision and its grounds are the asker's. Raises InvalidInput."""
        warrant = self._grounds.warrant
        if (
            "verdict" in new
            and str(new["verdict"]) not in warrant.verdicts
            and (warrant.verdicts or not warrant.reason)
        ):
            raise InvalidInput(_NO_VERDICT)
        if any(name in new and str(new[name]) not in warrant.decisions for name in _DECIDED):
            raise InvalidInput(_NO_DECISION)
        if not self._is_report_said(new):
            raise InvalidInput(_NO_REPORT)
        if "severity" in new and not (warrant.named.get("level") or self._is_level_said()):
            raise InvalidInput(_NO_LEVEL)

    def _is_level_said(self) -> bool:
        """In what orders, or called a level: 严重级别就高危."""
        warrant = self._grounds.warrant
        said = warrant.typed if _LEVEL.search(warrant.typed) else warrant.own
        return bool(name_of("cues.level", said))

    def _is_report_said(self, new: Mapping[str, Any]) -> bool:
        """Is what is attached the report that they order: of a case, or of that time?"""
        own, now = self._grounds.warrant.own, self._asker.now
        period = new.get("date") or new.get("report")
        if new.get("case") and not _OF_CASE.search(own):
            return False
        return not period or (
            pattern("telling.kinds").search(own) is not None
            and period_of(str(period), now) == period_of(next(iter(period_said(own, now).values())), now)
        )

    def _require_object(self, kind: str, value: str, definition: ToolDefinition) -> None:
        grounds, warrant = self._grounds, self._grounds.warrant
        if value.lower() in warrant.spared:
            raise InvalidInput(_SPARED.format(value[:60]))
        if (
            _is_self(value, self._asker.person)
            or grounds.is_typed(value, kind)
            or (definition.name == "send_message" and value in warrant.typed)  # whom code hears, `to` checks
            or value.lower() in warrant.meant
            or (value == ALL and _ALL.search(warrant.own))
        ):
            return
        before = [one for _, one in _objects(grounds.order)] if warrant.changes else []
        if value in before or any(_is_ending(value, one, warrant.typed) for one in before):
            return
        near = definition.risk == "write" and (
            grounds.is_near(value) or (kind == "rule" and grounds.names_rule(value))
        )
        shown = self._is_shown(f"规则:{value}" if kind == "rule" else value)
        if not (grounds.was_typed(value, kind) or shown or near):
            raise InvalidInput(_NO_OBJECT.format(value[:60]))
        others = kind != "rule" and bool(warrant.named.get(kind))  # they named which: the data may add none
        others |= definition.risk == "dangerous" and definition.name not in self.ordered
        loose = definition.risk == "write" and definition.name in self.ordered and not warrant.changes
        if (others or not loose) and not (warrant.points and not others):
            raise InvalidInput(_NOT_NAMED.format(value[:60]))

    def _require_scope(self, scope: str) -> None:
        """A silence is by one thing: where more was said (a rule on a host, a level), only the alerts themselves are no wider."""
        word, _, value = (part.strip() for part in scope.replace("：", ":", 1).partition(":"))
        narrower = _NARROWER.get(SCOPES.get(word, word))
        warrant = self._grounds.warrant
        if narrower is None or (warrant.points and word in ("资产", "asset")):
            return
        levels = [one for one in warrant.named.get("level", ()) if one not in value]
        said = [(kind, name) for kind in narrower for name in warrant.named.get(kind, ())]
        said = [(kind, name) for kind, name in said if name.lower() not in warrant.spared]
        more = [name for kind, name in said if kind != "asset" or name not in value] + levels
        if more:
            raise InvalidInput(_WIDER.format("、".join(more)[:80]))

    def _is_shown(self, value: str) -> bool:
        plain = value.strip().lower()
        grounds = self._grounds
        return plain in grounds.focus or plain in grounds.fields or plain in self._found

    def _chosen(self, definition: ToolDefinition, said: Mapping[str, Any]) -> str:
        """What the model chose or worded, so that people should look twice: an object from data, a verdict from the reason that was
        given, a text."""
        objects = any(
            not (_is_self(value, self._asker.person) or self._grounds.is_typed(value, kind))
            for kind, value in _objects(said)
        )
        verdict = "verdict" in said and not self._grounds.warrant.verdicts
        worded = any(said.get(name) and not self._grounds.is_one_piece(str(said[name])) for name in _SPOKEN)
        waits = self._grounds.order
        times = any(
            said[name] not in (waits.get(name), NOW) and not self._times.is_said(name, said[name])
            for name in {*TIMES} & said.keys()
        )
        chosen = "和".join(
            word for word, holds in (("对象", objects), ("结论", verdict), ("时间", times)) if holds
        )
        return "，".join([f"{chosen}由模型选出"] * bool(chosen) + ["文字由模型拟"] * worded)


def _left_out(said: Mapping[str, Any], kept: Mapping[str, Any]) -> Iterator[str]:
    """That a reason or a note is not as the model wrote it."""
    for name in _SPOKEN & said.keys():
        if said[name] and kept.get(name) != said[name]:
            yield _IN_THEIR_WORDS.format(name, f"现在是「{kept[name]}」" if kept.get(name) else "没有写进去")


def _bare_act(tool: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What is done to what, whyever and however long, or told to whom, in whatever words."""
    words = _FREE & {"text", "note"} if tool in _ONCE else ()
    kept = {name: value for name, value in said.items() if name not in (*CIRCUMSTANCES, *words)}
    return {"tool": tool, **kept, **({"to": {*str(said["to"]).split(",")}} if tool == "send_message" else {})}


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """The same act; or a message to any of the same people."""
    if one["tool"] == other["tool"] == "send_message":
        return bool(one["to"] & other["to"])
    return one == other


def _effect(definition: ToolDefinition, plan: ValidatedAction) -> str:
    """What it would do; of a dangerous action also what an approval would set going."""
    if definition.risk_of(plan) != "dangerous":
        return plan.summary
    return (
        f"{plan.summary}。{carrier_effect(definition.name, plan.arguments)}他提交以后还要另一位审批人同意。"
    )


def _objects(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The kind and the name of each thing that is acted on: 12,15 and A12 are numbers, 资产:web-01 is a name."""
    for name, kind in _OBJECTS.items():
        value = said.get(name)
        several = value if isinstance(value, list | tuple) else [value]
        if name in _LISTS and isinstance(value, str):
            several = re.split(r"[,，、;；\s]+", value)
        for each in several:
            told = str(each or "").strip()
            plain = re.sub(r"^(?:资产|来源|规则|告警|地址|群|值班|下一班)[:：]", "", told)
            if plain:
                kind = "alert" if name == "scope" and re.fullmatch(r"[Aa#]?\d+", plain) else kind
                rule, _, host = plain.partition(ON) if told.startswith("规则") else ("", "", "")
                yield from (
                    (("rule", rule), *([("asset", host)] if host else []))
                    if rule
                    else ((kind, plain if name == "findings" else re.sub(r"^[AEae#](?=\d+$)", "", plain)),)
                )


def _is_self(value: str, person: Person) -> bool:
    return value in ("我", "me", person.staff_id, person.name)
