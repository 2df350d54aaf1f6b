"""系统配置: choose a kind, fill in that kind's fields, see what each configuration is doing."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.core import configs
from bifang.core.admin import faces
from bifang.core.admin.base import NOTHING, HouseList, Screen, author_of, badge
from bifang.core.errors import BifangError, ConfigError
from bifang.core.forms import config_form, secret_hint, stored_values
from bifang.core.kinds import Field, Kind, all_kinds, get_kind, needs_superuser
from bifang.core.models import SystemConfig

ADVANCED = "高级设置（一般不用修改）"
MOST_WATCHED = 200


class ConfigList(HouseList):
    """Looks at the live state of a whole page in one go."""

    def get_results(self, request: HttpRequest) -> None:
        """As Django's, with ``live`` on every row."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        states = faces.look(rows)
        for row in rows:
            row.live = states.get(row.pk)
        self.result_list = rows


class KindFilter(admin.SimpleListFilter):
    """By kind, with the kinds' labels."""

    title = "类型"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every registered kind."""
        return [(kind.name, kind.label) for kind in all_kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


def shown_field(field: Field) -> Callable[[SystemConfig], Any]:
    """For people who may look but not change: a column of the page that shows a kind's field."""

    def show(config: SystemConfig) -> Any:
        values, problem = stored_values(config)
        value = values[field.name]
        if field.sealed:
            return secret_hint(field, value, problem, config.secrets is not None) or "未设置"
        if field.type == "flag":
            return "是" if value else "否"
        return dict(field.choices).get(value, value) or NOTHING

    show.short_description = field.label  # type: ignore[attr-defined]  # Django's convention
    show.__name__ = field.name
    return show


@admin.register(SystemConfig)
class SystemConfigScreen(Screen):
    """All writing goes through `bifang.core.configs`; deleting archives."""

    records_itself = True
    list_display = ("id", "name", "kind_label", "enabled_badge", "live_state", "problem")
    add_label = "新增配置"
    list_before_template = "admin/core/systemconfig/hint.html"
    list_display_links = ("id", "name")
    list_filter = (KindFilter, "enabled")
    search_fields = ("name", "client_id", "=id")
    search_help_text = "按名称、Client ID 或配置 ID 搜索"
    ordering = ("id",)
    actions = ("enable", "disable")
    change_form_template = "admin/core/systemconfig/change_form.html"
    delete_confirmation_template = "admin/core/systemconfig/delete_confirmation.html"

    @admin.display(description="类型", ordering="kind")
    def kind_label(self, config: SystemConfig) -> str:
        """The kind's label."""
        return next((kind.label for kind in all_kinds() if kind.name == config.kind), config.kind)

    @admin.display(description="启用", ordering="enabled")
    def enabled_badge(self, config: SystemConfig) -> SafeString:
        """Enabled or not."""
        return badge("启用", "ok") if config.enabled else badge("停用")

    @admin.display(description="连接状态")
    def live_state(self, config: SystemConfig) -> SafeString | str:
        """Refreshed by the page's script."""
        live: faces.Live | None = config.live  # type: ignore[attr-defined]  # set by ConfigList
        if live is None:
            return NOTHING
        return format_html('<span class="bf-live" data-live="{}">{}</span>', config.pk, live.state)

    @admin.display(description="最近错误", ordering="last_error_at")
    def problem(self, config: SystemConfig) -> SafeString | str:
        """The newest error and its time."""
        live: faces.Live | None = config.live  # type: ignore[attr-defined]  # set by ConfigList
        if live is None:
            shown = faces.problem(config.last_error, config.last_error_at)
            return format_html('<span class="bf-cell">{}</span>', shown)
        return format_html('<span class="bf-cell" data-live-problem="{}">{}</span>', config.pk, live.problem)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SystemConfig]:
        """Archived ones are out of sight."""
        return super().get_queryset(request).filter(archived_at=None).select_related("ai_config")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that looks at live states."""
        return ConfigList

    # The pages of one configuration

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """First the kind, then its fields."""
        kind = self._asked_kind(request)
        if kind is None:
            return self._choose(request)
        context = {"title": f"新增{kind.label}配置", "kind": kind, **(extra_context or {})}
        return super().add_view(request, form_url, context)

    def _asked_kind(self, request: HttpRequest) -> Kind | None:
        name = request.GET.get("kind", "")
        offered = (kind for kind in all_kinds() if request.user.is_superuser or not needs_superuser(kind))
        return next((kind for kind in offered if kind.name == name), None)

    def _choose(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "新增配置：选择类型",
            "kinds": sorted(
                (
                    (kind, faces.face_of(kind), request.user.is_superuser or not needs_superuser(kind))
                    for kind in all_kinds()
                ),
                key=lambda one: one[1].place,
            ),
        }
        return TemplateResponse(request, "admin/core/systemconfig/choose.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Says on the page what is wrong with the configuration, unreadable secrets above all."""
        config = self.get_object(request, object_id)
        if config is not None:
            try:
                kind = get_kind(config.kind)
            except ConfigError as error:
                messages.error(request, error.message)
                return redirect("admin:core_systemconfig_changelist")
            live = faces.look([config]).get(config.pk)
            page: dict[str, Any] = {"kind": kind, "live": live, "show_delete": False}
            extra_context = page | {
                "live_url": reverse("admin:core_systemconfig_live"),
                **(extra_context or {}),
            }
            if request.method == "GET":
                self._warn(request, config)
        return super().change_view(request, object_id, form_url, extra_context)

    def _warn(self, request: HttpRequest, config: SystemConfig) -> None:
        try:
            configs.load(config)
        except BifangError as error:
            messages.warning(request, error.message)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form of the kind."""
        return config_form(self._kind_of(request, obj).name, author_of(request))

    def _kind_of(self, request: HttpRequest, config: SystemConfig | None) -> Kind:
        return get_kind(config.kind if config is not None else request.GET.get("kind", ""))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The kind's fields, advanced ones folded away; values only for those who may not change them."""
        kind = self._kind_of(request, obj)
        editing = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        pick: Callable[[Field], Any] = (lambda field: field.name) if editing else shown_field
        common = ("name", "enabled") if editing else ("name", "enabled_badge", "kind_label")
        plain = [pick(field) for field in kind.fields if not field.advanced]
        advanced = [pick(field) for field in kind.fields if field.advanced]
        sets: list[tuple[str | None, dict[str, Any]]] = [(None, {"fields": (*common, *plain)})]
        if advanced:
            sets.append((ADVANCED, {"fields": advanced, "classes": ("collapse",)}))
        return sets

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        """Nothing from the address: a link must not fill in a form with secrets."""
        return {}

    def save_model(self, request: HttpRequest, obj: SystemConfig, form: Any, change: bool) -> None:
        """The form has written it."""

    # Archiving

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Records keep their archived configuration; only configurations that use it stand in the way."""
        users = SystemConfig.objects.current().filter(ai_config__in=[config.pk for config in objs])
        return (
            [str(config) for config in objs],
            {},
            set(),
            [f"配置「{user}」（ID {user.pk}）" for user in users],
        )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """As Django's, but archives."""
        try:
            return super().delete_view(request, object_id, {"title": "归档配置", **(extra_context or {})})
        except ConfigError as error:
            messages.error(request, error.message)
            return redirect("admin:core_systemconfig_change", object_id)

    def delete_model(self, request: HttpRequest, obj: SystemConfig) -> None:
        """Archive. Raises ConfigError."""
        configs.archive(obj, author_of(request))

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        """Says that it was archived, not deleted."""
        messages.success(request, f"已归档配置「{obj_display}」；已有的消息和记录仍然保留。")
        return redirect("admin:core_systemconfig_changelist")

    def get_actions(self, request: HttpRequest) -> Any:
        """No deleting in bulk."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

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
                reasons = "；".join(errors.errors.values())
                messages.error(request, f"配置「{config}」没有{word}：{reasons}")
                continue
            self.log_change(request, config, f"已{word}。")
            done += 1
        messages.success(request, f"已{word} {done} 个配置，几秒内生效。") if done else None

    # Live states

    def get_urls(self) -> list[URLPattern]:
        """With the address the pages ask for live states."""
        live = path("live/", self.admin_site.admin_view(self.live_view), name="core_systemconfig_live")
        return [live, *super().get_urls()]

    def live_view(self, request: HttpRequest) -> JsonResponse:
        """``?ids=1,2`` → ``{"configs": {"1": {state, problem}}}``: what the two columns show now."""
        if not self.has_view_permission(request):
            return JsonResponse({"error": "无权查看系统配置。"}, status=403)
        ids = [int(part) for part in request.GET.get("ids", "").split(",") if part.isdecimal()][:MOST_WATCHED]
        states = faces.look(self.get_queryset(request).filter(pk__in=ids))
        return JsonResponse({"configs": {pk: faces.as_wire(live) for pk, live in states.items()}})
