"""What the screens of the estate share: history, actions through services, who is at the keyboard."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, RecordScreen, author_of, badge, moment
from bifang.core.errors import BifangError
from secops_agent.models import Staff
from secops_agent.models.choices import Severity
from secops_agent.services import changes, history
from secops_agent.services.actors import Actor

SEVERITY_TONES = {"critical": "bad", "high": "bad", "medium": "warn", "low": "info", "info": "idle"}
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done to a row: `do(row id, actor, note, person)` calls the service."""

    name: str
    label: str
    do: Callable[[int, Actor, str, str], object]
    needs_person: bool = False


def actor_of(request: HttpRequest) -> Actor:
    """The person at the keyboard: their Staff entry if they have one."""
    return changes.actor_of(author_of(request))


def severity_badge(value: str) -> SafeString | str:
    """A severity, coloured."""
    return badge(str(Severity(value).label), SEVERITY_TONES[value]) if value else NOTHING


def lines(values: Iterable[Any]) -> SafeString | str:
    """One under the other."""
    return format_html_join("", "<div>{}</div>", ((value,) for value in values)) or NOTHING


def history_table(entity: str, pk: int) -> SafeString | str:
    """Who changed what, the newest first."""
    rows = (
        (
            moment(each.at),
            each.actor,
            history.ACTIONS.get(each.action, each.action),
            _changes(each.changes),
            each.note,
        )
        for each in history.entries(entity, pk, SHOWN)
    )
    body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
    if not body:
        return NOTHING
    head = "".join(f"<th>{name}</th>" for name in ("时间", "操作者", "动作", "变化", "备注"))
    return format_html('<table class="bf-table"><tr>{}</tr>{}</table>', SafeString(head), body)


def _changes(changes: dict[str, tuple[Any, Any]]) -> SafeString:
    told = ((name, _text(old), _text(new)) for name, (old, new) in changes.items())
    return format_html_join("", "<div>{}：{} → {}</div>", told)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "、".join(str(each) for each in value) or NOTHING
    return NOTHING if value in (None, "") else str(value)


class EstateScreen(RecordScreen):
    """Imports write these rows; people act on them, never edit them. Each act goes through its service."""

    entity = ""
    acts: tuple[Act, ...] = ()
    change_form_outer_before_template = "admin/secops_agent/acts.html"

    def history_of(self, row: Any) -> SafeString | str:
        """The changes of this row."""
        return history_table(self.entity, row.pk)

    history_of.short_description = "变更历史"  # type: ignore[attr-defined]  # as the admin reads it

    def possible(self, row: Any) -> Sequence[Act]:
        """What can be done to the row as it is."""
        return self.acts

    def get_urls(self) -> list[URLPattern]:
        """With the address that the buttons post to."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        act = path("<int:object_id>/act/", self.admin_site.admin_view(self.act_view), name=name)
        return [act, *super().get_urls()]

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
            people = Staff.objects.filter(active=True).order_by("name")[:500] if _any_person(acts) else ()
            address = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_act", args=[row.pk])
            context = {"bf_acts": acts, "bf_people": people, "bf_act_url": address}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def act_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """POST ``act``, ``note``, ``person``."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_operate_permission(request):
            raise PermissionDenied
        act = next((each for each in self.acts if each.name == request.POST.get("act")), None)
        if act is None:
            messages.error(request, "没有这个操作。")
        else:
            self._do(request, act, object_id)
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", object_id)

    def _do(self, request: HttpRequest, act: Act, pk: int) -> None:
        note, person = request.POST.get("note", "")[:2000], request.POST.get("person", "")
        if act.needs_person and not person:
            messages.error(request, "请先选择处理人。")
            return
        try:
            act.do(pk, actor_of(request), note, person)
        except BifangError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"已{act.label}。")

    def do_to_all(self, request: HttpRequest, rows: QuerySet[Any], name: str) -> None:
        """An act on the rows that were ticked; says what was refused."""
        act = next(each for each in self.acts if each.name == name)
        done, refused = 0, ""
        for pk in rows.order_by().values_list("pk", flat=True):
            try:
                act.do(pk, actor_of(request), "", "")
                done += 1
            except BifangError as error:
                refused = error.message
        if done:
            messages.success(request, f"已{act.label} {done} 条。")
        if refused:
            messages.warning(request, f"有的没有变化：{refused}")


def _any_person(acts: Iterable[Act]) -> bool:
    return any(act.needs_person for act in acts)
