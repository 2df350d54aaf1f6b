"""Cards with buttons as people see and press them, on each platform."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from simulators.dingtalk.people import CORP_ID
from simulators.feishu.contents import walk
from simulators.feishu.options import derive
from tests.acceptance.doors import APP, FeishuStage
from tests.acceptance.worker import Stage

GROUP = "group"


@dataclass(frozen=True)
class Shown:
    """A card as it stands. ``whose``: `GROUP`, or the staff id of whose private chat it is in."""

    ident: str
    whose: str
    title: str
    text: str
    buttons: tuple[Mapping[str, Any], ...]  # what each brings back

    def asks(self, code: str) -> bool:
        """Has it buttons for this?"""
        return any(each.get("code") == code for each in self.buttons)


@dataclass(frozen=True)
class Pressed:
    """What a press came to: was it answered well, and what the clicker reads at once."""

    answered: bool
    told: str


class CardRoom(Protocol):
    """The cards of a stage."""

    corporation: str

    def cards(self) -> list[Shown]:
        """All cards that there are."""
        ...

    def press(self, card: Shown, verdict: str, who: str, code: str) -> Pressed:
        """Press a button, be it gone by now, as from a screen that still shows it."""
        ...

    def is_private(self, reply: Mapping[str, Any]) -> bool:
        """Was this said to somebody alone?"""
        ...


@dataclass(frozen=True)
class DingTalkRoom:
    """By the variables of the template."""

    stage: Stage
    corporation: str = CORP_ID

    def cards(self) -> list[Shown]:
        """All cards that there are."""
        return [_of_dingtalk(one) for one in self.stage.sim.cards()]

    def press(self, card: Shown, verdict: str, who: str, code: str) -> Pressed:
        """A refusal is a title of the clicker's own."""
        params = {"code": code, "verdict": verdict}
        clicked = self.stage.sim.click(card.ident, verdict, who, params=params)
        response = clicked["ack"]["data"]
        for side in ("cardData", "userPrivateData"):
            if title := response.get(side, {}).get("cardParamMap", {}).get("title"):
                return Pressed(clicked["ack"]["code"] == 200, title)
        return Pressed(False, "")

    def is_private(self, reply: Mapping[str, Any]) -> bool:
        """By the way that it went."""
        return bool(reply["route"] == "private")


def _of_dingtalk(one: Mapping[str, Any]) -> Shown:
    kind, _, place = one["spaces"][0].partition("//")[2].partition(".")
    params = one["params"]
    buttons = tuple(each["params"] for each in json.loads(params.get("buttons") or "[]"))
    whose = place if kind == "IM_ROBOT" else GROUP
    return Shown(one["out_track_id"], whose, params.get("title", ""), params.get("content", ""), buttons)


@dataclass(frozen=True)
class FeishuRoom:
    """By the JSON of messages; ``people``: whose private chats are known."""

    stage: FeishuStage
    people: frozenset[str]
    corporation: str = "tenant_demo"

    def cards(self) -> list[Shown]:
        """All cards that there are."""
        rows = [row for row in self.stage.sim.replies() if row["msg_type"] == "interactive"]
        return [self._of_feishu(row) for row in rows]

    def press(self, card: Shown, verdict: str, who: str, code: str) -> Pressed:
        """A toast."""
        value = {**(card.buttons[0] if card.buttons else {}), "code": code, "verdict": verdict, "id": verdict}
        clicked = self.stage.sim.click(card.ident, value, open_id=who)
        toast = clicked.get("toast") or {}
        return Pressed(clicked["ok"], toast.get("content", ""))

    def is_private(self, reply: Mapping[str, Any]) -> bool:
        """By the chat."""
        return bool(self._whose(reply["chat_id"]))

    def _whose(self, chat_id: str) -> str:
        return next((who for who in self.people if chat_id == f"oc_{derive(APP, who)}"), "")

    def _of_feishu(self, row: Mapping[str, Any]) -> Shown:
        card = json.loads(row["content"])
        elements = list(walk(card["body"]["elements"]))
        text = "\n".join(one["content"] for one in elements if one["tag"] == "markdown")
        values = (one["behaviors"][0]["value"] for one in elements if one["tag"] == "button")
        title = card["header"]["title"]["content"]
        return Shown(row["message_id"], self._whose(row["chat_id"]) or GROUP, title, text, tuple(values))


def room_of(stage: Stage, people: frozenset[str]) -> CardRoom:
    """The cards of a stage, whatever its platform."""
    return FeishuRoom(stage, people) if isinstance(stage, FeishuStage) else DingTalkRoom(stage)
