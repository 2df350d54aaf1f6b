"""Kinds of configuration. The product applications register theirs; core knows none of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bifang.core.errors import ConfigError

FieldType = Literal["text", "secret", "flag", "choice", "number", "config", "address"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind, as the form, apply_configs and the check see it.

    ``config``: the name of another configuration of kind ``of_kind``. ``secret`` values are sealed and never
    sent back. Changing an ``address`` requires entering the secrets again.
    """

    name: str
    label: str
    type: FieldType = "text"
    help: str = ""
    required: bool = False
    default: Any = ""
    choices: tuple[tuple[str, str], ...] = ()
    of_kind: str = ""
    advanced: bool = False
    max_length: int = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """What a configuration row holds, secrets resolved: the input of `Kind.build`."""

    id: int
    kind: str
    name: str
    enabled: bool
    revision: int
    values: Mapping[str, Any]


class Kind(Protocol):
    """A kind of configuration: its fields, what is valid, and the frozen dataclass code works with."""

    name: str
    label: str
    fields: tuple[Field, ...]

    def validate(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Field name → Chinese error, beyond what the fields themselves say (types, required)."""
        ...

    def build(self, stored: Stored) -> Any:
        """The frozen dataclass. Raises ConfigError if incomplete."""
        ...


_kinds: dict[str, Kind] = {}


def register_kind(kind: Kind) -> None:
    """Called by an application's `ready()`."""
    _kinds[kind.name] = kind


def get_kind(name: str) -> Kind:
    """The kind of that name. Raises ConfigError."""
    try:
        return _kinds[name]
    except KeyError:
        known = "、".join(sorted(_kinds))
        raise ConfigError(f"不认识的配置类型「{name}」；可用的有：{known}。") from None


def all_kinds() -> Iterable[Kind]:
    """Every registered kind, in order of registration."""
    return tuple(_kinds.values())


def field_of(kind: Kind, name: str) -> Field:
    """The field of that name; KeyError if the kind has none."""
    for field in kind.fields:
        if field.name == name:
            return field
    raise KeyError(name)
