"""Parts of answers that several views share, and how views of services become them."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, ClassVar, Final, get_args, get_origin, get_type_hints

from rest_framework import serializers

from secops_agent.api.base import Form, Remark
from secops_agent.models.choices import ActorKind
from secops_agent.services.audit.history import HistoryEntry

_KINDS: Final[Mapping[Any, type[serializers.Field[Any, Any, Any, Any]]]] = {
    str: serializers.CharField, int: serializers.IntegerField, float: serializers.FloatField,
    bool: serializers.BooleanField, datetime: serializers.DateTimeField,
}  # fmt: skip
Meaning = str | serializers.Field[Any, Any, Any, Any]


class Output(Form):
    """An answer that is a frozen view: its fields have the view's types, ``told`` says which there are and what each means.

    A field instead of a meaning, where the type does not say enough. A subclass adds the fields of its own view.
    """

    view: ClassVar[type]
    told: ClassVar[Mapping[str, Meaning]]

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Those that are told, then those that are declared."""
        found = deepcopy(_told(type(self)))
        declared = super().get_fields()
        return {name: field for name, field in found.items() if name not in declared} | declared


@cache
def _told(kind: type[Output]) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    found: dict[str, serializers.Field[Any, Any, Any, Any]] = {}
    for each in reversed(kind.__mro__):
        if issubclass(each, Output) and "told" in vars(each):
            hints = get_type_hints(each.view)
            for name, meaning in each.told.items():
                found.pop(name, None)
                found[name] = _field(hints[name], meaning) if isinstance(meaning, str) else meaning
    return found


def _field(hint: Any, meaning: str) -> serializers.Field[Any, Any, Any, Any]:
    """Of the type of a view."""
    plain = [part for part in get_args(hint) if part is not NoneType]
    if get_origin(hint) is tuple:
        return serializers.ListField(child=_KINDS[plain[0]](), help_text=meaning)
    if NoneType in get_args(hint):
        return _KINDS[plain[0]](allow_null=True, help_text=meaning)
    return _KINDS[hint](help_text=meaning)


class Ref(Form):
    """An asset, by id and name."""

    id = serializers.IntegerField(help_text="编号")
    name = serializers.CharField(help_text="名称")


class HistoryOut(Output):
    """One change."""

    view = HistoryEntry
    told = {
        "at": "时间",
        "actor_kind": serializers.ChoiceField(choices=ActorKind.choices, help_text="操作者类型"),
        "actor": "操作者",
        "via": "途径",
        "action": "动作",
        "changes": serializers.DictField(
            child=serializers.ListField(child=serializers.JSONField(allow_null=True)),
            help_text="字段 → [原值, 新值]",
        ),
        "note": "备注",
    }


class NoteIn(Form):
    """A remark that goes into the history."""

    note = Remark(default="", max_length=2000, help_text="写进历史的备注，可以不填。")


def texts(help_text: str) -> serializers.ListField:
    """A list of texts in an answer."""
    return serializers.ListField(child=serializers.CharField(), help_text=help_text)


def flat(detail: Any) -> Mapping[str, Any]:
    """A detail view with the fields of its ``summary`` beside its own; its own win."""
    own = {each.name: getattr(detail, each.name) for each in fields(detail) if each.name != "summary"}
    return {each.name: getattr(detail.summary, each.name) for each in fields(detail.summary)} | own
