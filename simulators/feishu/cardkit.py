"""``/open-apis/cardkit/v1/cards``: card entities, their streams, and the order of what happens to them.

An entity belongs to the application that created it, is sent in one message, and shows there what it is. A ``sequence``
that does not rise is refused with 300317, text for a stream that is closed with 300309, more than 30 KB with 200860.
"""

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import web

from simulators.history import Entry
from simulators.values import dump
from simulators.windows import Window

from .contents import walk
from .openapi import BAD_FIELD, Call, OpenApi, Refusal, refuse_too_often
from .world import World

BAD_CARD, NO_ENTITY, TOO_LARGE = 200220, 200740, 200860
DUPLICATE_ID, ONLY_V2, STREAM_CLOSED, ONLY_TEXT, NOT_YOURS, FELL = (
    300301,
    300303,
    300309,
    300310,
    300311,
    300317,
)
LARGEST, HIGHEST, PER_SECOND = 30 * 1024, 2**31 - 1, 10


@dataclass(slots=True)
class Entity:
    """One card. ``log``: (sequence, what was done) in order; ``entry``: the message that shows it."""

    card_id: str
    app_id: str
    card: dict[str, Any]
    log: list[tuple[int, str]] = field(default_factory=list)
    entry: Entry | None = None
    window: Window = field(default_factory=lambda: Window(1.0, PER_SECOND))

    @property
    def streaming(self) -> bool:
        """Does it take text?"""
        return bool(self.card.get("config", {}).get("streaming_mode"))


@dataclass(slots=True)
class CardKit:
    """The endpoints."""

    world: World
    openapi: OpenApi
    entities: dict[str, Entity] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=lambda: count(7_355_372_766_134_157_313))

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        base, guard = "/open-apis/cardkit/v1/cards", self.openapi.guard
        return [
            web.post(base, guard(self.create)),
            web.put(base + "/{card_id}", guard(self.replace)),
            web.patch(base + "/{card_id}/settings", guard(self.change_settings)),
            web.put(base + "/{card_id}/elements/{element_id}/content", guard(self.show)),
        ]

    def create(self, call: Call) -> dict[str, Any]:
        """``{type: "card_json", data}`` → ``{card_id}``."""
        card_id = str(next(self.numbers))
        self.entities[card_id] = Entity(card_id, call.app.app_id, _read_card(call.body))
        return {"card_id": card_id}

    def replace(self, call: Call) -> dict[str, Any]:
        """``{card: {type, data}, sequence}``: another card in its place."""
        body = call.body.get("card")
        card = _read_card(body if isinstance(body, dict) else {})
        entity = self._operate(call, "replace")
        entity.card = card
        return self._touch(entity)

    def change_settings(self, call: Call) -> dict[str, Any]:
        """``{settings: "{config: …}", sequence}``."""
        try:
            config = json.loads(call.read_text("settings"))["config"]
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(BAD_FIELD, "field validation failed: settings") from error
        entity = self._operate(call, "settings")
        entity.card = {**entity.card, "config": {**entity.card.get("config", {}), **config}}
        return self._touch(entity)

    def show(self, call: Call) -> dict[str, Any]:
        """``{content, sequence}``: the whole text so far."""
        text = call.read_text("content", 100_000)
        if not self._find(call).streaming:
            raise Refusal(STREAM_CLOSED, "Card streaming closed")
        entity = self._operate(call, "show")
        element = _elements(entity.card).get(call.request.match_info["element_id"])
        if element is None or element.get("tag") != "markdown":
            raise Refusal(ONLY_TEXT, "Only update text")
        element["content"] = text
        return self._touch(entity)

    def find_for_message(self, app_id: str, content: str) -> Entity | None:
        """The entity that a message is to show; None for a card of its own. Refusal."""
        card_id = _card_id_of(content)
        if card_id is None:
            return None
        entity = self.entities.get(card_id)
        if entity is None:
            raise Refusal(NO_ENTITY, "The card entity does not exist")
        if entity.app_id != app_id or entity.entry is not None:
            raise Refusal(NOT_YOURS, "The current application does not have permission to use this card")
        return entity

    def _find(self, call: Call) -> Entity:
        entity = self.entities.get(call.request.match_info["card_id"])
        if entity is None:
            raise Refusal(NO_ENTITY, "The card entity does not exist")
        if entity.app_id != call.app.app_id:
            raise Refusal(NOT_YOURS, "The current application does not have permission to update this card")
        return entity

    def _operate(self, call: Call, what: str) -> Entity:
        entity, sequence = self._find(call), call.body.get("sequence")
        if not isinstance(sequence, int) or not 1 <= sequence <= HIGHEST:
            raise Refusal(BAD_FIELD, "field validation failed: sequence")
        if not entity.window.admit(enforce=self.world.options.limits):
            raise refuse_too_often()
        if entity.log and sequence <= entity.log[-1][0]:
            raise Refusal(
                FELL, "The sequence number for operating on the card did not increment consecutively"
            )
        entity.log.append((sequence, what))
        return entity

    def _touch(self, entity: Entity) -> dict[str, Any]:
        entry = entity.entry
        if entry is not None:
            entry.text, content = read_words(entity.card), dump(entity.card)
            entry.raw = {
                **entry.raw, "content": content, "updates": entry.raw.get("updates", 0) + 1,
                "operations": list(entity.log),
            }  # fmt: skip
            self.world.history.touch(entry)
        return {}


def read_words(card: dict[str, Any]) -> str:
    """What is to be read on a card: title, Markdown, buttons, a line each."""
    title = card.get("header", {}).get("title", {}).get("content", "")
    lines = [title, *(_words(element) for element in _all_elements(card))]
    return "\n".join(line for line in lines if line)


def check_card(content: str) -> dict[str, Any]:
    """A card that a message brings along, JSON 2.0. Refusal."""
    return _read_card({"type": "card_json", "data": content})


def _words(element: dict[str, Any]) -> str:
    text = element.get("text")
    return str(element.get("content") or (text.get("content", "") if isinstance(text, dict) else ""))


def _read_card(body: dict[str, Any]) -> dict[str, Any]:
    data = body.get("data")
    if body.get("type") != "card_json" or not isinstance(data, str):
        raise Refusal(BAD_FIELD, "field validation failed: data")
    if len(data.encode("utf-8", "surrogatepass")) > LARGEST:
        raise Refusal(TOO_LARGE, "Card content exceeds limit.")
    try:
        card = json.loads(data)
        named = [one["element_id"] for one in _all_elements(card) if "element_id" in one]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refusal(BAD_CARD, "Failed to generate card content") from error
    if card.get("schema") != "2.0":
        raise Refusal(ONLY_V2, "Only schema 2.0 is supported")
    if len(set(named)) < len(named):
        raise Refusal(DUPLICATE_ID, "Duplicate element_id in card component.")
    return dict(card)


def _all_elements(card: dict[str, Any]) -> list[dict[str, Any]]:
    return list(walk(card["body"]["elements"]))


def _elements(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {element["element_id"]: element for element in _all_elements(card) if "element_id" in element}


def _card_id_of(content: str) -> str | None:
    try:
        body = json.loads(content)
        return str(body["data"]["card_id"]) if body["type"] == "card" else None
    except (ValueError, KeyError, TypeError):
        return None
