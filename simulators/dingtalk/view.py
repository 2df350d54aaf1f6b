"""What the chat page is told: robots, people, conversations, bubbles."""

import html
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from simulators.history import Entry, History
from simulators.room.rendering import render_markdown, render_text

from .cards import Card, list_extras, parse_buttons
from .conversations import Conversation
from .people import OUTSIDER_KEY
from .world import World

RECENT_PER_CONVERSATION = 200
RENDERED_AS_TEXT = frozenset({"text", "quoted"})


@dataclass(slots=True)
class DingTalkRoom:
    """What the chat page shows of a DingTalk simulator."""

    world: World
    platform: str = "钉钉"

    @property
    def history(self) -> History:
        """Everything said."""
        return self.world.history

    def choose(self, client_id: str) -> str:
        """That robot, if there is one; else the first."""
        return client_id if client_id in self.world.robots else next(iter(self.world.robots))

    def describe_page(self, client_id: str) -> dict[str, Any]:
        """Everything the page needs when it opens."""
        return describe_page(self.world, client_id)

    def describe_connection(self, client_id: str) -> dict[str, Any]:
        """How the robot is connected, and which faults are on."""
        return describe_connection(self.world, client_id)

    def describe_entry(self, entry: Entry) -> dict[str, Any]:
        """One bubble."""
        return describe_entry(self.world, entry)


def describe_page(world: World, client_id: str) -> dict[str, Any]:
    """Everything the page needs when it opens."""
    robot = world.robots[client_id]
    return {
        "robot": {"client_id": client_id, "name": robot.name},
        "robots": [{"client_id": one.client_id, "name": one.name} for one in world.robots.values()],
        "people": [
            {"key": one.key, "name": one.name, "title": one.title, "outsider": one.key == OUTSIDER_KEY}
            for one in world.people.people.values()
        ],
        "conversations": [
            describe_room(world, room) for room in world.conversations.rooms[client_id].values()
        ],
        "entries": [
            describe_entry(world, entry) for entry in world.history.recent(client_id, RECENT_PER_CONVERSATION)
        ],
        "connection": describe_connection(world, client_id),
    }


def describe_connection(world: World, client_id: str) -> dict[str, Any]:
    """How the robot is connected, and which faults are on."""
    links = world.links.by_owner.get(client_id, [])
    return {
        "live": sum(not link.draining for link in links),
        "draining": sum(link.draining for link in links),
        "since": max((link.since for link in links), default=0),
        "faults": world.faults.describe(),
        "ringing": world.telephones.ringing(client_id),
    }


def describe_room(world: World, room: Conversation) -> dict[str, Any]:
    """One row of the conversation list; a single chat is titled by its robot."""
    title = room.title if room.is_group else world.robots[room.client_id].name
    return {"id": room.id, "title": title, "group": room.is_group, "person": room.person}


def describe_entry(world: World, entry: Entry) -> dict[str, Any]:
    """One bubble, with its safe HTML."""
    room = world.conversations.find(entry.client_id, entry.conversation_id)
    robot = world.robots.get(entry.sender)
    custom = world.group_robots.get(entry.sender)
    name = (
        robot.name if robot and entry.route else custom.name if custom else world.people.name_of(entry.sender)
    )
    shown: dict[str, Any] = {
        "id": entry.id,
        "seq": entry.seq,
        "at": entry.at,
        "conversation": describe_room(world, room) if room else {"id": entry.conversation_id},
        "robot": bool(entry.route),
        "sender": f"robot:{custom.name}" if custom else entry.sender,
        "name": str(entry.raw.get("nick") or name) if not entry.route else name,
        "msgtype": entry.msgtype,
        "route": entry.route,
        "text": entry.text[:200],
        "html": render_entry(world, entry),
        "state": entry.state,
        "deliveries": entry.deliveries,
        "at_robot": entry.client_id in entry.at_user_ids,
        "reply_to": entry.reply_to,
    }
    card = world.cards.find(entry.client_id, entry.card) if entry.card else None
    if card is not None:
        shown["card"] = describe_card(card)
        shown["mentions"] = [world.people.name_of(user) for user in entry.at_user_ids]
    return shown


def render_entry(world: World, entry: Entry) -> str:
    """The bubble's content as safe HTML; people write plain text."""
    if entry.msgtype == "file":
        return _render_file(entry)
    if entry.msgtype == "picture" and entry.route:
        return f'<img src="/sim/files/{quote(entry.text, safe="")}" alt="图片" style="max-width: 100%">'
    mentions = {user: world.people.name_of(user) for user in entry.at_user_ids if entry.route}
    if not entry.route or entry.msgtype in RENDERED_AS_TEXT:
        return render_text(entry.text, mentions)
    return render_markdown(entry.text, mentions)


def _render_file(entry: Entry) -> str:
    """A link to what was sent, by a person or a robot."""
    content = entry.raw.get("content")
    code = str(content.get("downloadCode") or "") if isinstance(content, dict) else ""
    if entry.route:
        with suppress(ValueError, TypeError, AttributeError):
            code = str(json.loads(entry.raw.get("msgParam") or "{}").get("mediaId") or "")
    name = html.escape(entry.text)
    return f'<a class="file" href="/sim/files/{quote(code, safe="")}" download>{name}</a>' if code else name


def describe_card(card: Card) -> dict[str, Any]:
    """The card as everybody sees it, and as those see it who have variables of their own."""
    return {
        "out_track_id": card.out_track_id,
        "clickable": card.callback_type == "STREAM",
        "finalized": card.finalized,
        "failed": card.failed,
        "public": _describe_params(card.params),
        "private": {user: _describe_params(card.seen_by(user)) for user in card.private},
    }


def _describe_params(params: dict[str, str]) -> dict[str, Any]:
    return {
        "title": params.get("title", ""),
        "html": render_markdown(params.get("content", "")),
        "flow_status": params.get("flowStatus", ""),
        "buttons": parse_buttons(params.get("buttons", "")),
        "extras": list_extras(params),
    }
