"""A model field whose value is ciphertext in the database and stays sealed until someone opens it.

Every seal is bound to its place: the table, the column, and the columns that tell its row from all others
(``bound_to``), which are known before the row is stored and never change. What is copied to another row does not open.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from django.db import models

from bifang.core.secrets.keys import keyring


class Sealed:
    """Ciphertext of a JSON value. Opening it can fail (SecretError), reading the row cannot."""

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token

    @classmethod
    def of(cls, value: Any, place: str) -> "Sealed":
        """Seal a JSON value with the current key, for one place (`place_of`)."""
        return cls(keyring().seal(value, place))

    def open(self, place: str) -> Any:
        """The JSON value. Raises SecretError."""
        return keyring().open(self.token, place)

    def __repr__(self) -> str:
        return "<Sealed>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)


def place_of(model: type[models.Model], column: str, row: Mapping[str, Any] | models.Model) -> str:
    """The place of a row's sealed column; a mapping needs to have the columns only to which the field is bound."""
    field = cast("SealedField", model._meta.get_field(column))
    values = row if isinstance(row, Mapping) else {name: getattr(row, name) for name in field.bound_to}
    return json.dumps([model._meta.db_table, column, *(str(values[name]) for name in field.bound_to)])


if TYPE_CHECKING:
    _Text = models.TextField[Sealed | None, Sealed | None]
else:
    _Text = models.TextField  # not subscriptable at run time


class SealedField(_Text):
    """Holds `Sealed`; NULL is None. ``bound_to`` is ours, not the database's: migrations do not know it."""

    def __init__(self, *args: Any, bound_to: Sequence[str] = ("id",), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bound_to = tuple(bound_to)

    def from_db_value(self, value: str | None, *_: object) -> Sealed | None:
        return None if value is None else Sealed(value)

    def to_python(self, value: Any) -> Any:
        return Sealed(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        return value.token if isinstance(value, Sealed) else value

    def value_to_string(self, obj: models.Model) -> str:
        value = self.value_from_object(obj)
        return value.token if isinstance(value, Sealed) else ""

    def formfield(self, *_: Any, **__: Any) -> None:
        """Never in a form: a sealed value does not travel to a page."""
        return
