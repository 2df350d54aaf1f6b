"""系统配置: choose a kind, fill in that kind's fields, see what each configuration is doing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.core.admin import kind_pages, model_choice, trying
from bifang.core.admin.base import NOTHING, Screen, author_of, badge, cell, extra
from bifang.core.changes import PROGRAM, Author
from bifang.core.configuration import config_rules, configs
from bifang.core.configuration.fields import FlagField, Setting
from bifang.core.configuration.kinds import Kind, all_kinds, get_kind
from bifang.core.errors import BifangError, ConfigError
from bifang.core.models import SystemConfig

# The form of a configuration: the fields of its kind, and what every configuration has.

STALE = (
    "这份配置在您打开页面之后已被别人修改，为避免覆盖，没有保存。请重新打开这个页面，确认新的内容后再改一次。"
)
GONE = "这份配置已被归档，不能再修改。"
_TRY: Final = "configuration_to_try"  # in the session: no link starts a trial, only what was saved here does
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
            if (
                box.directs or box.account
            ) and not self.author.superuser:  # refused by `configs.save`, whatever is sent
                box.help_text = f"{box.help_text}只有超级管理员可以修改。"
                box.widget.attrs["readonly"] = True

    def _post_clean(self) -> None:
        for name, field in self.kind.fields.items():
            if field.from_file and name in self.data:
                self.add_error(None, f"{field.label}：{config_rules.FROM_FILE}")
        if self.errors:
            return
        cleaned = self.cleaned_data
        try:
            config = self._current() if self.instance.pk else None
            self.instance, self.instance.__dict__["bf_written"] = configs.save(
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


# Which kind of configuration to add: what each is for, what one needs at hand, and which one to begin with.


@dataclass(frozen=True, slots=True)
class KindChoice:
    """A kind as it is offered. ``first``: why to take it now, "" for all but one; ``word`` says so; ``there``: how many
    exist.
    """

    kind: type[Kind]
    offered: bool
    first: str
    word: str
    there: int


def choices(offers: Callable[[type[Kind]], bool]) -> list[tuple[str, list[KindChoice]]]:
    """Section → its kinds, in order. The one to begin with is the first whose section has nothing enabled yet."""
    rows = SystemConfig.objects.current().values_list("kind", "enabled")
    found = list(rows)
    known = {kind.name: kind for kind in all_kinds()}
    served = {known[name].section for name, enabled in found if enabled and name in known}
    first = next(
        (one for one in all_kinds() if one.start and offers(one) and one.section not in served), None
    )
    sections: dict[str, list[KindChoice]] = {}
    for kind in all_kinds():
        there = sum(name == kind.name for name, _ in found)
        word = "建议接着做" if served else "从这里开始"
        choice = KindChoice(kind, offers(kind), kind.start if kind is first else "", word, there)
        sections.setdefault(kind.section, []).append(choice)
    return list(sections.items())


ADVANCED = "高级设置（一般不用修改）"
MOST_WATCHED = 200
PAGES = "admin/core/systemconfig"


@admin.register(SystemConfig)
class SystemConfigScreen(Screen):
    """All writing goes through `bifang.core.configuration.configs`; deleting archives."""

    records_itself = True
    one_by_one = True
    list_display = ("id", "name", "kind", "enabled_badge", "live_state", "problem")
    add_label = "新增配置"
    list_before_template = f"{PAGES}/hint.html"
    list_display_links = ("id", "name")
    list_filter = ("kind", "enabled")
    search_fields = ("name", "client_id", "=id")
    search_help_text = "按名称、Client ID 或配置 ID 搜索"
    ordering = ("id",)
    actions = ("enable", "disable")
    change_form_template = f"{PAGES}/change_form.html"

    enabled_badge = cell(
        "启用", lambda config: badge("启用", "ok") if config.enabled else badge("停用"), ordering="enabled"
    )

    @admin.display(description="连接状态")
    def live_state(self, config: Any) -> SafeString | str:
        """Refreshed by the page's script, together with `problem`."""
        if config.live is None:
            return NOTHING
        return format_html('<span class="bf-live" data-live="{}">{}</span>', config.pk, config.live.state)

    @admin.display(description="最近错误", ordering="last_error_at")
    def problem(self, config: Any) -> SafeString | str:
        """The newest error and its time."""
        if config.live is None:
            return kind_pages.problem(config.last_error, config.last_error_at)
        return format_html(
            '<span class="bf-cell" data-live-problem="{}">{}</span>', config.pk, config.live.problem
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SystemConfig]:
        """Archived ones are out of sight."""
        return (
            super().get_queryset(request).filter(archived_at=None).select_related("ai_config", "ai_fallback")
        )

    def look_up(self, rows: Sequence[Any]) -> None:
        """Live states."""
        states = kind_pages.look(rows)
        for row in rows:
            row.live = states.get(row.pk)

    # The pages of one configuration

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """First the kind, then its fields."""
        asked = request.GET.get("kind", "")
        chosen = next(
            (kind for kind in all_kinds() if kind.name == asked and self._offers(request, kind)), None
        )
        if chosen is not None:
            context = {
                "title": f"新增{chosen.label}配置",
                **self._around(request, chosen, None),
                **(extra_context or {}),
            }
            return super().add_view(request, form_url, context)
        if not self.has_add_permission(request):
            raise PermissionDenied
        found = choices(lambda kind: self._offers(request, kind))
        found = [each for each in found if each[0] == request.GET.get("section")] or found
        return self.page(request, f"{PAGES}/choose.html", "新增配置：选择类型", sections=found)

    def _offers(self, request: HttpRequest, kind: type[Kind]) -> bool:
        return request.user.is_superuser or not kind.needs_superuser()

    def _around(self, request: HttpRequest, kind: type[Kind], config: SystemConfig | None) -> dict[str, Any]:
        """What stands around the form."""
        place = reverse("admin:core_systemconfig_try", args=[config.pk if config else kind.name])
        may = self.has_change_permission(request, config) if config else self.has_add_permission(request)
        checkup = kind_pages.page_of(kind.name).checkup
        return {
            "kind": kind, "checkup": checkup, "try_url": place if checkup and may else "", "try_now": config is not None and request.session.pop(_TRY, None) == config.pk,
            "show_save_and_add_another": False, "show_save_and_continue": False,
        }  # fmt: skip

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Says on the page what is wrong with the configuration, unreadable secrets above all."""
        context = {
            "show_delete": False,
            "live_url": reverse("admin:core_systemconfig_live") + "?page=1",
            **(extra_context or {}),
        }
        config = self.get_object(request, object_id)
        if config is not None:
            try:
                context |= self._around(request, get_kind(config.kind), config)
                context |= {
                    "live": kind_pages.look([config]).get(config.pk),
                    "facts": kind_pages.facts(request, config),
                }
                context |= {
                    "next": kind_pages.next_step(request, config),
                    "footer": kind_pages.form_footer(request, config),
                }
            except ConfigError as error:
                messages.error(request, error.message)
                return redirect("admin:core_systemconfig_changelist")
            if request.method == "GET":
                self._warn(request, config)
        return super().change_view(request, object_id, form_url, context)

    def _warn(self, request: HttpRequest, config: SystemConfig) -> None:
        try:
            configs.load(config)
        except BifangError as error:
            messages.warning(request, error.message)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form of the kind."""
        return config_form(
            obj.kind if obj else request.GET.get("kind", ""), author_of(request), obj.params if obj else {}
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The kind's fields, groups without one that must be filled in folded away; only values for those who may not change them."""
        kind = get_kind(obj.kind if obj else request.GET.get("kind", ""))
        editing = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        sets: dict[str, list[Any]] = {"": ["name", "enabled" if editing else "enabled_badge"]}
        needless = kind.needless(obj.params) if obj else frozenset()
        for name, field in kind.boxes.items():
            if name in needless:
                continue
            group = ADVANCED if field.advanced else field.group
            sets.setdefault(group, []).append(name if editing else shown_field(kind, name))
        sets |= {ADVANCED: sets.pop(ADVANCED)} if ADVANCED in sets else {}
        needed = {
            "",
            *(field.group for field in kind.boxes.values() if field.required and not field.advanced),
        }
        return [
            (group or None, {
                "fields": fields, "description": kind.groups.get(group, ""), "classes": ("collapse",) * (group not in needed),
            }) for group, fields in sets.items()
        ]  # fmt: skip

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        """Nothing from the address: a link must not fill in a form with secrets."""
        return {}

    def save_model(self, request: HttpRequest, obj: SystemConfig, form: Any, change: bool) -> None:
        """The form has written it; says where it was kept otherwise than typed."""
        for name, field in form.boxes.items():
            if told := field.mended(form.data.get(name), form.cleaned_data[name]):
                messages.info(request, told)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """To the page of the configuration, which says what comes next."""
        return self.response_change(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Stays on the page, which tries what was written: whether it works is shown there."""
        messages.success(request, f"已保存配置「{obj}」，几秒内生效。")
        if obj.enabled and obj.__dict__.get("bf_written"):
            request.session[_TRY] = obj.pk
        return redirect("admin:core_systemconfig_change", obj.pk)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Archives, after a question; records keep their archived configuration."""
        config = self.get_object(request, object_id)
        if config is None:
            return redirect("admin:core_systemconfig_changelist")
        if not self.has_delete_permission(request, config):
            raise PermissionDenied
        users = configs.users_of(config)
        if request.method != "POST" or users:
            stops = configs.uses_of(config)
            return self.page(
                request, f"{PAGES}/archive.html", "归档配置", object=config, users=users, uses=stops
            )
        try:
            configs.archive(config, author_of(request))
        except ConfigError as error:
            messages.error(request, error.message)
            return redirect("admin:core_systemconfig_changelist")
        self.log_deletions(request, SystemConfig.objects.filter(pk=config.pk))
        messages.success(request, f"已归档配置「{config}」；已有的消息和记录仍然保留。")
        return redirect("admin:core_systemconfig_changelist")

    # Actions

    @admin.action(description="启用所选的配置", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[SystemConfig]) -> None:
        """Switch on; takes effect within seconds."""
        self._switch(request, queryset, True)

    @admin.action(description="停用所选的配置", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[SystemConfig]) -> None:
        """Switch off; running turns finish."""
        self._switch(request, queryset, False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[SystemConfig], enabled: bool) -> None:
        word, done = ("启用" if enabled else "停用"), 0
        for config in queryset.exclude(enabled=enabled):
            try:
                configs.set_enabled(config, enabled, author_of(request))
            except configs.FieldErrors as errors:
                messages.error(request, f"配置「{config}」没有{word}：{'；'.join(errors.errors.values())}")
                continue
            self.log_change(request, config, f"已{word}。")
            done += 1
        messages.success(request, f"已{word} {done} 个配置，几秒内生效。") if done else None

    # Live states

    @extra("<str:which>/try/", need="")
    def try_view(self, request: HttpRequest, which: str) -> HttpResponseBase:
        """``which``: a configuration, or the kind of a new one. For those who could save what they try."""
        config = self.get_object(request, which) if which.isdecimal() else None
        kind = next((kind for kind in all_kinds() if kind.name == (config.kind if config else which)), None)
        may = self.has_change_permission(request, config) if config else self.has_add_permission(request)
        if kind is None or not may or not (config or self._offers(request, kind)):
            raise PermissionDenied
        return trying.answer(request, kind.name, config)

    @extra("models/")
    def models_view(self, request: HttpRequest) -> HttpResponse:
        """Which model answers where. POST ``chat``, ``model`` ("" for none): this one from now on, and its page tries it."""
        may_choose = self.has_change_permission(request)
        if request.method != "POST":
            context = {
                "chats": model_choice.choices(),
                "model_section": model_choice.SECTION,
                "may_choose": may_choose,
                "may_add": self.has_add_permission(request),
            }
            return self.page(request, f"{PAGES}/models.html", "换模型", **context)
        if not may_choose:
            raise PermissionDenied
        chat, model = (
            int(value) if value.isdecimal() else None
            for value in map(request.POST.get, ("chat", "model"), ("", ""))
        )
        try:
            robot, chosen = model_choice.choose(chat or 0, model, author_of(request))
        except SystemConfig.DoesNotExist:
            messages.error(request, "这个配置已经归档或停用，没有换。")
        except configs.FieldErrors as errors:
            messages.error(request, f"没有换：{'；'.join(errors.errors.values())}")
        else:
            told = f"「{chosen.name}」" if chosen else model_choice.OFFLINE
            tried = "；下面正在试它" if chosen else ""
            messages.success(request, f"「{robot.name}」换成了{told}，几秒内生效{tried}。")
            if chosen:
                request.session[_TRY] = chosen.pk
                return redirect("admin:core_systemconfig_change", chosen.pk)
        return redirect("admin:core_systemconfig_models")

    @extra("live/", need="")
    def live_view(self, request: HttpRequest) -> JsonResponse:
        """``?ids=1,2`` → ``{"configs": {"1": {state, problem}}}``: what the two columns show now.
        With ``page=1`` also ``facts`` and ``next``, what the page of one configuration shows.
        """
        if not self.has_view_permission(request):
            return JsonResponse({"error": "无权查看系统配置。"}, status=403)
        named = request.GET.get("ids", "").split(",")[:MOST_WATCHED]
        ids = [int(part) for part in named if part.isascii() and part.isdecimal() and len(part) < 19]
        rows = list(self.get_queryset(request).filter(pk__in=ids[:1] if "page" in request.GET else ids))
        shown = {
            pk: {"state": one.state, "problem": one.problem} for pk, one in kind_pages.look(rows).items()
        }
        for row in rows if "page" in request.GET else []:
            more = {"facts": kind_pages.facts(request, row), "next": kind_pages.next_step(request, row)}
            shown.setdefault(row.pk, {}).update(more)
        return JsonResponse({"configs": shown})
