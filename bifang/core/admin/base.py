"""What every screen of the admin shares: how times, states and errors look, and lists that stay quick."""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Case, IntegerField, Model, QuerySet, Value, When
from django.http import HttpRequest, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.defaultfilters import truncatechars
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from bifang.core.changes import Author, Change, record
from bifang.core.errors import BifangError

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
    _Pages = Paginator[Any]
else:
    from unfold.admin import ModelAdmin as _Base

    _Pages = Paginator  # not subscriptable at run time

NOTHING = "—"


def once(show: Callable[[Any, Any], str]) -> Callable[[Any, Any], str]:
    """For a read-only field that asks the database: unfold wants it five times for one page."""

    @wraps(show)
    def shown(screen: Any, row: Model) -> str:
        known: dict[str, str] = row.__dict__.setdefault("_shown", {})
        if show.__name__ not in known:
            known[show.__name__] = show(screen, row)
        return known[show.__name__]

    return shown


def author_of(request: HttpRequest) -> Author:
    """Who is at the keyboard."""
    return Author(request.user.pk, request.user.get_username(), "admin", superuser=request.user.is_superuser)


def badge(text: str, tone: str = "idle", title: str = "") -> SafeString:
    """A coloured word; `tone` is ok, info, warn, bad or idle."""
    return format_html('<span class="bf-badge bf-{}" title="{}">{}</span>', tone, title, text)


_MARKS = re.compile(r"\*\*|^ *(?:#+|>|-) |█+", re.MULTILINE)


def moment(value: datetime | None) -> SafeString | str:
    """A local time to the second; how long ago, when pointed at."""
    if value is None:
        return NOTHING
    local = timezone.localtime(value)
    ago = f"{timesince(value)}前" if value <= timezone.now() else ""
    shown = local.strftime("%Y-%m-%d %H:%M:%S")
    return format_html(
        '<time class="bf-time" datetime="{}" title="{}">{}</time>', local.isoformat(), ago, shown
    )


def ago(value: datetime | None) -> SafeString | str:
    """`since` it; the exact local time when pointed at."""
    if value is None:
        return NOTHING
    local = timezone.localtime(value)
    exact = local.strftime("%Y-%m-%d %H:%M:%S")
    return format_html(
        '<time class="bf-time" datetime="{}" title="{}">{}</time>',
        local.isoformat(),
        exact,
        since(value),
    )


def since(value: datetime) -> str:
    """How long ago, or until, in words (older than a week: the date)."""
    seconds = (timezone.now() - value).total_seconds()
    size, side = abs(seconds), "前" if seconds >= 0 else "后"
    if size < 60:
        return "刚刚" if seconds >= 0 else "马上"
    if size < 3600:
        return f"{int(size // 60)} 分钟{side}"
    if size < 86_400:
        return f"{int(size // 3600)} 小时{side}"
    if size < 7 * 86_400:
        return f"{int(size // 86_400)} 天{side}"
    return timezone.localtime(value).strftime("%Y-%m-%d")


def shortened(text: str, length: int = 60) -> SafeString | str:
    """One line of a longer text without its Markdown, whole when pointed at."""
    if not text:
        return NOTHING
    line = " ".join(_MARKS.sub("", text).split())
    return format_html('<span title="{}">{}</span>', text, truncatechars(line, length))


def preformatted(text: str) -> SafeString | str:
    """Text with its line breaks."""
    return format_html('<div class="bf-text">{}</div>', text) if text else NOTHING


def as_json(value: Any) -> SafeString | str:
    """A JSON value, indented."""
    if value in (None, {}, []):
        return NOTHING
    return format_html('<pre class="bf-json">{}</pre>', json.dumps(value, ensure_ascii=False, indent=2))


def cell(label: str, show: Callable[[Any], Any], ordering: Any = None) -> Callable[[Any, Any], Any]:
    """A column of a list, or a line of a record's page: what is shown of a row."""

    @admin.display(description=label, ordering=ordering)
    def shown(self: Any, row: Any) -> Any:
        return show(row)

    return shown


def column(
    field: str, label: str, show: Callable[[Any], SafeString | str], ordering: str | None = None
) -> Callable[[Any, Any], Any]:
    """A `cell` that shows one value of its row: ``column("created_at", "创建时间", moment)``."""
    return cell(label, lambda row: show(getattr(row, field)), ordering)


def extra(route: str, need: str = "view", method: str = "") -> Callable[[Callable[..., Any]], Any]:
    """A page of a screen beside Django's own: ``make_view`` becomes ``admin:app_model_make`` at ``route``.

    ``need``: whom `has_…_permission` of the screen lets in, "" where it asks itself; ``method``: the only one it takes. Why what
    was posted is not done is told on the page of its row (``pk``), of a POST without one on the list.
    """

    def mark(view: Callable[..., Any]) -> Any:
        @wraps(view)
        def guarded(screen: Any, request: HttpRequest, *args: Any, **place: Any) -> Any:
            if method and request.method != method:
                return HttpResponseNotAllowed([method])
            if need and not getattr(screen, f"has_{need}_permission")(request):
                raise PermissionDenied
            try:
                return view(screen, request, *args, **place)
            except BifangError as error:
                if method != "POST":
                    raise
                messages.error(request, error.message)
            name = f"admin:{screen.opts.app_label}_{screen.opts.model_name}"
            return (
                redirect(f"{name}_change", place["pk"]) if "pk" in place else redirect(f"{name}_changelist")
            )

        guarded.route = route  # type: ignore[attr-defined]  # read by `Screen.get_urls`
        return guarded

    return mark


class CappedPaginator(_Pages):
    """Counts no further than `cap` rows: a table of millions opens as quickly as a small one.

    Older rows are reached by a filter or the search.
    """

    cap = 10_000

    @cached_property
    def count(self) -> int:
        """The number of rows, at most `cap`; what is only counted is not sorted."""
        return int(self.object_list.order_by()[: self.cap].count())  # type: ignore[attr-defined]  # always a query set here


def _column(model: type[Model], name: str) -> Any:
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


class HouseList(ChangeList):
    """A list that its own filters narrow, and nothing else; and that calls no unfiltered list a selection."""

    def get_filters(self, request: HttpRequest) -> Any:
        """As Django's, but a parameter that no filter of the list took is refused.

        Django would take any lookup of any column: ``text__regex`` tells a column that the list does not show,
        letter by letter, and an expression can keep the database busy for minutes.
        """
        found = super().get_filters(request)
        if left := found[2]:
            raise DisallowedModelAdminLookup(f"{self.opts.label} has no filter {', '.join(left)}")
        return found

    def get_ordering_field(self, field_name: Any) -> Any:
        """As Django's, but a column of choices is ordered as they are declared, not by the letters of their keys."""
        found: Any = super().get_ordering_field(field_name)
        column = _column(self.model, found) if isinstance(found, str) else None
        if column is None or not column.choices:
            return found
        places = (
            When(**{found: value}, then=Value(place)) for place, (value, _) in enumerate(column.flatchoices)
        )
        return Case(*places, default=Value(-1), output_field=IntegerField())

    def get_results(self, request: HttpRequest) -> None:
        """As Django's; without search and filters what was counted is the whole."""
        super().get_results(request)
        if self.full_result_count is None and not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count
        self.model_admin.look_up(list(self.result_list))  # type: ignore[attr-defined]  # of every `Screen`


class Screen(_Base):
    """A screen with the house's defaults."""

    list_per_page = 50
    show_full_result_count = False
    list_filter_sheet = True
    compressed_fields = True
    warn_unsaved_form = True
    empty_value_display = NOTHING
    purpose = ""  # what the list is for, in a sentence above it
    when_empty = ""  # what it means that there is nothing, and what to do
    way: tuple[str, str] | None = None  # (model as "app.name", words): the list where one goes on
    history_on_page = False  # the page itself shows what was changed
    records_itself = False  # what is changed here is recorded where it is written, with its values
    one_by_one = False  # several are not deleted at once: each is asked about

    def get_urls(self) -> list[URLPattern]:
        """As Django's; with the screen's `extra` pages."""
        place = f"{self.opts.app_label}_{self.opts.model_name}_"
        pages = inspect.getmembers(type(self), lambda each: hasattr(each, "route"))
        found = [
            path(
                page.route,
                self.admin_site.admin_view(getattr(self, name)),
                name=place + name.removesuffix("_view"),
            )
            for name, page in pages
        ]
        return [*found, *super().get_urls()]

    def page(self, request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
        """A whole page of the screen's own."""
        whole = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **context}
        return TemplateResponse(request, template, whole)

    def get_actions(self, request: HttpRequest) -> Any:
        """As Django's, without deleting in bulk where that is not asked about each."""
        found = super().get_actions(request)
        return {
            name: one for name, one in found.items() if not (self.one_by_one and name == "delete_selected")
        }

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Each as if it were deleted by itself; all or none."""
        with transaction.atomic():
            for row in queryset:
                self.delete_model(request, row)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """As Django's, and for the audit trail."""
        self._record(request, "新增", obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """As Django's, and for the audit trail."""
        self._record(request, "修改", obj, message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """As Django's, and for the audit trail."""
        for obj in queryset:
            self._record(request, "删除", obj, "")
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, verb: str, obj: Any, message: Any) -> None:
        if self.records_itself:
            return
        what = f"{verb}{self.opts.verbose_name}"
        detail = {"name": str(obj)[:200], "fields": message if isinstance(message, list) else []}
        record(Change(author_of(request), what, f"{self.opts.model_name}:{obj.pk}", detail))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """As Django's; with the way on, for those who may go it."""
        found: Any = super().get_changelist_instance(request)
        found.way = self._way(request)
        return found

    def _way(self, request: HttpRequest) -> tuple[str, str] | None:
        if self.way is None:
            return None
        model, words = self.way
        app, name = model.split(".")
        if not any(request.user.has_perm(f"{app}.{verb}_{name}") for verb in ("view", "change")):
            return None
        return reverse(f"admin:{app}_{name}_changelist"), words

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """As Django's, with what `beside_list` gives."""
        return super().changelist_view(request, self.beside_list(request) | (extra_context or {}))

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """What else the templates of the list show."""
        return {}

    def pills(self, request: HttpRequest, choices: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
        """For the list's template one click to each state, and to all: value, label, and is it chosen."""
        chosen = request.GET.get("state__exact", "")
        return {"bf_pills": [(value, label, value == chosen) for value, label in (("", "全部"), *choices)]}

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """As Django's, with what `beside_form` gives; the button 历史 only where it leads to something."""
        row = kwargs.get("obj")
        told = {"show_history": row is not None and self._is_logged(row), **self.beside_form(request, row)}
        return super().render_change_form(request, {**context, **told}, *args, **kwargs)

    def beside_form(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What else the templates of the page of a row show; ``row`` None: of a new one."""
        return {}

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """As Django's; there is one history, and where it stands on the page it is not told twice."""
        if self.history_on_page:
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", object_id)
        return super().history_view(request, object_id, extra_context)

    def _is_logged(self, row: Model) -> bool:
        entries = LogEntry.objects.filter(content_type=get_content_type_for_model(self.model))
        return not self.history_on_page and entries.filter(object_id=row.pk).exists()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The house's list."""
        return HouseList

    def look_up(self, rows: Sequence[Any]) -> None:
        """At once, for the rows of a page of the list, what a column would have to look up for each."""


class RecordScreen(Screen):
    """Rows that the system writes: people look at them, and act on them only through the screen's actions."""

    paginator = CappedPaginator

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds these by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits these by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Retention deletes these, people do not."""
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """May this person use the screen's actions? (Django's permission to change the model.)"""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")
