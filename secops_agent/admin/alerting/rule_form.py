"""Forms of notification and suppression rules: YAML as fields, a rule in words, and what it would do while it is filled in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.http import QueryDict
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTimeWidget,
    UnfoldBooleanSwitchWidget,
)

from bifang.core.configuration.entries import EntryFaults
from bifang.core.configuration.fields import SecretField, TextField
from bifang.core.errors import BifangError
from secops_agent.admin.sources.assets import TagsField
from secops_agent.models import CallMeans, NotificationRule, NotificationTarget, OnCallSchedule
from secops_agent.models.choices import Importance, Severity
from secops_agent.models.people.on_call import Days
from secops_agent.services.decisions.carriers import named_carrier
from secops_agent.services.intake.exposed import RULE as EXPLOITED
from secops_agent.services.notifications import choices, targets
from secops_agent.services.notifications.calls import GATEWAY_TOOL
from secops_agent.services.notifications.conditions import CHANGES, WORDS, Conditions, Grouping, Hours
from secops_agent.services.notifications.preview import preview_of
from secops_agent.services.notifications.robots import Grant, demand
from secops_agent.services.notifications.rules import MOST_REPEATS, MOST_STEPS, Rule, RuleEntry, read_rule
from secops_agent.services.on_call.shifts import unmanned

LISTS: Final = (
    "severities",
    "on",
    "sources",
    "rules",
    "asset_tags",
    "assets",
    "importance",
    "owners",
    "addresses",
)
HOURS: Final = ("days", "quiet_from", "quiet_until", "always", "waits")
GROUP: Final = {"from": "size", "within_seconds": "within_seconds"}
STEPS: Final = range(MOST_STEPS)
ROBOT: Final = ("robot_name", "robot_url", "robot_secret")
ROBOT_HELP: Final = (
    "在群设置 → 机器人 → 自定义 中复制，以 https://oapi.dingtalk.com/robot/send 开头；保存后不再显示。"
    "超级管理员也可以写 env:BIFANG_SECRET_名称 或 file:/run/secrets/文件名。"
)


# What a new rule may begin with: in words, its fields, the kind of place of which the first is told.
MODELS: Final[Mapping[str, tuple[str, Mapping[str, Any], str]]] = {
    "critical": ("严重的进值班群", {"severities": ["critical"]}, "group"),
    "on_call": ("先给值班人", {"severities": ["critical", "high"], "after_0": 15}, "on_call"),
    "night": ("晚上只叫醒严重", {"severities": ["critical", "high"], "quiet_from": "22:00", "quiet_until": "08:00"}, "on_call"),
    "nights": ("仅夜间 22:00–08:00", {"severities": ["critical", "high"], "quiet_from": "08:00", "quiet_until": "22:00", "always": [], "waits": False}, "on_call"),
    "exploited": ("已被利用的漏洞进值班群", {"severities": ["critical", "high"], "rules": [EXPLOITED]}, "group"),
}  # fmt: skip


def choice_boxes(
    label: str, values: Iterable[tuple[str, Any]], help_text: str = ""
) -> forms.MultipleChoiceField:
    """Any number of them."""
    return forms.MultipleChoiceField(
        label=label, choices=list(values), required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, help_text=help_text
    )  # fmt: skip


def _places(label: str, help_text: str = "") -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, required=False, widget=UnfoldAdminSelect2MultipleWidget, help_text=help_text
    )


def _minutes(step: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=f"第 {step + 1} 步：再等几分钟", required=False, min_value=1, max_value=7 * 24 * 60,
        widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip


def _means() -> forms.ChoiceField:
    return forms.ChoiceField(
        label="同时怎么叫", choices=[("", "只发消息"), *CallMeans.choices], required=False, widget=UnfoldAdminSelectWidget,
        help_text="只能叫值班人和点名的人；DING 由钉钉配置叫，加急由飞书配置叫。",
    )  # fmt: skip


def _robot() -> dict[str, forms.Field]:
    """Made anew for each form: a secret's box remembers what it shows."""
    fields = (
        TextField("名称", max_length=100, help_text="给人看的，例如「应急群的机器人」。"),
        SecretField("Webhook 地址", max_length=500, help_text=ROBOT_HELP),
        SecretField("加签密钥", max_length=500, help_text="安全设置选「加签」时给出的、以 SEC 开头的密钥。"),
    )
    return dict(zip(ROBOT, fields, strict=True))


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What it says goes through the one door of rules; errors stand at their fields."""

    severities = choice_boxes("级别", Severity.choices, "不选表示所有级别。")
    on = choice_boxes("什么事", CHANGES.items())
    sources = TagsField(label="来源", required=False, help_text="例如 waf，suricata；留空表示所有来源。")
    rules = TagsField(label="检测规则", required=False, help_text="名称或编号；留空表示所有规则。")
    asset_tags = TagsField(label="资产标签", required=False, help_text="告警的资产有其中任何一个标签。")
    assets = TagsField(label="资产", required=False, help_text="资产的名称；留空表示不论资产。")
    importance = choice_boxes("资产重要性", Importance.choices, "不选表示不论重要性。")
    owners = TagsField(label="资产负责人", required=False, help_text="员工 ID；留空表示不论负责人。")
    addresses = TagsField(label="地址", required=False, help_text="告警的来源、目标等 IP；留空表示不论地址。")
    days = forms.ChoiceField(label="哪些天发送", choices=Days.choices, widget=UnfoldAdminSelectWidget)
    quiet_from = forms.TimeField(
        label="发送时段到",
        required=False,
        widget=UnfoldAdminTimeWidget,
        help_text="可以到第二天早上，例如 08:00。",
    )
    quiet_until = forms.TimeField(
        label="发送时段从",
        required=False,
        widget=UnfoldAdminTimeWidget,
        help_text="只在这段时间发，两格都空着是全天。仅夜间：从 22:00 到 08:00。",
    )
    waits = forms.BooleanField(
        label="其余时间发生的，等到时段开始再发", required=False, widget=UnfoldBooleanSwitchWidget,
        help_text="关上：其余时间发生的不由这条规则发送，仅夜间的规则要关上。",
    )  # fmt: skip
    always = choice_boxes("随时发送的级别", Severity.choices, "不受日期和发送时段限制。")
    size = forms.IntegerField(
        label="从第几条起归并", required=False, min_value=2, max_value=1000, widget=UnfoldAdminIntegerFieldWidget,
        help_text="同一条检测规则的告警，从这一条起合为一条消息；更严重的仍单独发送。",
    )  # fmt: skip
    within_seconds = forms.IntegerField(
        label="多少秒以内", required=False, min_value=10, max_value=3600, widget=UnfoldAdminIntegerFieldWidget
    )
    repeat = forms.IntegerField(
        label="全部步骤再重复几次", required=False, min_value=0, max_value=MOST_REPEATS, initial=0,
        widget=UnfoldAdminIntegerFieldWidget, help_text=f"最多 {MOST_REPEATS} 次；有人确认就停止。",
    )  # fmt: skip
    targets = _places("发给谁", "群要先在「已知的群」里：在群里 @ 机器人一次即可。")
    grant: Grant = "none"
    user: Any = None  # the one who chooses
    like = ""  # key of `MODELS`

    class Meta:
        model = NotificationRule
        fields = ("name", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.grant != "none":
            self.fields |= _robot()
        for step in STEPS:
            self.fields[f"after_{step}"] = _minutes(step)
            self.fields[f"to_{step}"] = _places("通知谁", "不选则通知所有管理员。")
            self.fields[f"by_{step}"] = _means()
        stored = list(self.instance.targets.all()) if self.instance.pk else []
        robots = choices.robot_choices() if self.grant != "none" else []
        mine = [choices.choice_of(each) for each in stored]
        gateway = named_carrier(GATEWAY_TOOL) is not None
        known = {each.key: each for each in (*robots, *mine, *choices.choices(self.user, gateway=gateway))}
        self._known = known
        sections: dict[str, list[tuple[str, str]]] = {}
        for each in known.values():
            sections.setdefault(each.section, []).append((each.key, each.label))
        for name in ("targets", *(f"to_{step}" for step in STEPS)):
            self.fields[name].choices = list(sections.items())  # type: ignore[attr-defined]  # a ChoiceField
        self._fill(stored)

    def _fill(self, stored: Iterable[Any]) -> None:
        """The stored rule, or what a new one begins with."""
        conditions, hours = Conditions(**self.instance.conditions), Hours(**self.instance.hours)
        self.initial.update({name: list(getattr(conditions, name)) for name in LISTS})
        self.initial.update({name: getattr(hours, name) for name in HOURS})
        group = Grouping(**self.instance.group).model_dump(by_alias=True)
        self.initial.update({field: group[key] for key, field in GROUP.items()})
        self.initial["repeat"] = self.instance.repeat
        self.initial["always"] = list(hours.always)
        for step, minutes in enumerate(self.instance.escalate):
            self.initial[f"after_{step}"] = minutes
        self.initial.update({f"by_{each.step}": each.by for each in stored if each.step is not None})
        for each in stored:
            name = "targets" if each.step is None else f"to_{each.step}"
            self.initial.setdefault(name, []).append(choices.choice_of(each).key)
        if self.like in MODELS:
            name, fields, place = MODELS[self.like]
            self.initial.update(fields, name=name, targets=self._first(place))

    def _first(self, kind: str) -> list[str]:
        """Of the places of a kind the first; of the rotas that with the least time when nobody is there."""
        found = [each for each in self._known.values() if each.entry["kind"] == kind]
        if kind == "on_call":
            rotas, now = OnCallSchedule.objects.in_bulk(field_name="name"), timezone.now()
            idle = {
                name: sum((each.end - each.start for each in unmanned([row], now)), timedelta(0))
                for name, row in rotas.items()
            }
            found.sort(key=lambda each: idle[each.entry["schedule"]])
        return [each.key for each in found[:1]]

    def given(self) -> dict[str, Any]:
        """As the one door takes it."""
        values = self.cleaned_data
        steps = [
            {
                "after_minutes": values[f"after_{step}"],
                "to": self._entries(f"to_{step}"),
                "by": values[f"by_{step}"],
            }
            for step in STEPS
            if values.get(f"after_{step}")
        ]
        return {
            "name": values["name"],
            "enabled": values["enabled"],
            "conditions": {name: values[name] for name in LISTS},
            "hours": {name: values[name] for name in HOURS},
            "group": {key: values[field] for key, field in GROUP.items() if values.get(field)},
            "targets": [*self._entries("targets"), *self._new_robot()],
            "escalate": steps,
            "repeat": values.get("repeat") or 0,
        }

    def _new_robot(self) -> list[dict[str, str]]:
        url, secret = (self.cleaned_data.get(name) or "" for name in ("robot_url", "robot_secret"))
        named = {"kind": "webhook", "name": self.cleaned_data.get("robot_name") or ""}
        return [named | {"url": url, "secret": secret}] if url else []

    def _entries(self, name: str) -> list[dict[str, str]]:
        return [self._known[key].entry for key in self.cleaned_data.get(name) or ()]

    def clean(self) -> dict[str, Any]:
        """Everything that the door would refuse, at its field."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("enabled") and not values.get("targets") and not values.get("robot_url"):
            self.add_error("targets", "启用规则前请选择至少一个目标。")
        if any(values.get(name) for name in ROBOT) and not (
            values.get("robot_url") and values.get("robot_name")
        ):
            self.add_error("robot_url", "请填写机器人的名称和 Webhook 地址；更换密钥时也要重新填写地址。")
        for step in STEPS:
            if (values.get(f"to_{step}") or values.get(f"by_{step}")) and not values.get(f"after_{step}"):
                self.add_error(f"after_{step}", "请填写等多少分钟。")
        if not values.get("on"):
            self.add_error("on", "请至少选择一项。")
        if not self.errors:
            self._check()
        return values

    def _check(self) -> None:
        try:
            _, rows = read_rule(self.given())
            for row in rows[: len(self._entries("targets")) + 1] if self._new_robot() else ():
                demand(self.grant, row)
        except EntryFaults as error:
            for place, text in error.faults:
                self.add_error(self._field(place.split(".")), text)
        except BifangError as error:
            self.add_error("robot_url" if self._new_robot() else "targets", error.message)

    def _field(self, place: Sequence[str]) -> str | None:
        """The field of a place like ``conditions.owners.1`` or ``escalate.2.to.1``."""
        steps = [step for step in STEPS if self.cleaned_data.get(f"after_{step}")]
        match place:
            case ["hours"]:
                return "quiet_until"
            case ["group", key, *_] if key in GROUP:
                return GROUP[key]
            case ["targets", *_]:
                return "targets"
            case ["escalate", number, *_] if 0 < int(number) <= len(steps):
                return f"to_{steps[int(number) - 1]}"
            case ["conditions" | "hours", name, *_] | [name, *_] if name in (*LISTS, *HOURS, "name"):
                return name
        return None


ALL: Final = "所有告警"
UNNAMED: Final = "还没有名称的规则"


def conditions_line(given: Mapping[str, Any]) -> str:
    """严重、高危；来源 waf；新告警."""
    levels = "、".join(str(Severity(each).label) for each in given.get("severities") or ())
    happens = "、".join(CHANGES[each] for each in given.get("on") or ())
    named = {**given, "importance": [Importance(each).label for each in given.get("importance") or ()]}
    rest = [
        f"{word} {'、'.join(map(str, named[name]))}"
        for name, word in WORDS.items()
        if named.get(name) and name != "severities"
    ]
    return "；".join(part for part in (levels, *rest, happens) if part) or ALL


def told_of(form: Any, given: QueryDict, rule: NotificationRule | None) -> dict[str, Any]:
    """``{known, text}`` of a form that nobody has saved; of what it lacks, the first thing."""
    data = given.copy()
    data.pop("enabled", None)  # a rule that is switched off need not be complete
    data["name"] = data.get("name") or UNNAMED
    filled = form(data, instance=rule)
    if not filled.is_valid():
        name, texts = next(iter(filled.errors.items()))
        label = filled.fields[name].label if name in filled.fields else ""
        return {"known": False, "text": f"{label}：{texts[0]}" if label else str(texts[0])}
    try:
        entry, rows = read_rule(filled.given())
    except BifangError as error:
        return {"known": False, "text": error.message}
    return {"known": True, "text": "\n".join(_lines(entry, rows))}


def _lines(entry: RuleEntry, rows: list[NotificationTarget]) -> list[str]:
    """What it is about, whom it tells, who comes next, how often; what is doubtful."""
    about = conditions_line(entry.conditions.model_dump())
    first = [each for each in rows if each.step is None]
    told = "、".join(map(targets.place_of, first)) or "还没有选发给谁"
    after, chain = 0, []
    for step, one in enumerate(entry.escalate):
        after += one.after_minutes
        who = "、".join(targets.place_of(each) for each in rows if each.step == step) or "所有管理员"
        who += f"，{CallMeans(one.by).label}" if one.by else ""
        chain.append(f"{after} 分钟没有人处理 → {who}")
    steps = tuple(one.after_minutes for one in entry.escalate)
    rule = Rule(0, entry.name, entry.conditions, entry.hours, tuple(first), steps, entry.group)
    return [
        f"{about} → {told}", *chain, f"{entry.group}", f"{preview_of(rule)}。", *_awake(entry),
        *filter(None, dict.fromkeys((targets.unwoken(first), *map(targets.doubt, rows)))),
    ]  # fmt: skip


def _awake(entry: RuleEntry) -> Iterator[str]:
    """What wakes people in the quiet hours all the same: other rules without any."""
    if entry.hours.quiet_from is None:
        return
    others = NotificationRule.objects.filter(enabled=True).exclude(name=entry.name).order_by("name")
    awake = [row.name for row in others if Hours(**row.hours).quiet_from is None]
    if awake:
        yield f"另有启用的规则全天发送，其余时间仍会发：{'、'.join(awake[:5])}。"
