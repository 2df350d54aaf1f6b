"""What a conversation named and showed to one asker: what 它, 那台, 第二条 and 王五呢 mean.

A focus belongs to one (conversation, asker). It holds the last look-up, the last things of each kind, and an order that
still lacks something or waits as an offer.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from secops_agent.llm.offline.expressions.skeletons import Kind, MaskedName, Skeleton
from secops_agent.llm.offline.followups import NOUNS, last_list
from secops_agent.llm.offline.intents import Intent

# The kinds that a sentence can refer to, and the arguments that tools call them by.
KINDS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "alert": (Kind.ALERT, Kind.NUMBER),
    "ip": (Kind.IP, Kind.DOMAIN, Kind.URL, Kind.HASH),
    "asset": (Kind.ASSET, Kind.ASSET_IP, Kind.HOST),
    "cve": (Kind.CVE,),
    "case": (Kind.CASE,),
    "person": (Kind.PERSON,),
    "finding": (Kind.FINDING,),
}
ARGUMENTS: Final[Mapping[str, str]] = {
    "alert_id": "alert", "ip": "ip", "value": "ip", "asset": "asset", "cve_id": "cve", "case_id": "case", "assignee": "person",
    "findings": "finding", "person": "person",
}  # fmt: skip
_LISTED: Final[Mapping[str, str]] = {
    "list_alerts": "alert", "list_assets": "asset", "affected_assets": "asset", "list_vulnerabilities": "cve",
    "list_findings": "finding", "get_case": "alert", "get_asset": "alert",
}  # fmt: skip
WRITTEN: Final = {"alert": "告警 {}", "case": "事件 {}"}
_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Focus:
    """``named``: the last things of a kind, the newest kind last; ``order``: what was ordered and not done, perhaps incomplete;
    ``beside``: the other actions of that offer; ``held``: those of an offer behind which something was looked up; ``just``: the kind of
    what the last sentence named."""

    last: Intent | None = None
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    order: Intent | None = None
    beside: tuple[Intent, ...] = ()
    just: str = ""
    held: tuple[Intent, ...] = ()

    def of(self, kind: str) -> tuple[str, ...]:
        """What a reference to this kind means."""
        return self.named.get(kind, ())

    @property
    def newest(self) -> str:
        """The kind that was spoken of last; "" for nothing."""
        return next(reversed(list(self.named)), "")

    @property
    def thing(self) -> str:
        """The one thing that the last sentence named, as it is written; "" for none, for several, and for a person."""
        values = self.of(self.just) if self.just not in ("", "person") else ()
        return WRITTEN.get(self.just, "{}").format(values[0]) if len(values) == 1 else ""

    @property
    def host(self) -> str:
        """The host that the last look-up was about, or that was named last; "" for none."""
        asked = str({**self.last.about, **self.last.arguments}.get("asset", "")) if self.last else ""
        return asked or (self.of("asset")[-1] if self.newest == "asset" else "")

    def is_about(self, value: str) -> bool:
        """Is it what was listed, ordered or named last? Beside the card of one thing whatever was named stays meant."""
        if self.last is None or self.last.tool not in NOUNS:
            return True
        ordered = (one.arguments for one in (self.order, *self.beside) if one)
        grouped = (
            "group_by" in self.last.arguments
        )  # 哪台最多: the first of them is meant, not what they are of
        shown = (*ordered,) if grouped else (self.last.arguments, self.last.about, *ordered)
        told = [*self.last.items, *(str(one) for each in shown for one in each.values())]
        said = {part.removeprefix("A") for one in told for part in re.split("[:,]", one)}
        return value in said or value in self.of(self.just)

    def rows(self, places: Iterable[int]) -> tuple[str, tuple[str, ...]]:
        """The kind and the things at these places of the last list; ("", ()) without it."""
        listed = last_list(self.last)
        if listed is None or listed.tool not in _LISTED:
            return "", ()
        found = [listed.items[i] for i in places if -len(listed.items) <= i < len(listed.items)]
        kind = "cve" if listed.arguments.get("group_by") == "cve" else _LISTED[listed.tool]
        return kind, tuple(found)

    def all_rows(self) -> tuple[str, tuple[str, ...]]:
        """Everything that the last list showed; of a machine's alerts its card shows the worst alone."""
        listed = last_list(self.last)
        return self.rows(range(len(listed.items))) if listed and listed.tool != "get_asset" else ("", ())

    def shows_others(self, said: Iterable[str]) -> bool:
        """Was a list of several shown that was not asked for by what is ``said``?"""
        asked = [str(value) for value in self.last.arguments.values()] if self.last else []
        return len(self.all_rows()[1]) > 1 and any(one not in asked for one in said)

    def after_words(self, named: Mapping[str, tuple[str, ...]], *orders: Intent) -> "Focus":
        """With what a sentence named and left to be done."""
        order, just = orders[0] if orders else None, next(iter(one for one in named if one in KINDS), "")
        aimed = {  # 打错了 是.45: what is to be done is done to another one from then on
            ARGUMENTS[name]: (str(value),)
            for name, value in (order.arguments if order and len(orders) == 1 else {}).items()
            if name in ARGUMENTS and ARGUMENTS[name] not in named
        }
        return Focus(self.last, self._with({**aimed, **named}), order, orders[1:], just=just)

    def anew(self) -> "Focus":
        """Where something else is spoken of, and what was listed is no longer meant."""
        return replace(self, last=None, named={}, just="")

    def without_order(self) -> "Focus":
        """After the open order was taken back: what all of it was to be done to is still spoken of."""
        named: dict[str, tuple[str, ...]] = {}
        for one in filter(None, (self.order, *self.beside)):
            for name in one.arguments.keys() & ARGUMENTS.keys():
                named[ARGUMENTS[name]] = (*named.get(ARGUMENTS[name], ()), str(one.arguments[name]))
        return replace(self, named=self._with(named), order=None, beside=(), held=())

    def after_look_up(self, last: Intent, named: Collection[str] = ()) -> "Focus":
        """With what a look-up was about, and what it showed beside that; what the sentence ``named`` stays what it is."""
        shown: dict[str, tuple[str, ...]] = {
            ARGUMENTS[name]: (str(value),)
            for name, value in {**last.about, **last.arguments}.items()
            if name in ARGUMENTS and ARGUMENTS[name] not in named
        }
        if len(last.items) == 1 and last.tool == "list_alerts":
            shown |= {"alert": tuple(last.items)}  # 最要紧的是哪条: the one that was told is 它
        told, before = shown.pop("person", ()), self.of("person")
        named = self._with(shown)
        if (
            told and told != before
        ):  # whom a card tells is 他 where nobody else was spoken of, and no newer 它
            others = before or (self.last is not None and self.last.tool == "who_is_on_call")
            named = {
                **({} if others else {"person": told}),
                **{kind: one for kind, one in named.items() if kind != "person"},
            }
        return replace(self, last=last, named=named)

    def _with(self, named: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        kept = {kind: values for kind, values in self.named.items() if kind not in named}
        return kept | {kind: tuple(values)[:_MOST] for kind, values in named.items() if values}


NOTHING: Final = Focus()


def names_in(skeleton: Skeleton, numbers: Iterable[int]) -> dict[str, tuple[str, ...]]:
    """What a sentence names, by kind, as a focus keeps it."""
    named = {kind: [one.value for one in skeleton.found(*kinds)] for kind, kinds in KINDS.items()}
    named["alert"] = list(numbers)
    return {kind: tuple(dict.fromkeys(map(str, values))) for kind, values in named.items() if values}


def meant_by(reference: str, focus: Focus, wanted: Iterable[str] = ()) -> tuple[str, tuple[str, ...]]:
    """The kind and the things that 它 or 那台 stands for; ``wanted``: the kinds that the verb takes, the nearest first."""
    kinds = [kind for kind in wanted if focus.of(kind)]
    if reference == "all":
        kind, rows = focus.all_rows()
        return (kind, rows) if rows else _first(kinds, focus)
    if reference in KINDS:
        if (not kinds or reference in kinds) and (values := focus.of(reference)):
            return reference, values
        return _first(
            kinds or [focus.newest] * (reference == "person"), focus
        )  # 她那钓鱼告警: of her machine
    return _first(kinds or [kind for kind in reversed([*focus.named]) if kind != "person"][:1], focus)


def _first(kinds: Iterable[str], focus: Focus) -> tuple[str, tuple[str, ...]]:
    return next(((kind, focus.of(kind)) for kind in kinds if focus.of(kind)), ("", ()))


def mark_for(kind: str, value: str) -> MaskedName:
    """A name that was not written but meant."""
    meaning: Any = int(value) if kind == "alert" else value
    return MaskedName(KINDS[kind][0], value, meaning, exact=False)
