"""Groups and single chats, per robot."""

from dataclasses import dataclass, field

from .people import Directory


@dataclass(slots=True)
class Conversation:
    """One chat of one robot. ``person`` is the other side of a single chat (a key of the directory)."""

    id: str
    client_id: str
    title: str
    is_group: bool
    person: str = ""
    last_at: int = 0


def group_id(client_id: str, name: str = "Group") -> str:
    """The openConversationId of a demo group: ``cidDemoGroup==`` for the demo robot."""
    suffix = "" if client_id == "dingdemo" else f"-{client_id}"
    return f"cidDemo{name}{suffix}=="


def single_id(client_id: str, person: str) -> str:
    """The conversationId of the single chat of a person with a robot."""
    suffix = "" if client_id == "dingdemo" else f"-{client_id}"
    return f"cidSingle-{person}{suffix}=="


@dataclass(slots=True)
class Conversations:
    """Every conversation, by (robot, id)."""

    directory: Directory
    rooms: dict[str, dict[str, Conversation]] = field(default_factory=dict)

    def open_for(self, client_id: str) -> None:
        """Give a robot its demo groups and a single chat with everybody."""
        self.ensure_group(client_id, group_id(client_id), "安全值班群")
        self.ensure_group(client_id, group_id(client_id, "Response"), "应急响应群")
        for key in list(self.directory.people):
            self.ensure_single(client_id, key)

    def ensure_group(self, client_id: str, conversation_id: str, title: str = "") -> Conversation:
        """The group with that id, created when new."""
        rooms = self.rooms.setdefault(client_id, {})
        room = rooms.get(conversation_id)
        if room is None:
            title = title or f"群聊 {conversation_id[:16]}"
            room = rooms[conversation_id] = Conversation(conversation_id, client_id, title, True)
        return room

    def ensure_single(self, client_id: str, person: str, conversation_id: str = "") -> Conversation:
        """The single chat of a person with the robot, created when new."""
        rooms = self.rooms.setdefault(client_id, {})
        wanted = conversation_id or single_id(client_id, person)
        room = rooms.get(wanted)
        if room is None:
            room = rooms[wanted] = Conversation(wanted, client_id, "", False, person)
        return room

    def find(self, client_id: str, conversation_id: str) -> Conversation | None:
        """The conversation, or None."""
        return self.rooms.get(client_id, {}).get(conversation_id)

    def find_single(self, client_id: str, person: str) -> Conversation:
        """Where a private message to that person goes: the chat they used last."""
        own = [
            room
            for room in self.rooms.get(client_id, {}).values()
            if not room.is_group and room.person == person
        ]
        return max(own, key=lambda room: room.last_at) if own else self.ensure_single(client_id, person)
