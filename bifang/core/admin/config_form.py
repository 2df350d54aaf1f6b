"""The form of a configuration: the fields of its kind, and what every configuration has."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django import forms
from django.db import IntegrityError

from bifang.core import configs
from bifang.core.admin.base import NOTHING
from bifang.core.changes import PROGRAM, Author
from bifang.core.fields import FlagField, Setting
from bifang.core.kinds import Kind, get_kind
from bifang.core.models import SystemConfig

STALE = (
    "这份配置在您打开页面之后已被别人修改，为避免覆盖，没有保存。请重新打开这个页面，确认新的内容后再改一次。"
)
GONE = "这份配置已被归档，不能再修改。"
RACE = "刚刚有人保存了同名或同 Client ID 的配置，没有保存。请返回列表查看。"


class ConfigForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Checks and writes in one step through `configs.save`, so that what was checked is what is written.

    Only valid inside a transaction (the admin's change view opens one): the row is locked while its revision is
    compared with the one the page was made from.
    """

    kind: ClassVar[type[Kind]]
    boxes: ClassVar[Mapping[str, Setting]] = {}
    author: ClassVar[Author] = PROGRAM
    name = configs.NAME
    enabled = FlagField("启用", initial=True)
    revision = forms.IntegerField(required=False, widget=forms.HiddenInput())

    class Meta:
        model = SystemConfig
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        values, problem = configs.values_of(self.instance) if self.instance.pk else ({}, "")
        if self.instance.pk:
            self.initial = values | {
                name: getattr(self.instance, name) for name in ("name", "enabled", "revision")
            }
        for name in self.boxes:
            box: Any = self.fields[name]
            if box.sealed:
                box.widget.hint = box.shown(values.get(name, "")) or ("无法读取" if problem else "")
                box.required = box.required and not values.get(name)
                self.initial[name] = None
            if box.directs and not self.author.superuser:  # refused by `configs.save`, whatever is sent
                box.help_text = f"{box.help_text}只有超级管理员可以修改。"
                box.widget.attrs["readonly"] = True

    def _post_clean(self) -> None:
        for name, field in self.kind.fields.items():
            if field.from_file and name in self.data:
                self.add_error(None, f"{field.label}：{configs.FROM_FILE}")
        if self.errors:
            return
        cleaned = self.cleaned_data
        try:
            config = self._current() if self.instance.pk else None
            self.instance, _ = configs.save(
                self.kind.name, cleaned["name"], cleaned["enabled"],
                {name: cleaned[name] for name in self.boxes}, config=config, author=self.author,
            )  # fmt: skip
        except configs.FieldErrors as errors:
            for name, text in errors.errors.items():
                self.add_error(name if name in self.fields else None, text)
        except IntegrityError:
            self.add_error(None, RACE)

    def _current(self) -> SystemConfig:
        config = SystemConfig.objects.current().select_for_update().filter(pk=self.instance.pk).first()
        if config is None:
            raise configs.FieldErrors({"": GONE})
        if config.revision != self.cleaned_data["revision"]:
            raise configs.FieldErrors({"": STALE})
        return config


def config_form(kind_name: str, author: Author, params: Mapping[str, Any]) -> type[ConfigForm]:
    """The form class of a kind, for somebody, beside what is stored. Raises ConfigError for an unknown kind."""
    kind = get_kind(kind_name)
    needless = kind.needless(params)
    boxes = {name: box for name, box in kind.boxes.items() if name not in needless}
    return type("KindForm", (ConfigForm,), {**boxes, "kind": kind, "boxes": boxes, "author": author})


def shown_field(kind: type[Kind], name: str) -> Callable[[SystemConfig], str]:
    """For people who may look but not change: a column of the page that shows a kind's field."""

    def show(config: SystemConfig) -> str:
        values, problem = configs.values_of(config)
        unread = problem and kind.fields[name].sealed
        return kind.fields[name].shown(values[name]) or ("无法读取" if unread else NOTHING)

    show.short_description = kind.fields[name].label  # type: ignore[attr-defined]  # Django's convention
    show.__name__ = name
    return show
