"""What the pieces of an edit make of the open orders: which of them a name means, which argument it fills, what is left of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from secops_agent.llm.offline.expressions.skeletons import Kind, MaskedName, Skeleton
from secops_agent.llm.offline.intents import Intent
from secops_agent.llm.offline.lexicon import Lexicon
from secops_agent.llm.understanding.entities import Sentence
from secops_agent.llm.understanding.objects import target
from secops_agent.llm.understanding.offers import LENGTHS
from secops_agent.llm.understanding.verbs import ACTS, WANTED, Act

_LISTS: Final = ("alerts", "findings")  # arguments of several objects
NUMBERS: Final = (Kind.NUMBER, Kind.ALERT)
_HOSTS: Final = (Kind.ASSET, Kind.ASSET_IP, Kind.HOST)
# What a kind of name fills beside the object of an act, where that is not all of its ``beside``.
_FILLS: Final[Mapping[str, Mapping[Kind, str]]] = {
    "create_case": {Kind.PERSON: "owner", Kind.SEVERITY: "severity"},
    "add_case_task": {Kind.PERSON: "assignee"},
}
_BESIDE: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.DURATION: LENGTHS,
    Kind.PERSON: ("assignee", "owner"),
    Kind.VERDICT: ("verdict",),
    Kind.SEVERITY: ("severity",),
    Kind.CASE: ("case_id",),
}


@dataclass(frozen=True, slots=True)
class EditPiece:
    """One piece: its ``way`` (a list of ``[edit]``, "" for an aside), with its names and the verbs of the offer that stand in it."""

    way: str
    said: Skeleton
    tools: frozenset[str]

    @property
    def names(self) -> list[MaskedName]:
        """What it names."""
        return self.said.found(*Kind)


class Amendment:
    """The open orders while the pieces of a sentence change them one after another."""

    def __init__(self, sentence: Sentence, orders: tuple[Intent, ...]) -> None:
        self.orders = orders
        self.touched = False
        self._before, self._lexicon = orders, sentence.lexicon
        self._wrong: tuple[Intent, ...] = ()
        self._denied: frozenset[str] = frozenset()

    def take(self, piece: EditPiece) -> bool:
        """Change the orders by one piece; False where it cannot be told what it changes."""
        self.touched = True
        match piece.way:
            case "drop":
                return self._drop(piece)
            case "keep":
                return self._keep(piece)
            case "wrong":
                return self._is_wrong(piece)
            case "add":
                return self._add(piece)
            case _:
                return self._set(piece)

    def explain(self, reason: str) -> None:
        """Write a reason into every order that takes one."""
        if reason:
            self.touched = True
            self.orders = tuple(
                replace(one, arguments={**one.arguments, ACTS[one.tool].free: reason[:500]})
                if ACTS[one.tool].free in ("reason", "note")
                else one
                for one in self.orders
            )

    def _meant(self, piece: EditPiece) -> tuple[Intent, ...]:
        return tuple(one for one in self._of(piece) if any(is_meant(one, name) for name in piece.names))

    def _of(self, piece: EditPiece) -> tuple[Intent, ...]:
        """The orders of the verbs in the piece; all where it has none."""
        return tuple(one for one in self.orders if not piece.tools or one.tool in piece.tools)

    def _drop(self, piece: EditPiece) -> bool:
        if not piece.names:  # 备注不要了: of several acts
            gone = self._of(piece)
            kept = tuple(one for one in self.orders if one not in gone)
            self.orders = kept or self.orders
            return bool(kept)
        left = [without(one, piece.names) for one in self.orders]
        changed = any(new is not old for new, old in zip(left, self.orders, strict=True))
        named = any(is_meant(one, name) for one in self._before for name in piece.names)
        self.orders = tuple(one for one in left if one)
        return changed or named

    def _keep(self, piece: EditPiece) -> bool:
        if not self._meant(piece):
            return not any(
                object_by(one, name, self._lexicon) for one in self.orders for name in piece.names
            ) and self._set(piece)
        kept = (only(one, piece.names) for one in self._of(piece))
        self.orders = tuple(one for one in kept if one)
        return True

    def _is_wrong(self, piece: EditPiece) -> bool:
        """不是X: which object is replaced, or which value is no longer said until another one is."""
        self._wrong = self._meant(piece)
        self._denied = frozenset(values_of(self.orders[0], piece.names))
        return bool(self._wrong or self._denied)

    def settle(self) -> bool:
        """What was denied and not said anew is asked for; False where nothing tells what is right."""
        asked = {ACTS[one.tool].demands for one in self.orders} & self._denied
        self.orders = tuple(
            replace(one, arguments={name: said for name, said in one.arguments.items() if name not in asked})
            for one in self.orders
        )
        return not self._wrong and self._denied <= asked

    def _add(self, piece: EditPiece) -> bool:
        of_verb = self._of(piece)
        names = [one for one in piece.names if one.kind in NUMBERS] or piece.names  # node-3的180 is an alert
        if len({one.tool for one in of_verb}) != 1 or not _all_used(of_verb[0], piece.names):
            return False
        like, act = of_verb[0], ACTS[of_verb[0].tool]
        found = [by for name in names if (by := object_by(like, name, self._lexicon))]
        told = {**like.arguments, **values_of(like, piece.names)}
        if act.argument in _LISTS:
            listed = [*_done_to(like).split(","), *(str(by[act.argument]) for by in found)]
            told[act.argument] = ",".join(dict.fromkeys(filter(None, listed)))
            self.orders = tuple(replace(one, arguments=told) if one is like else one for one in self.orders)
            return bool(found)
        new = [Intent(act.tool, {**told, **by}) for by in found]
        last = max(at for at, one in enumerate(self.orders) if one.tool == act.tool) + 1
        fresh = [one for one in new if one not in self.orders]
        self.orders = (*self.orders[:last], *fresh, *self.orders[last:])
        return bool(found)

    def _set(self, piece: EditPiece) -> bool:
        meant, of_verb = self._meant(piece), self._of(piece)
        taking = [one for one in meant or of_verb if values_of(one, piece.names)]
        if taking and all(_all_used(one, piece.names) for one in taking):
            others = () if meant else piece.names
            if not any(object_by(taking[0], name, self._lexicon) for name in others):
                self._write(taking, piece.names)
                return True
        if not of_verb or not all(_all_used(one, piece.names) for one in of_verb):
            return False
        if piece.way == "set" and not self._wrong and any(map(is_bare, piece.names)):
            return False  # 换成48: of an address, or of hours?
        return self._replace(self._wrong or (of_verb if len(of_verb) == 1 else ()), piece.names)

    def _replace(self, old: tuple[Intent, ...], names: Sequence[MaskedName]) -> bool:
        """Do it to these instead of to the one that was wrong."""
        found = [by for name in names if old and (by := object_by(old[0], name, self._lexicon))]
        if len(old) != 1 or not found or old[0] not in self.orders:
            return False
        told = {**old[0].arguments, **values_of(old[0], names)}
        made = [Intent(old[0].tool, {**told, **by}) for at, by in enumerate(found) if by not in found[:at]]
        at = self.orders.index(old[0])
        self.orders = (*self.orders[:at], *made, *self.orders[at + 1 :])
        self._wrong, self._denied = (), frozenset()
        return True

    def _write(self, orders: Sequence[Intent], names: Sequence[MaskedName]) -> None:
        written = {
            id(one): replace(one, arguments={**one.arguments, **values_of(one, names)}) for one in orders
        }
        if self._denied & values_of(orders[0], names).keys():
            self._wrong, self._denied = (), frozenset()
        self._rewrite(written)

    def _rewrite(self, written: Mapping[int, Intent]) -> None:
        """With these in the place of the orders of these identities; 不是.44，改成2小时: which is right is still to be said."""
        self._wrong = tuple(written.get(id(one), one) for one in self._wrong)
        self.orders = tuple(written.get(id(one), one) for one in self.orders)


def _done_to(order: Intent) -> str:
    return str(order.arguments.get(ACTS[order.tool].argument, ""))


def is_bare(name: MaskedName) -> bool:
    """A number without a letter, which may be the end of an address or of a host's name too."""
    return name.kind in NUMBERS and name.raw.lstrip()[:1] in ".0123456789"


def _digits(name: MaskedName) -> str:
    return "".join(char for char in name.raw if char in ".0123456789")


def is_meant(order: Intent, name: MaskedName) -> bool:
    """Is this name that of what the order is done to: A12, 12, .9, 198…, 03, of whose it is to be?"""
    said, value = _done_to(order), str(name.value)
    listed = said.split(",")
    if name.kind in NUMBERS:
        ends = is_bare(name) and ("." in said or not any(one.lstrip("A").isdecimal() for one in listed))
        end = value.lstrip(".")
        return (
            value in listed
            or f"A{value}" in listed
            or (
                ends
                and re.search(rf"(?:(?:[.-]|^)0*{re.escape(end)}$|^{re.escape(end)}\.)", said) is not None
            )
        )
    if name.kind is Kind.PERSON:
        return value in {str(order.arguments.get(one, "")) for one in ("assignee", "owner")}
    return value in listed or said.endswith((f":{value}", f"@ {value}"))


def without(order: Intent, names: Sequence[MaskedName]) -> Intent | None:
    """The order without these; None where nothing of it is left."""
    meant = [one for one in names if is_meant(order, one)]
    if not meant:
        return order
    act = ACTS[order.tool]
    if act.argument not in _LISTS or any(one.kind not in NUMBERS for one in meant):
        return None
    left = [one for one in _done_to(order).split(",") if one not in {str(each.value) for each in meant}]
    return replace(order, arguments={**order.arguments, act.argument: ",".join(left)}) if left else None


def only(order: Intent, names: Sequence[MaskedName]) -> Intent | None:
    """The order for these alone."""
    listed = [one for one in _done_to(order).split(",") if any(str(each.value) == one for each in names)]
    if not any(is_meant(order, one) for one in names):
        return None
    act = ACTS[order.tool]
    return (
        replace(order, arguments={**order.arguments, act.argument: ",".join(listed)})
        if act.argument in _LISTS and listed
        else order
    )


def object_by(order: Intent, name: MaskedName, lexicon: Lexicon) -> dict[str, Any]:
    """The same order's object by this name: an alert, an address, .9 of an address, 03 of a host."""
    act, old = ACTS[order.tool], _done_to(order)
    if is_bare(name) and "ip" in act.kinds and old.count(".") == 3:
        return _ended(act, old, _digits(name))
    plain = re.sub(r"^(?:资产:|规则:.* @ )", "", old)
    if is_bare(name) and "asset" in act.kinds and lexicon.asset(plain):
        other = lexicon.sibling(plain, _digits(name))
        return target(act, "asset", other) if other else {}
    kind = next((one for one in act.kinds if name.kind in WANTED[one]), "")
    if not kind or name.kind is Kind.ALERTS or "*" in str(name.value):
        return {}
    if kind == "asset" and act.argument == "scope" and old.startswith("规则:") and " @ " in old:
        return {"scope": f"{old.partition(' @ ')[0]} @ {name.value}"}
    return target(act, kind, str(name.value))


def _ended(act: Act, old: str, end: str) -> dict[str, Any]:
    said = end.strip(".").split(".")
    whole = [*old.split(".")[: -len(said)], *said]
    return target(act, "ip", ".".join(whole)) if all(int(one) < 256 for one in said) else {}


def takes(tool: str, kind: Kind) -> str:
    """The argument of an act that a name of this kind fills beside its object; "" for none."""
    beside = ACTS[tool].beside
    return _FILLS.get(tool, {}).get(kind, "") or (beside if beside in _BESIDE.get(kind, ()) else "")


def values_of(order: Intent, names: Sequence[MaskedName]) -> dict[str, Any]:
    """What the names fill beside the object; hours where hours are wanted."""
    found = {argument: one.value for one in names if (argument := takes(order.tool, one.kind))}
    if "until_hours" in found:
        found["until_hours"] = -(-int(found["until_hours"]) // 60)
    return found


def _all_used(order: Intent, names: Sequence[MaskedName]) -> bool:
    """Does each name say something of it, a host beside an alert too?"""
    kinds = {kind for one in ACTS[order.tool].kinds for kind in WANTED[one]} | {Kind.NUMBER}
    kinds |= {*_HOSTS} if any(one.kind in NUMBERS for one in names) else set()
    return all(one.kind in kinds or is_bare(one) or takes(order.tool, one.kind) for one in names)
