"""The fields that configurations are made of: Django's form fields, which also know how their value is kept and shown.

One field draws the box of a page, cleans what a page or apply_configs gives, and gives code the value to work with.
"""

import ssl
from collections.abc import Mapping
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from unfold import widgets

from bifang.core.errors import BifangError, ConfigError
from bifang.core.models import SystemConfig
from bifang.core.outbound.network import tls_context
from bifang.core.outbound.rules import check_config_address, check_config_proxy
from bifang.core.secrets import references
from bifang.core.secrets.redaction import redact

LONGEST_SHOWN = 200
_TRUE, _FALSE = ("true", "yes", "on", "1", "是"), ("false", "no", "off", "0", "否", "")


class Setting(forms.Field):
    """``sealed`` values are encrypted and never sent back; one that ``directs`` says where secrets go.

    ``group``: under which heading it stands; ``advanced`` ones are folded away; what is set ``elsewhere`` has a page of
    its own; ``from_file``: only the operator's file (apply_configs) sets it, no page does; ``account``: at a service that
    many use, it says whose account what we say goes to.
    """

    sealed: ClassVar[bool] = False
    made: ClassVar[bool] = False
    elsewhere: ClassVar[bool] = False
    directs: ClassVar[bool] = False
    nothing: ClassVar[Any] = ""

    def __init__(
        self, label: str, *, required: bool = False, advanced: bool = False, group: str = "",
        from_file: bool = False, account: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        options = {"initial": self.nothing, "error_messages": {"required": f"请填写{label}。"}, **options}
        super().__init__(label=label, required=required, **options)
        self.advanced = advanced
        self.group = group
        self.from_file = from_file
        self.account = account

    def check(self, value: Any) -> None:
        """Raises ConfigError for a value that may not be used here; asked when it is stored and when it is used."""

    def run_validators(self, value: Any) -> None:
        """Whether a reference can be read now, and what stands there, is another question."""
        try:
            if self.sealed and references.is_reference(value):
                references.check_reference(value)
                return
            super().run_validators(value)
            self.check(value) if value else None
        except BifangError as error:
            raise ValidationError(error.message) from None

    def reserved(self, old: Any, new: Any) -> str:
        """Why only a superuser may put the stored value ``new`` in the place of ``old``; "" if others may as well."""
        return ""

    def references(self, value: Any) -> tuple[str, ...]:
        """Where a stored value is read from."""
        return (value,) if self.sealed and value and references.is_reference(value) else ()

    def use(self, value: Any) -> Any:
        """What code gets for a stored value, which may be trusted no more. Raises ConfigError, SecretError."""
        found = references.resolve(value) if self.sealed and value else value
        try:
            self.check(found) if found else None
        except ConfigError as error:
            raise ConfigError(f"{self.label}不能使用：{error.message}") from None
        return found

    def mended(self, given: Any, kept: Any) -> str:
        """What to tell somebody whose input was kept in another form; "" for nothing."""
        return ""

    def shown(self, value: Any) -> str:
        """For people who may look, and for the record: no secret, no address beyond its host."""
        return redact(str(value or ""))[:LONGEST_SHOWN]


class TextField(Setting, forms.CharField):
    """One line."""

    widget = widgets.UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    default_validators = [
        RegexValidator(r"[\x00-\x1f\x7f]", "含有不可见的控制字符，请重新复制粘贴。", inverse_match=True)
    ]

    def __init__(self, label: str, *, max_length: int = 500, **options: Any) -> None:
        super().__init__(label, max_length=max_length, **options)

    def to_python(self, value: Any) -> Any:
        """Numbers are what YAML makes of unquoted ids."""
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise ValidationError("应为文字。")
        return super().to_python(value)


class FlagField(Setting, forms.BooleanField):
    """On or off."""

    widget = widgets.UnfoldBooleanSwitchWidget
    nothing = False

    def to_python(self, value: Any) -> bool:
        """Strict about words; nothing given means as it is by default."""
        word = str(self.initial if value is None else value).strip().lower()
        if word not in _TRUE + _FALSE:
            raise ValidationError(f"「{value}」不是开关，请写 true 或 false。")
        return word in _TRUE

    def shown(self, value: Any) -> str:
        return "是" if value else "否"


class ChoiceField(Setting, forms.ChoiceField):
    """One of few; ``choices`` are pairs of value and label."""

    widget = widgets.UnfoldAdminSelectWidget

    def shown(self, value: Any) -> str:
        choices: Any = self.choices
        return str(dict(choices).get(value, value))


class NumberField(Setting, forms.FloatField):
    """A whole number stays one."""

    widget = widgets.UnfoldAdminDecimalFieldWidget
    nothing = 0

    def to_python(self, value: Any) -> Any:
        number = super().to_python(self.initial if value in self.empty_values else value)
        return int(number) if number is not None and number.is_integer() else number

    def shown(self, value: Any) -> str:
        return str(value)


class LinkField(Setting, forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    """Another configuration of one of these kinds, by its name; by kind/name where two kinds have that name.

    Named after a column of the table (`configs.COLUMNS`).
    """

    widget = widgets.UnfoldAdminSelectWidget
    nothing = None

    def __init__(self, label: str, *kinds: str, **options: Any) -> None:
        rows = SystemConfig.objects.current().filter(kind__in=kinds).order_by("name")
        super().__init__(label, queryset=rows, empty_label="（不选）", **options)

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values or isinstance(value, SystemConfig):
            return value or None
        (kind, _, name), rows = str(value).partition("/"), cast(Any, self.queryset)
        found = list(rows.filter(kind=kind, name=name) or rows.filter(name=value))
        if len(found) == 1:
            return found[0]
        if not found:
            raise ValidationError(f"没有名为「{value}」的配置可以关联；请先添加它，或写对名称。")
        known = "、".join(self.prepare_value(row) for row in found)
        raise ValidationError(f"有几个名为「{value}」的配置，请写明是哪一个：{known}。")

    def prepare_value(self, value: Any) -> Any:
        return f"{value.kind}/{value.name}" if isinstance(value, SystemConfig) else value

    def label_from_instance(self, obj: Any) -> str:
        if not obj.enabled:
            return f"{obj.name}（已停用）"
        why = " ".join(obj.last_error.split())
        return f"{obj.name}（最近一次出错：{why[:40]}{'…' if len(why) > 40 else ''}）" if why else obj.name


class SecretInput(forms.PasswordInput):
    """An empty password box; for a stored secret hidden behind 「已设置 · 修改」. The value is never rendered."""

    template_name = "bifang/secret_input.html"
    hint = ""

    def __init__(self) -> None:
        super().__init__({"class": " ".join(widgets.INPUT_CLASSES), "autocomplete": "new-password"})

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str | None:
        """None: nothing was typed, what is stored stays; "": it was asked to be removed."""
        return data.get(name) or ("" if data.get(f"{name}-clear") else None)

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> dict[str, Any]:
        """`value` is what was typed into a form that comes back with errors: it has to be typed again."""
        context = super().get_context(name, None, dict(attrs or {}))
        clearable = bool(self.hint) and not self.is_required
        return context | {"hint": self.hint, "typed": bool(value), "clearable": clearable}


class SecretField(TextField):
    """A literal, or where it is read: ``env:NAME``, ``file:PATH``. None keeps what is stored."""

    sealed = True
    widget = SecretInput

    def __init__(self, label: str, *, max_length: int = 4000, **options: Any) -> None:
        super().__init__(label, max_length=max_length, **options)

    def clean(self, value: Any) -> Any:
        return None if value is None and not self.required else super().clean(value)

    def shown(self, value: Any) -> str:
        return f"引用 {value}" if references.is_reference(value) else "已设置" if value else ""


class MadeField(SecretField):
    """A secret that we make up ourselves (`Kind.completed`): nobody enters it, nobody sees it, a new address gets a new one."""

    elsewhere = True
    made = True


class AddressField(TextField):
    """Where secrets go: https on a trusted host, or on the operator's list.

    ``default_path`` is put behind an address that has none.
    """

    directs = True

    def __init__(self, label: str, *, default_path: str = "", **options: Any) -> None:
        super().__init__(label, **options)
        self._default_path = default_path

    def check(self, value: Any) -> None:
        check_config_address(value)

    def to_python(self, value: Any) -> Any:
        address = super().to_python(value).rstrip("/")
        bare = address and "/" not in address.partition("://")[2]
        return address + self._default_path if bare else address

    def mended(self, given: Any, kept: Any) -> str:
        typed = str(given or "").strip().rstrip("/")
        return f"{self.label}已补全为 {kept}。" if typed and typed != kept else ""

    def shown(self, value: Any) -> str:
        place = _origin(value)
        return place if value.rstrip("/") == place else f"{place}/…"


class ProxyField(SecretField):
    """A proxy on the operator's list; it may hold a password."""

    directs = True

    def __init__(self) -> None:
        super().__init__(
            "HTTP 代理", advanced=True,
            help_text="形如 http://用户:密码@主机:3128，主机须在 BIFANG_ADDRESS_ALLOW_LIST 中；密码保存后不再显示。"
            "留空使用环境变量 HTTP_PROXY / HTTPS_PROXY。不支持 SOCKS。",
        )  # fmt: skip

    def check(self, value: Any) -> None:
        check_config_proxy(value)

    def shown(self, value: Any) -> str:
        literal = value and not references.is_reference(value)
        return f"已设置 {_origin(value)}" if literal else super().shown(value)


class CaField(SecretField):
    """Whose certificates to believe: a reference to a PEM file. No secret, but it says who gets them."""

    directs = True

    def __init__(self) -> None:
        super().__init__(
            "CA 证书", advanced=True,
            help_text="对方的证书由公司自己的 CA 签发（或自签名）时填写，例如 file:/run/secrets/ca.pem；只信任它。留空用系统的 CA。",
        )  # fmt: skip

    def check(self, value: Any) -> None:
        try:
            tls_context(value)
        except (ssl.SSLError, ValueError):
            raise ConfigError("不是 PEM 格式的证书（-----BEGIN CERTIFICATE----- 开头）。") from None

    def run_validators(self, value: Any) -> None:
        if value and not value.startswith("file:"):
            raise ValidationError("请写 file: 开头的路径，例如 file:/run/secrets/ca.pem。")
        super().run_validators(value)


def _origin(address: str) -> str:
    """Without user and password."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if address else ""
