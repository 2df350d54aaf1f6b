"""Kinds of configuration. The product applications register theirs; core knows none of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from bifang.core.errors import ConfigError

PROXY_HELP: Final = (
    "形如 http://用户:密码@主机:3128，主机须在 BIFANG_ADDRESS_ALLOW_LIST 中；保存后不再显示。"
    "留空使用环境变量 HTTP_PROXY / HTTPS_PROXY。不支持 SOCKS。"
)
FieldType = Literal["text", "secret", "flag", "choice", "number", "config", "address", "proxy"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind, as the form, apply_configs and the check see it.

    ``config``: the name of another configuration of kind ``of_kind``. ``secret`` values are sealed and never
    sent back, as is a ``proxy``, which may hold a password.
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

    @property
    def sealed(self) -> bool:
        """Encrypted at rest, and never shown again."""
        return self.type in ("secret", "proxy")

    @property
    def directs(self) -> bool:
        """Does it say where secrets go? Only a superuser changes it, and enters the secrets again."""
        return self.type in ("address", "proxy")


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


def needs_superuser(kind: Kind) -> bool:
    """Can nobody else make one, because it must say where secrets go?"""
    return any(field.directs and field.required for field in kind.fields)


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
