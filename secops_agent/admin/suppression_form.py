"""The form of a suppression rule: the conditions of notification rules, and what the last days say of them."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from unfold.widgets import UnfoldBooleanSwitchWidget

from bifang.core.entries import EntryFaults
from bifang.core.errors import BifangError
from secops_agent.admin.assets import TagsField
from secops_agent.admin.rule_form import choice_boxes
from secops_agent.models import SuppressionRule
from secops_agent.models.choices import Importance, Severity
from secops_agent.services.actors import Actor
from secops_agent.services.faults import Forbidden
from secops_agent.services.notifications.conditions import Conditions
from secops_agent.services.suppressions.rules import CONDITIONS, demand, read_suppression

ACKNOWLEDGE: Final = "acknowledge_attacks"


class SuppressionForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What it says goes through the one door of suppression rules; ``actor`` is at the keyboard."""

    actor: Actor
    severities = choice_boxes(
        "级别", Severity.choices, "不选表示所有级别；含严重、高危时启用需要「审批」角色。"
    )
    sources = TagsField(label="来源", required=False, help_text="例如 waf，suricata；留空表示所有来源。")
    rules = TagsField(label="检测规则", required=False, help_text="名称或编号；留空表示所有规则。")
    asset_tags = TagsField(label="资产标签", required=False, help_text="告警的资产有其中任何一个标签。")
    importance = choice_boxes("资产重要性", Importance.choices, "不选表示不论重要性。")
    owners = TagsField(label="资产负责人", required=False, help_text="员工 ID；留空表示不论负责人。")
    acknowledge_attacks = forms.BooleanField(
        label="我知道它会抑制判为真实攻击的告警",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="只有试算里出现「真实攻击」时才需要；会记入审计。",
    )

    class Meta:
        model = SuppressionRule
        fields = ("name", "enabled", "reason", "expires_at")
        help_texts = {
            "enabled": "启用前先看下面的试算：最近 7 天它会抑制哪些告警。",
            "reason": "给同事和以后的自己看，例如「每周三的漏洞扫描」。",
            "expires_at": "到时自动失效；留空表示一直有效。",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        conditions = Conditions(**self.instance.conditions)
        self.initial.update({name: list(getattr(conditions, name)) for name in CONDITIONS})

    def given(self) -> dict[str, Any]:
        """As the one door takes it."""
        values = self.cleaned_data
        plain = ("name", "enabled", "reason", "expires_at", ACKNOWLEDGE)
        return {name: values[name] for name in plain} | {name: values[name] for name in CONDITIONS}

    def clean(self) -> dict[str, Any]:
        """Everything that the door would refuse, at its field."""
        values: dict[str, Any] = super().clean() or {}
        if self.errors:
            return values
        try:
            demand(read_suppression(self.given()), self.actor)
        except EntryFaults as error:
            for place, text in error.faults:
                self.add_error(_field(place), text)
        except Forbidden as error:
            self.add_error("enabled", error.message)
        except BifangError as error:
            self.add_error(None, error.message)
        return values


def _field(place: str) -> str | None:
    """The field of a place like ``conditions.owners.1``."""
    named = [
        part
        for part in place.split(".")
        if part in (*CONDITIONS, "name", "reason", "expires_at", ACKNOWLEDGE)
    ]
    return named[0] if named else None


def draft(given: Mapping[str, Any]) -> dict[str, Any]:
    """A form that nobody has saved: what it lacks for a trial does not matter."""
    data = given.copy() if hasattr(given, "copy") else dict(given)
    data.pop("enabled", None)
    data["name"], data["reason"] = data.get("name") or "草稿", data.get("reason") or "草稿"
    data.pop("expires_at_0", None)
    data.pop("expires_at_1", None)
    return data
