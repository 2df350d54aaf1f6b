"""What the chat page is told: bots, people, chats, bubbles."""

from dataclasses import dataclass
from typing import Any

from simulators.history import Entry, History
from simulators.room.rendering import render_markdown, render_text

from .contents import Shown, plain_markdown, read_content
from .people import DEMO_PEOPLE, find_person
from .world import Chat, World

RECENT_PER_CHAT = 200
WRITING = "2"  # as a card of DingTalk's says it; the page knows one vocabulary


@dataclass(slots=True)
class FeishuRoom:
    """What the chat page shows of a Feishu simulator."""

    world: World
    platform: str = "飞书"

    @property
    def history(self) -> History:
        """Everything said."""
        return self.world.history

    def choose(self, client_id: str) -> str:
        """That application, if there is one; else the first."""
        return client_id if client_id in self.world.apps else next(iter(self.world.apps))

    def describe_page(self, client_id: str) -> dict[str, Any]:
        """Everything the page needs when it opens."""
        world = self.world
        spoken = world.users.get(client_id, set()) - {person.open_id for person in DEMO_PEOPLE}
        people = [*DEMO_PEOPLE, *(find_person(open_id) for open_id in sorted(spoken))]
        return {
            "robot": {"client_id": client_id, "name": world.apps[client_id].name},
            "robots": [{"client_id": app.app_id, "name": app.name} for app in world.apps.values()],
            "people": [
                {"key": one.open_id, "name": one.name, "title": one.title, "outsider": bool(one.tenant_key)}
                for one in people
            ],
            "conversations": [
                self._describe_chat(client_id, chat)
                for (app_id, _), chat in world.chats.items()
                if app_id == client_id
            ],
            "entries": [
                self.describe_entry(entry) for entry in world.history.recent(client_id, RECENT_PER_CHAT)
            ],
            "connection": self.describe_connection(client_id),
        }

    def describe_connection(self, client_id: str) -> dict[str, Any]:
        """How the bot is connected, and which faults are on."""
        links = self.world.links.by_owner.get(client_id, [])
        since = max((link.since for link in links), default=0)
        told = {"faults": self.world.faults.describe(), "ringing": self.world.telephones.ringing(client_id)}
        return {"live": len(links), "draining": 0, "since": since, **told}

    def describe_entry(self, entry: Entry) -> dict[str, Any]:
        """One bubble, with its safe HTML."""
        world, bot = self.world, bool(entry.route)
        app = world.apps[entry.client_id]
        chat = world.chats.get((entry.client_id, entry.conversation_id))
        shown: dict[str, Any] = {
            "id": entry.id,
            "seq": entry.seq,
            "at": entry.at,
            "conversation": self._describe_chat(entry.client_id, chat)
            if chat
            else {"id": entry.conversation_id, "title": entry.conversation_id, "group": True, "person": ""},
            "robot": bot,
            "sender": entry.sender,
            "name": app.name if bot else find_person(entry.sender).name,
            "msgtype": entry.msgtype,
            "route": entry.route,
            "text": plain_markdown(entry.text)[:200],
            "state": entry.state,
            "deliveries": entry.deliveries,
            "at_robot": not bot and app.open_id in str(entry.raw.get("mentions") or ""),
            "reply_to": entry.reply_to,
        }
        content = str(entry.raw.get("content") or "")
        if not bot or entry.msgtype not in ("post", "interactive"):
            return {**shown, "html": render_text(entry.text)}
        found = read_content(entry.msgtype, content)
        title = f"**{found.title}**\n\n" if found.title and entry.msgtype == "post" else ""
        html = render_markdown(title + found.markdown)
        if entry.msgtype == "post":
            return {**shown, "html": html}
        return {**shown, "html": html, "card": _describe_card(entry.id, html, found)}

    def _describe_chat(self, client_id: str, chat: Chat) -> dict[str, Any]:
        """One row of the list; a single chat is titled by its bot."""
        group = chat.chat_type == "group"
        title = chat.title or f"群聊 {chat.chat_id[:16]}" if group else self.world.apps[client_id].name
        return {"id": chat.chat_id, "title": title, "group": group, "person": chat.open_id}


def _describe_card(message_id: str, html: str, found: Shown) -> dict[str, Any]:
    """As everybody sees it."""
    flow = WRITING if found.streaming else ""
    public = {"title": found.title, "html": html, "flow_status": flow, "buttons": found.buttons, "extras": []}
    facts = {"clickable": True, "finalized": not found.streaming, "failed": False}
    return {"out_track_id": message_id, **facts, "public": public, "private": {}}
