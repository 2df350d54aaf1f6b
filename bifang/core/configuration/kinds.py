"""Kinds of configuration. The product applications register theirs; core knows none of them."""

from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bifang.core.errors import ConfigError
from bifang.core.registry import Registry

if TYPE_CHECKING:
    from bifang.core.configuration.fields import Setting
    from bifang.core.models import SystemConfig


class Kind:
    """One kind of configuration, all of it in one class: its fields are declared as those of a Django form are.

    ``icon`` (Material Symbols), ``section``, ``sentence``, ``at_hand`` (what one needs) and ``place`` are for the page on
    which a kind is chosen; ``start`` says why to begin with it, "" for one that is not begun with. ``groups``: where
    the values of a group of fields are found. ``boxes``: the fields of its form, without those that are set elsewhere or from a file.
    ``corporation``: of a chat platform, the field that says whose people it talks with; "" for what is no chat.
    ``carries``: does it carry out approved actions?
    ``ids_of_application``: are people's ids those of one application, and another one's of the same corporation different?
    """

    name: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str] = "tune"
    section: ClassVar[str] = "其他"
    sentence: ClassVar[str] = ""
    at_hand: ClassVar[str] = ""
    start: ClassVar[str] = ""
    place: ClassVar[int] = 99
    corporation: ClassVar[str] = ""
    ids_of_application: ClassVar[bool] = False
    carries: ClassVar[bool] = False
    groups: ClassVar[Mapping[str, str]] = {}
    fields: ClassVar[Mapping[str, "Setting"]] = {}
    boxes: ClassVar[Mapping[str, "Setting"]] = {}

    def __init_subclass__(cls) -> None:
        cls.fields = {name: one for name, one in vars(cls).items() if hasattr(one, "to_python")}
        cls.boxes = {name: one for name, one in cls.fields.items() if not (one.elsewhere or one.from_file)}

    @classmethod
    def build(cls, config: "SystemConfig", values: dict[str, Any]) -> Any:
        """The frozen dataclass that code works with, from every field's value, secrets resolved."""
        raise NotImplementedError

    @classmethod
    def completed(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Field → value of what was left empty and we make up ourselves: keys that nobody needs to think of."""
        return {}

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> dict[str, str]:
        """Field → what is wrong with it beside the other fields; every value is right by itself."""
        return {}

    @classmethod
    def approving(cls, values: Mapping[str, Any]) -> str:
        """How a dangerous action is approved, in words, where 「同意」 written in the chat does not count; "" if it does."""
        return ""

    @classmethod
    def needless(cls, values: Mapping[str, Any]) -> frozenset[str]:
        """Boxes that mean nothing beside these values: nobody is asked for them."""
        return frozenset()

    @classmethod
    def vouches(cls, values: Mapping[str, Any]) -> str:
        """Why a configuration with these values says whose word counts; "" if it does not.

        One that does is made, changed, switched on and archived by superusers alone.
        """
        return ""

    @classmethod
    def needs_superuser(cls) -> bool:
        """Can nobody else make one, because it must say where secrets go, or whose account is used?"""
        return any((field.directs or field.account) and field.required for field in cls.fields.values())


KINDS: Final = Registry["type[Kind]"](attrgetter("name"))


def get_kind(name: str) -> type[Kind]:
    """The kind of that name. Raises ConfigError."""
    kind = KINDS.get(name)
    if kind is None:
        known = "、".join(sorted(one.name for one in KINDS))
        raise ConfigError(f"不认识的配置类型「{name}」；可用的有：{known}。")
    return kind


def all_kinds() -> list[type[Kind]]:
    """Every registered kind, as they are offered."""
    return sorted(KINDS, key=lambda kind: kind.place)


def chat_kinds() -> list[str]:
    """The names of those through which people talk with us."""
    return [kind.name for kind in all_kinds() if kind.corporation]


def carrying_kinds() -> list[str]:
    """The names of those that carry out approved actions."""
    return [kind.name for kind in all_kinds() if kind.carries]


def corporation_key(name: str) -> str:
    """`Kind.corporation`; "" for a kind that nobody registered."""
    kind = KINDS.get(name)
    return kind.corporation if kind else ""


def kind_choices() -> list[tuple[str, str]]:
    """Name and label of each, for the model."""
    return [(kind.name, kind.label) for kind in all_kinds()]
