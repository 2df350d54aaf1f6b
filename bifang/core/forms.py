"""The form of a configuration, made from the fields of its kind."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django import forms
from django.db import IntegrityError
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from bifang.core import configs
from bifang.core.changes import PROGRAM, Author
from bifang.core.errors import BifangError
from bifang.core.kinds import Field, Kind, get_kind
from bifang.core.models import SystemConfig
from bifang.core.references import is_reference

STALE = (
    "这份配置在您打开页面之后已被别人修改，为避免覆盖，没有保存。请重新打开这个页面，确认新的内容后再改一次。"
)
GONE = "这份配置已被归档，不能再修改。"
RACE = "刚刚有人保存了同名或同 Client ID 的配置，没有保存。请返回列表查看。"


def stored_values(config: SystemConfig) -> tuple[dict[str, Any], str]:
    """The stored values, secrets as stored, and why the secrets cannot be read ("" if they can)."""
    try:
        return configs.values_of(config), ""
    except BifangError as error:
        bare = SystemConfig(kind=config.kind, params=config.params, client_id=config.client_id)
        bare.ai_config = config.ai_config
        return configs.values_of(bare), error.message


def secret_hint(field: Field, value: str, problem: str, stored: bool) -> str:
    """What a page says about a secret: never the secret itself, but the name of a reference."""
    if problem and stored:
        return "无法读取"
    if not value:
        return ""
    if is_reference(value):
        return f"引用 {value}"
    return f"已设置 {proxy_place(value)}" if field.type == "proxy" else "已设置"


def proxy_place(proxy: str) -> str:
    """A proxy without its password."""
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class SecretInput(forms.PasswordInput):
    """An empty password box; for a stored secret hidden behind 「已设置 · 修改」. The value is never rendered."""

    template_name = "bifang/secret_input.html"

    def __init__(self, hint: str = "") -> None:
        super().__init__({"class": " ".join(INPUT_CLASSES), "autocomplete": "new-password"})
        self.hint = hint
        self.readonly = False

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str | None:
        """None: nothing was typed, what is stored stays; "": it was asked to be removed."""
        typed = data.get(name) or None
        return typed if typed or not data.get(f"{name}-clear") else ""

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> dict[str, Any]:
        """`value` is what was typed into a form that comes back with errors: it has to be typed again."""
        context = super().get_context(name, None, dict(attrs or {}))
        clearable = bool(self.hint) and not self.is_required
        return context | {
            "hint": self.hint,
            "typed": bool(value),
            "clearable": clearable,
            "readonly": self.readonly,
        }


class _Configurations(forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    def label_from_instance(self, obj: Any) -> str:
        return obj.name if obj.enabled else f"{obj.name}（已停用）"


def _text(field: Field) -> forms.Field:
    return forms.CharField(
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}), max_length=field.max_length
    )


def _flag(_: Field) -> forms.Field:
    return forms.BooleanField(widget=UnfoldBooleanSwitchWidget())


def _choice(field: Field) -> forms.Field:
    return forms.ChoiceField(choices=field.choices, widget=UnfoldAdminSelectWidget())


def _number(_: Field) -> forms.Field:
    return forms.FloatField(widget=UnfoldAdminDecimalFieldWidget())


def _config(field: Field) -> forms.Field:
    rows = SystemConfig.objects.current().filter(kind=field.of_kind).order_by("name")
    return _Configurations(rows, empty_label="（不选）", widget=UnfoldAdminSelectWidget())


class _SecretField(forms.CharField):
    def clean(self, value: Any) -> Any:
        return super().clean(value) if value or self.required else value


def _secret(_: Field) -> forms.Field:
    return _SecretField(widget=SecretInput(), max_length=4000)


_MAKERS = {
    "text": _text, "address": _text, "flag": _flag, "choice": _choice, "number": _number,
    "config": _config, "secret": _secret, "proxy": _secret,
}  # fmt: skip


def form_field(field: Field) -> forms.Field:
    """The form field of a kind's field."""
    made = _MAKERS[field.type](field)
    made.label, made.help_text = field.label, field.help
    made.required = field.required and field.type != "flag"
    made.error_messages["required"] = f"请填写{field.label}。"
    return made


class ConfigForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Checks and writes in one step through `configs.save`, so that what was checked is what is written.

    Only valid inside a transaction (the admin's change view opens one): the row is locked while its revision is
    compared with the one the page was made from.
    """

    kind: ClassVar[Kind]
    author: ClassVar[Author]
    name = forms.CharField(
        label="配置名称", max_length=100, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="如「钉钉Stream推送配置」；同类配置中不能重名。", error_messages={"required": "请填写配置名称。"},
    )  # fmt: skip
    enabled = forms.BooleanField(label="启用", required=False, widget=UnfoldBooleanSwitchWidget())
    revision = forms.IntegerField(required=False, widget=forms.HiddenInput())

    class Meta:
        model = SystemConfig
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.problem = ""
        if self.instance.pk is None:
            self.initial = {"enabled": True, **{field.name: field.default for field in self.kind.fields}}
        else:
            self._fill(self.instance)
        for field in self.kind.fields:
            if field.sealed:
                self.initial[field.name] = None
            if field.directs and not self.author.superuser:
                self._shut(field)

    def _shut(self, field: Field) -> None:
        """For people who may only look; `configs.save` refuses them, whatever they send."""
        box = self.fields[field.name]
        box.help_text = f"{box.help_text}只有超级管理员可以修改。"
        if isinstance(box.widget, SecretInput):
            box.widget.readonly = True
        box.widget.attrs["readonly"] = True

    def _fill(self, config: SystemConfig) -> None:
        values, self.problem = stored_values(config)
        self.initial = {**values, "name": config.name, "enabled": config.enabled, "revision": config.revision}
        for field in self.kind.fields:
            if not field.sealed:
                continue
            box: Any = self.fields[field.name]
            hint = secret_hint(field, values[field.name], self.problem, config.secrets is not None)
            box.widget.hint = hint
            box.required = box.required and (not hint or bool(self.problem))

    def _post_clean(self) -> None:
        if self.errors:
            return
        filled = ((field, self.cleaned_data[field.name]) for field in self.kind.fields)
        given = {field.name: value for field, value in filled if not (field.sealed and value is None)}
        try:
            current = self._current() if self.instance.pk is not None else None
            self.instance, _ = configs.save(
                self.kind.name, self.cleaned_data["name"], self.cleaned_data["enabled"], given, config=current,
                author=self.author,
            )  # fmt: skip
        except configs.FieldErrors as errors:
            for name, text in errors.errors.items():
                self.add_error(name if name in self.fields else None, text)
        except IntegrityError:
            self.add_error(None, RACE)

    def _current(self) -> SystemConfig:
        rows = SystemConfig.objects.current().select_for_update()
        config = rows.filter(pk=self.instance.pk).first()
        if config is None:
            raise configs.FieldErrors({"": GONE})
        if config.revision != self.cleaned_data["revision"]:
            raise configs.FieldErrors({"": STALE})
        return config


def config_form(kind_name: str, author: Author = PROGRAM) -> type[ConfigForm]:
    """The form class of a kind, for somebody. Raises ConfigError for an unknown kind."""
    kind = get_kind(kind_name)
    fields = {field.name: form_field(field) for field in kind.fields}
    meta: Any = type(ConfigForm)
    made: type[ConfigForm] = meta(
        "KindForm", (ConfigForm,), {"kind": kind, "author": author, "__module__": __name__, **fields}
    )
    return made
