"""Chat configurations of every platform: found by name, and which of them may speak first."""

from typing import Final

from bifang.channels.queues.storable import OURS
from bifang.core.configuration.kinds import all_kinds, get_kind
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig

WEB: Final = OURS  # how the conversations on our own page begin


def platforms() -> str:
    """The platforms, for people: 钉钉或飞书."""
    return "或".join(kind.label for kind in all_kinds() if kind.corporation)


def find_chat(name: str) -> SystemConfig:
    """By its name; by kind/name where two platforms have that name. Raises InvalidInput."""
    kind, _, rest = name.partition("/")
    rows = SystemConfig.objects.chats()
    found = list(rows.filter(kind=kind, name=rest) or rows.filter(name=name))
    if len(found) == 1:
        return found[0]
    if not found:
        raise InvalidInput(f"没有名为「{name[:50]}」的{platforms()}配置。")
    known = "、".join(f"{row.kind}/{row.name}" for row in found)
    raise InvalidInput(f"有几个名为「{name[:50]}」的配置，请写明是哪一个：{known}。")


def name_of(config: SystemConfig) -> str:
    """The name that `find_chat` always finds it by, whatever other platforms have."""
    return f"{config.kind}/{config.name}"


def label_of(config: SystemConfig) -> str:
    """The platform that it is on: 钉钉, 飞书."""
    return get_kind(config.kind).label


def speaks(config: SystemConfig) -> bool:
    """May anything be said through it unasked?"""
    return (
        config.enabled and not config.archived_at and bool(config.params.get("notifications_enabled", True))
    )
