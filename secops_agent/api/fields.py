"""Parts of answers that several views share, and how views of services become them."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from rest_framework import serializers

from secops_agent.api.base import Form, Remark
from secops_agent.models.choices import ActorKind


class Ref(Form):
    """An asset, by id and name."""

    id = serializers.IntegerField(help_text="编号")
    name = serializers.CharField(help_text="名称")


class HistoryOut(Form):
    """One change."""

    at = serializers.DateTimeField(help_text="时间")
    actor_kind = serializers.ChoiceField(choices=ActorKind.choices, help_text="操作者类型")
    actor = serializers.CharField(help_text="操作者")
    via = serializers.CharField(help_text="途径")
    action = serializers.CharField(help_text="动作")
    changes = serializers.DictField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True)),
        help_text="字段 → [原值, 新值]",
    )
    note = serializers.CharField(help_text="备注")


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
