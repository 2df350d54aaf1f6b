"""A model field whose value is ciphertext in the database and stays sealed until someone opens it."""

from typing import TYPE_CHECKING, Any

from django.db import models

from bifang.core.keys import keyring


class Sealed:
    """Ciphertext of a JSON value. Opening it can fail (SecretError), reading the row cannot."""

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token

    @classmethod
    def of(cls, value: Any) -> "Sealed":
        """Seal a JSON value with the current key."""
        return cls(keyring().seal(value))

    def open(self) -> Any:
        """The JSON value. Raises SecretError."""
        return keyring().open(self.token)

    def __repr__(self) -> str:
        return "<Sealed>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)


if TYPE_CHECKING:
    _Text = models.TextField[Sealed | None, Sealed | None]
else:
    _Text = models.TextField  # not subscriptable at run time


class SealedField(_Text):
    """Holds `Sealed`; NULL is None."""

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
