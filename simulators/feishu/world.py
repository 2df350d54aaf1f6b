"""Everything that one Feishu simulator holds, in one place that its endpoints share."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from simulators.calls import Telephones
from simulators.faults import Faults
from simulators.history import Entry, History

from .deliveries import Deliveries, Push
from .limits import Limits
from .links import Links
from .options import NAMES, App, Options, derive
from .people import DEMO_PEOPLE

DEMO_GROUP = "oc_demo_group"


@dataclass(frozen=True, slots=True)
class Chat:
    """One conversation of a bot. ``open_id``: the person of a p2p chat."""

    chat_id: str
    chat_type: str
    open_id: str = ""
    title: str = ""


@dataclass(slots=True)
class World:
    """State of one simulator. ``base_url`` is set once it listens; ``users``: open ids by application;
    ``resources``: what people sent, by file_key."""

    options: Options
    apps: dict[str, App]
    faults: Faults
    links: Links
    deliveries: Deliveries
    history: History
    limits: Limits
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    base_url: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    telephones: Telephones = field(default_factory=Telephones)
    chats: dict[tuple[str, str], Chat] = field(default_factory=dict)
    users: dict[str, set[str]] = field(default_factory=dict)
    resources: dict[str, bytes] = field(default_factory=dict)

    def open_chat(self, app_id: str, chat: Chat) -> Chat:
        """The bot is in that chat from now on."""
        return self.chats.setdefault((app_id, chat.chat_id), chat)

    def open_direct(self, app_id: str, open_id: str) -> Chat:
        """The p2p chat of a bot with a person."""
        self.users.setdefault(app_id, set()).add(open_id)
        return self.open_chat(app_id, Chat("oc_" + derive(app_id, open_id), "p2p", open_id))

    def open_demo(self) -> None:
        """Every bot is in a group, and in a p2p chat with everybody: what the page opens with."""
        for app_id in self.apps if self.options.demo else ():
            self.open_chat(app_id, Chat(DEMO_GROUP, "group", title="安全值班群"))
            for person in DEMO_PEOPLE:
                self.open_direct(app_id, person.open_id)

    def show_progress(self, push: Push) -> None:
        """What became of a message, on its bubble."""
        entry = self.history.find(push.app_id, push.message_id)
        if entry is None:
            return
        entry.deliveries = push.deliveries
        entry.state = push.state
        self.history.touch(entry)

    def find_message(self, app_id: str, message_id: str) -> Entry | None:
        """What was said under that id, by anybody, where this bot is."""
        return self.history.find(app_id, message_id)

    def reset(self) -> None:
        """Forget what happened; applications and connections stay."""
        for part in (self.deliveries, self.history, self.limits, self.faults, self.calls, self.chats):
            part.clear() if isinstance(part, (dict, Faults)) else part.reset()
        self.users.clear()
        self.telephones.rung.clear()
        self.resources.clear()
        self.open_demo()
        for app_id in self.apps:
            self.history.publish(app_id, "reload", {})


def build_world(apps: dict[str, str], options: Options) -> World:
    """A fresh world with those applications (app id → secret)."""
    faults, links = Faults(), Links()
    world = World(
        options=options,
        apps={app_id: App(app_id, secret, NAMES.get(app_id, "毕方")) for app_id, secret in apps.items()},
        faults=faults,
        links=links,
        deliveries=Deliveries(options, faults, links),
        history=History(),
        limits=Limits(options.limits, options.openapi_per_second, options.chat_per_second),
    )
    world.deliveries.on_progress.append(world.show_progress)
    world.open_demo()
    return world
