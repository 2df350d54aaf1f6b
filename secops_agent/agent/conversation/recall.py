"""Recall: objects that a conversation named and showed to one asker, so that 第二个, 它, 更多 and 好 have a meaning.

What was shown comes from the tools that ran, whoever answered; what was named, from the asker's own sentences.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from secops_agent.agent.turn.outcome import ToolRun, TurnOutcome
from secops_agent.llm.offline import LIST_TOOLS, Intent
from secops_agent.llm.offline.followups import CARDS, last_list
from secops_agent.llm.types import Heard, Offer
from secops_agent.llm.understanding import focus as focuses
from secops_agent.llm.understanding.focus import Focus

OPEN_FOR: Final = timedelta(minutes=10)  # an offer can be taken so long
_MOST_OPEN: Final = 5  # offers of one asker in one conversation
_MOST = 200  # ids of one list
_MOST_FIELDS: Final = 120
_LONGEST_FIELD: Final = 64
_OBJECTS = frozenset({"asset", "alert_id", "cve_id", "value", "ip"})
_CODE: Final = re.compile(r"[A-Z][A-Z0-9]{5}")
_SUBJECT = "subject"  # what else 它 may be, in the data of a result


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """What was shown and can be taken with 提交 CODE; ``effects``: what each action would do, as it was told; ``at``: when;
    ``replaces``: a proposal of the asker that is withdrawn then; ``inbox_id``: the message whose answer showed it."""

    code: str
    actions: tuple[Offer, ...]
    effects: tuple[str, ...]
    at: datetime
    replaces: str = ""
    inbox_id: int = 0

    def is_open(self, now: datetime) -> bool:
        """Can it still be taken?"""
        return now - self.at < OPEN_FOR


@dataclass(frozen=True, slots=True)
class Recall:
    """``told``: this conversation was told that no model answers here. ``offers``: open ones; ``shown``: the code of the one that
    the last answer showed, which 好 takes. ``fields``: single values that stood in fields of results shown here, the newest last."""

    focus: Focus = focuses.NOTHING
    told: bool = False
    offers: tuple[OpenOffer, ...] = ()
    shown: str = field(default="")
    fields: tuple[str, ...] = ()

    @property
    def last(self) -> Intent | None:
        """The last look-up."""
        return self.focus.last

    def after(
        self,
        runs: Iterable[ToolRun],
        *,
        told: bool,
        heard: Heard | None = None,
        offer: OpenOffer | None = None,
    ) -> "Recall":
        """With what a turn named, found and offered."""
        orders = (heard.offers or (heard.order, *heard.waits)) if heard and heard.order else ()
        left = [Intent(one.tool, one.arguments) for one in orders if one]
        if heard and heard.unclear and self.focus.order:  # what was not understood leaves it open
            left = [self.focus.order, *self.focus.beside]
        if (
            offer and heard and not heard.offers and not heard.each
        ):  # a model's, in the place of what code asked back
            left = [Intent(one.tool, one.arguments) for one in offer.actions]
        focus, fields = self.focus.after_words(heard.named if heard else {}, *left), [*self.fields]
        for run in runs:
            if run.executed and run.result.useful and run.result.status != "offered":
                fields += [field for field in run.result.fields if len(field) <= _LONGEST_FIELD]
                focus = focus.after_look_up(_intent(run, focus.last), heard.named if heard else ())
        open_ones = () if heard and heard.drops else self.offers
        kept = (*open_ones, *([offer] if offer else []))[-_MOST_OPEN:]
        before = tuple(filter(None, (self.focus.order, *self.focus.beside))) or self.focus.held
        focus = replace(focus, held=before if kept and not left else ())
        kept_fields = tuple(dict.fromkeys(reversed(fields)))[:_MOST_FIELDS][::-1]
        return Recall(focus, self.told or told, kept, offer.code if offer else "", kept_fields)

    def spoken_of(self) -> frozenset[str]:
        """What was named and listed here, as it is compared."""
        named = [value for values in self.focus.named.values() for value in values]
        return frozenset(value.strip().lower() for value in (*named, *self.focus.all_rows()[1]))

    def find(self, code: str, now: datetime) -> OpenOffer | None:
        """The open offer of that code; "" means the one that the last answer showed."""
        wanted = code or self.shown
        return next((one for one in self.offers if wanted and one.code == wanted and one.is_open(now)), None)

    def quoted_in(self, text: str, now: datetime) -> OpenOffer | None:
        """The open offer whose code stands in a quotation, the newest first."""
        words = set(_CODE.findall(text.upper()))
        return next((one for one in reversed(self.offers) if one.code in words and one.is_open(now)), None)

    def without(self, code: str, *, filed: bool = False) -> "Recall":
        """After an offer was taken; what was only ``filed`` can still be changed by the next sentence."""
        kept = tuple(one for one in self.offers if one.code != code)
        focus = self.focus if filed else replace(self.focus, order=None, beside=(), held=())
        return replace(self, offers=kept, shown="", focus=focus)

    def spell(self) -> str:
        """As it is stored."""
        focus = self.focus
        stored = {
            "last": _plain(focus.last), "named": {kind: list(values) for kind, values in focus.named.items()},
            "order": _plain(focus.order), "beside": [_plain(one) for one in focus.beside], "held": [_plain(one) for one in focus.held], "just": focus.just, "told": self.told, "shown": self.shown, "fields": list(self.fields),
            "offers": [{"code": one.code, "at": one.at.isoformat(), "replaces": one.replaces, "inbox": one.inbox_id, "effects": list(one.effects), "actions": [[each.tool, dict(each.arguments)] for each in one.actions]} for one in self.offers],
        }  # fmt: skip
        return json.dumps(stored, ensure_ascii=False, default=str)


NOTHING = Recall()


def open_offer(outcome: TurnOutcome, now: datetime, inbox_id: int = 0) -> OpenOffer | None:
    """What a turn offered in its answer to that message."""
    shown = outcome.offer
    return (
        OpenOffer(shown.code, shown.actions, shown.effects, now, shown.replaces, inbox_id) if shown else None
    )


def read_recall(text: str) -> Recall:
    """What was stored; nothing for what is not ours."""
    try:
        stored = json.loads(text or "{}")
        named = {str(kind): tuple(map(str, values)) for kind, values in stored.get("named", {}).items()}
        beside = tuple(filter(None, map(_intent_of, stored.get("beside", ()))))
        order, last = _intent_of(stored.get("order")), _intent_of(stored.get("last"))
        held = tuple(filter(None, map(_intent_of, stored.get("held", ()))))
        focus = Focus(last, named, order, beside, str(stored.get("just", "")), held)
        offers = tuple(map(_offer_of, stored.get("offers", ())))
        return Recall(
            focus,
            bool(stored.get("told")),
            offers,
            str(stored.get("shown", "")),
            tuple(map(str, stored.get("fields", ()))),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return NOTHING


def _offer_of(stored: Any) -> OpenOffer:
    actions = tuple(Offer(tool, arguments) for tool, arguments in stored["actions"])
    return OpenOffer(
        stored["code"],
        actions,
        tuple(map(str, stored["effects"])),
        datetime.fromisoformat(stored["at"]),
        str(stored.get("replaces", "")),
        int(stored.get("inbox", 0)),
    )


def _intent(run: ToolRun, before: Intent | None) -> Intent:
    said = {name: value for name, value in run.arguments.items() if value not in (None, "", False, 0)}
    data = run.result.data
    about = data.get(_SUBJECT, {}) if isinstance(data, Mapping) else {}
    items, listed = items_of(run), last_list(before)  # what a list showed, no card beside it takes away
    if items and not (run.call.name in CARDS and listed and listed.tool not in CARDS):
        return Intent(run.call.name, said, items, about)
    if before and not _OBJECTS & said.keys():  # a runbook, a report: what was spoken of stays
        about = {
            **before.about,
            **{key: before.arguments[key] for key in _OBJECTS & before.arguments.keys()},
            **about,
        }
    return Intent(run.call.name, said, (), about, replace(listed, before=None) if listed else None)


def items_of(run: ToolRun) -> tuple[str, ...]:
    """The identifiers of what it listed."""
    return tuple(_items(run.result.data))[:_MOST] if run.call.name in LIST_TOOLS else ()


def _items(data: Any) -> Iterable[str]:
    """Ids in the order in which they were shown."""
    if isinstance(data, Mapping):
        return dict.fromkeys(str(each) for part in data.values() if isinstance(part, list) for each in part)
    return map(str, data) if isinstance(data, list) else ()


def _plain(intent: Intent | None) -> dict[str, Any] | None:
    if intent is None:
        return None
    return {
        "tool": intent.tool, "arguments": dict(intent.arguments), "items": list(intent.items), "about": dict(intent.about),
        "before": _plain(intent.before),
    }  # fmt: skip


def _intent_of(stored: Any) -> Intent | None:
    if not stored:
        return None
    items = tuple(map(str, stored["items"]))
    return Intent(stored["tool"], stored["arguments"], items, stored["about"], _intent_of(stored["before"]))
