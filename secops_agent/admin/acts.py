"""What people do to rows that they do not edit: one row on its page, or many from the list, through the services."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from bifang.core.admin.base import RecordScreen
from bifang.core.errors import BifangError
from secops_agent.admin.inventory import actor_of, history_table
from secops_agent.models import Staff
from secops_agent.services.actors import Actor

LONGEST_NOTE = 2000
MOST_AT_ONCE = 1000  # each is a transaction with its history: more would keep the browser waiting
TOO_MANY = f"一次最多处理 {MOST_AT_ONCE} 条：请先用搜索或过滤器缩小范围。"


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done to a row: `do(row id, actor, note, person)` calls the service.

    ``many``: from the list, too. ``final``: whoever does it to many says why.
    """

    name: str
    label: str
    do: Callable[[int, Actor, str, str], object]
    needs_person: bool = False
    many: bool = True
    final: bool = False


class InventoryScreen(RecordScreen):
    """Imports write these rows; people act on them, never edit them. Each act goes through its service.

    ``comment`` only adds a note: it is what Enter in the note does.
    """

    entity = ""
    acts: tuple[Act, ...] = ()
    comment: Act
    history_on_page = True
    change_form_outer_before_template = "admin/secops_agent/acts.html"

    def history_of(self, row: Any) -> SafeString | str:
        """The changes of this row."""
        return history_table(self.entity, row.pk)

    history_of.short_description = "变更历史"  # type: ignore[attr-defined]  # as the admin reads it

    def possible(self, row: Any) -> Sequence[Act]:
        """What can be done to the row as it is, besides a note."""
        return self.acts

    def get_urls(self) -> list[URLPattern]:
        """With the addresses that the buttons post to."""
        name, view = f"{self.opts.app_label}_{self.opts.model_name}", self.admin_site.admin_view
        return [
            path("<int:object_id>/act/", view(self.act_view), name=f"{name}_act"),
            path("acts/", view(self.acts_view), name=f"{name}_acts"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With the buttons for those who may use them."""
        row = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if row is not None and self.has_operate_permission(request):
            acts = self.possible(row)
            context = {
                "bf_comment": self.comment,
                "bf_acts": [each for each in acts if not each.needs_person],
                "bf_person_acts": [each for each in acts if each.needs_person],
                "bf_people": _people(acts),
                "bf_act_url": self._address(request, "act", row.pk),
            }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def _address(self, request: HttpRequest, page: str, *place: Any) -> str:
        """Of a page of this screen, with the filters of the list from which one came."""
        address = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=place)
        kept: Any = {"preserved_filters": self.get_preserved_filters(request), "opts": self.opts}
        return str(add_preserved_filters(kept, address))

    def act_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """POST ``act``, ``note``, ``person``."""
        self._demand(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        act = self._named(request, (*self.acts, self.comment))
        if act is not None:
            self._do(request, act, object_id)
        return redirect(self._address(request, "change", object_id))

    def _demand(self, request: HttpRequest) -> None:
        if not self.has_operate_permission(request):
            raise PermissionDenied

    def _named(self, request: HttpRequest, acts: Iterable[Act]) -> Act | None:
        act = next((each for each in acts if each.name == request.POST.get("act")), None)
        if act is None:
            messages.error(request, "没有这个操作。")
        elif act.needs_person and not request.POST.get("person"):
            messages.error(request, "请先选择处理人。")
            return None
        return act

    def _do(self, request: HttpRequest, act: Act, pk: int) -> None:
        note, person = request.POST.get("note", "")[:LONGEST_NOTE], request.POST.get("person", "")
        try:
            act.do(pk, actor_of(request), note, person)
        except BifangError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"已{act.label}。")

    def get_actions(self, request: HttpRequest) -> Any:
        """The acts, each behind a page that says to how many rows, and asks why."""
        actions = super().get_actions(request)
        if not self.has_operate_permission(request):
            return actions
        return actions | {
            each.name: (_asking(each), each.name, each.label) for each in self.acts if each.many
        }

    def ask(self, request: HttpRequest, act: Act, ids: Sequence[int], filters: str) -> HttpResponse:
        """The page before many rows are changed."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{act.label}：{len(ids)} 条{self.opts.verbose_name}",
            "act": act,
            "ids": ",".join(map(str, ids)),
            "count": len(ids),
            "some": [str(row) for row in self.model._default_manager.filter(pk__in=ids[:10])],
            "rest": max(0, len(ids) - 10),
            "filters": filters,
            "note": request.POST.get("note", ""),
            "people": _people([act]),
            "acts_url": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_acts"),
            "list_url": self._list(filters),
        }
        return TemplateResponse(request, "admin/secops_agent/acts_confirm.html", context)

    def _list(self, filters: str) -> str:
        address = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return f"{address}?{filters}" if filters else address

    def acts_view(self, request: HttpRequest) -> HttpResponse:
        """POST ``act``, ``ids``, ``note``, ``person``, ``filters``: exactly the rows that the page before named."""
        self._demand(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        filters = request.POST.get("filters", "")
        ids = [int(word) for word in request.POST.get("ids", "").split(",") if word.isdecimal()][
            :MOST_AT_ONCE
        ]
        act = next((each for each in self.acts if each.many and each.name == request.POST.get("act")), None)
        if act is None or not ids:
            messages.error(request, "没有这个操作，或没有选中任何一条。")
            return redirect(self._list(filters))
        fault = _fault(act, request.POST.get("note", ""), request.POST.get("person", ""))
        if fault:
            messages.error(request, fault)
            return self.ask(request, act, ids, filters)
        self._do_all(request, act, ids)
        return redirect(self._list(filters))

    def _do_all(self, request: HttpRequest, act: Act, ids: Sequence[int]) -> None:
        note, person = request.POST.get("note", "")[:LONGEST_NOTE], request.POST.get("person", "")
        done, refused, actor = 0, "", actor_of(request)
        for pk in ids:
            try:
                act.do(pk, actor, note, person)
                done += 1
            except BifangError as error:
                refused = error.message
        if done:
            messages.success(request, f"已{act.label} {done} 条。")
        if refused:
            messages.warning(request, f"{len(ids) - done} 条没有变化：{refused}")


def _asking(act: Act) -> Callable[[InventoryScreen, HttpRequest, QuerySet[Any]], HttpResponse | None]:
    """An action of the list, as the admin calls it."""

    def ask(screen: InventoryScreen, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        ids = list(dict.fromkeys(rows.values_list("pk", flat=True)[: MOST_AT_ONCE + 1]))
        if len(ids) > MOST_AT_ONCE:
            messages.error(request, TOO_MANY)
            return None
        return screen.ask(request, act, ids, request.GET.urlencode())

    ask.__name__ = act.name
    return ask


def _fault(act: Act, note: str, person: str) -> str:
    if act.needs_person and not person:
        return "请先选择处理人。"
    return "请写明原因：它会写进每一条的变更历史。" if act.final and not note.strip() else ""


def _people(acts: Iterable[Act]) -> Sequence[Staff]:
    """Whom one may choose, if an act asks for a person."""
    if not any(act.needs_person for act in acts):
        return ()
    return list(Staff.objects.filter(active=True).order_by("name")[:500])
