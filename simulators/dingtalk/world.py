"""Everything that one simulator holds, in one place that its endpoints share."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from simulators.calls import Telephones
from simulators.faults import Faults
from simulators.history import History

from .cards import Cards
from .conversations import Conversations
from .deliveries import Deliveries
from .limits import Limits
from .links import Links
from .options import Options, Robot, Subscription, build_robot
from .people import Directory
from .sessions import Sessions


@dataclass(slots=True)
class GroupRobot:
    """A custom robot of one group; ``client_id`` says on which application's page the group is.

    ``blocked_until``: monotonic; ``peak``: the most that was sent within a minute; ``seen``: msgUuids.
    """

    token: str
    name: str = "自定义机器人"
    secret: str = field(default="", repr=False)
    keywords: list[str] = field(default_factory=list)
    client_id: str = "dingdemo"
    conversation_id: str = "cidDemoGroup=="
    blocked_until: float = 0.0
    peak: int = 0
    seen: set[str] = field(default_factory=set)


FILES_KEPT = 100


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a message, or one that a robot uploaded."""

    name: str
    body: bytes


DEMO_ROBOT = ("demorobot0123456789", "值班通知", "SECdemorobotsecret")


@dataclass(slots=True)
class World:
    """State of one simulator. ``base_url`` is set once it listens."""

    options: Options
    robots: dict[str, Robot]
    people: Directory
    conversations: Conversations
    history: History
    sessions: Sessions
    cards: Cards
    faults: Faults
    limits: Limits
    links: Links
    deliveries: Deliveries
    stopping: asyncio.Event
    base_url: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    telephones: Telephones = field(default_factory=Telephones)
    metered: Counter[str] = field(default_factory=Counter)  # of the monthly quotas: calls, messages
    group_robots: dict[str, GroupRobot] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)  # HTTP mode, by client id
    files: "dict[str, KeptFile]" = field(default_factory=dict)  # by downloadCode or media_id

    def keep_file(self, code: str, body: bytes, name: str = "") -> None:
        """Keep what a code gives; the oldest goes when there are too many."""
        if len(self.files) >= FILES_KEPT:
            del self.files[next(iter(self.files))]
        self.files[code] = KeptFile(name, body)

    def put_robot(self, robot: Robot) -> None:
        """Register an application, or replace what was known of it; the pages learn of it."""
        self.robots[robot.client_id] = robot
        self.conversations.open_for(robot.client_id)
        self.reload_pages()

    def reload_pages(self) -> None:
        """Have every open page ask again for everything, and the file written."""
        self.history.dirty = True
        for client_id in self.robots:
            self.history.publish(client_id, "reload", {})

    def reset(self) -> None:
        """Forget what happened; robots, people and connections stay."""
        for part in (self.history, self.cards, self.limits, self.deliveries):
            part.reset()
        self.faults.clear()
        self.sessions.known.clear()
        self.calls.clear()
        self.telephones.rung.clear()
        self.metered.clear()
        self.conversations.rooms.clear()
        for robot in self.group_robots.values():
            robot.blocked_until, robot.peak = 0.0, 0
            robot.seen.clear()
        for client_id in self.robots:
            self.conversations.open_for(client_id)


def build_world(apps: dict[str, str], options: Options) -> World:
    """A fresh world with those applications (client id → secret)."""
    people, faults, links = Directory(), Faults(), Links()
    world = World(
        options=options,
        robots={},
        people=people,
        conversations=Conversations(people),
        history=History(),
        sessions=Sessions(),
        cards=Cards(),
        faults=faults,
        limits=Limits(options.limits, options.webhook_per_minute, options.openapi_per_second),
        links=links,
        deliveries=Deliveries(options, faults, links),
        stopping=asyncio.Event(),
    )
    for client_id, secret in apps.items():
        world.put_robot(build_robot(client_id, secret))
    world.group_robots[DEMO_ROBOT[0]] = GroupRobot(*DEMO_ROBOT)
    return world
