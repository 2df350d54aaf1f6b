"""What the screens of both boxes share: states, reasons, and who may read private text."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.channels.admin.explanations import explain, may_go_again
from bifang.channels.models import BoxRow, State
from bifang.channels.rights import READ_TEXT
from bifang.core.admin.base import NOTHING, RecordScreen, author_of, badge, cell, column, moment, shortened
from bifang.core.changes import Change, record

MAY_NOT_READ = "无权查看聊天内容"
AGAIN = "again"  # the button of a row: its id
SURE = "sure"
SHOWN = 10
NEEDS_A_PERSON: frozenset[str] = frozenset({State.DEAD, State.UNKNOWN})


class RetriedScreen(RecordScreen):
    """Rows that go again. ``states``: one click to each; ``retry``: the action that puts rows back."""

    retry = ""
    states: Iterable[Any] = State

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """A row's button is the list's action, of this row."""
        if request.method == "POST" and request.POST.get(AGAIN):
            request.POST = for_one(request, self.retry)  # type: ignore[assignment]  # as Django's own tests do
        return super().changelist_view(request, extra_context)

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With one click to each state."""
        return self.pills(request, [(each.value, each.label) for each in self.states])


class RowScreen(RetriedScreen):
    """Common to both boxes. Text is for those with the permission; a webhook is never shown to anyone.

    ``retry_word``: the name of the action, ``retry_means`` what it brings about.
    """

    list_select_related = ("config",)
    ordering = ("-id",)
    list_before_template = "admin/channels/states.html"
    change_form_outer_before_template = "admin/channels/standing.html"
    retry_word = ""
    retry_means = ""
    text_fields: tuple[str, ...] = ()

    def beside_form(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With how it stands, what to do, and the button for it."""
        filters = request.GET.get("_changelist_filters", "")
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return {
            "standing": explain(row),
            "row": row,
            "is_chat": getattr(row, "kind", "") == "chat",
            "retry_word": self.retry_word if self._may_go_again(request, row) else "",
            "list_url": f"{page}?{filters}" if filters else page,
        }

    def _may_go_again(self, request: HttpRequest, row: BoxRow) -> bool:
        return self.has_operate_permission(request) and may_go_again(row)

    def ask_or_do(
        self, request: HttpRequest, rows: QuerySet[Any], act: Any, rule: str
    ) -> HttpResponse | None:
        """What the action brings about is said once; then it is done, and the list comes back as it was filtered."""
        if SURE in request.POST:
            report(request, act, rows, self.retry_word, rule)
            return None
        ids = request.POST.getlist(ACTION_CHECKBOX_NAME)
        return self.page(
            request, "admin/channels/again.html", f"{self.retry_word}？", word=self.retry_word, means=self.retry_means, rule=rule,
            count=rows.count(), retry=self.retry, ids=ids, across=request.POST.get("select_across", "0"),
            list_url=request.get_full_path(), some=[(row, explain(row)) for row in rows[:SHOWN]],
        )  # fmt: skip

    @admin.display(description="状态", ordering="state")
    def state_badge(self, row: BoxRow) -> SafeString:
        """The state, coloured; what to do when pointed at."""
        standing = explain(row)
        return badge(standing.word, standing.tone, standing.advice)

    @admin.display(description="操作")
    def retry_button(self, row: BoxRow) -> SafeString | str:
        """Where somebody has to do something."""
        if row.state not in NEEDS_A_PERSON:
            return ""
        return format_html(
            '<button type="submit" class="bf-button bf-small" name="{}" value="{}">{}…</button>', AGAIN, row.pk, self.retry_word
        )  # fmt: skip

    error = cell("原因", lambda row: shortened(row.last_error, 40))

    @admin.display(description="原因")
    def reason(self, row: BoxRow) -> SafeString | str:
        """Whole, with its time."""
        if not row.last_error:
            return NOTHING
        return format_html('<div class="bf-error">{}</div>{}', row.last_error, moment(row.last_error_at))

    waits_until = column("not_before", "最早处理时间", moment)

    @admin.display(description="配置")
    def config_link(self, row: BoxRow) -> SafeString | str:
        """To the configuration, if it is not archived."""
        if row.config.archived_at:
            return f"{row.config}（已归档）"
        return link("core_systemconfig", row.config_id, str(row.config))

    hidden_text = cell("内容", lambda row: MAY_NOT_READ)

    def readable(self, request: HttpRequest, names: Iterable[str]) -> list[str]:
        """`names`, with the private ones replaced for those who may not read them."""
        if request.user.has_perm(READ_TEXT):
            return list(names)
        kept = [name for name in names if name not in self.text_fields]
        place = next((i for i, name in enumerate(names) if name in self.text_fields), len(kept))
        return [*kept[:place], "hidden_text", *kept[place:]]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without private text where it may not be read; with a button for those who may act."""
        given: Any = self.list_display
        names = self.readable(request, given)
        return [*names, "retry_button"] if self.has_operate_permission(request) else names

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without private text where it may not be read."""
        return self.readable(request, self.fields)  # type: ignore[arg-type]


def for_one(request: HttpRequest, action: str) -> QueryDict:
    """What the list's action of this one row posts."""
    given = request.POST.copy()
    given.setlist("action", [action])
    given.setlist("index", ["0"])
    given.setlist("select_across", ["0"])
    given.setlist(ACTION_CHECKBOX_NAME, [str(given.get(AGAIN, ""))])
    return given


def link(page: str, pk: Any, text: str) -> SafeString:
    """A link to a change page; `page` is app_model."""
    return format_html(
        '<a class="bf-link" href="{}">{}</a>', reverse(f"admin:{page}_change", args=[pk]), text
    )


def report(request: HttpRequest, act: Any, rows: QuerySet[Any], word: str, rule: str) -> None:
    """Run `act` on the rows and say how many it took and how many it left."""
    asked = rows.count()
    # The list's order and joins have no place in an UPDATE.
    ids = list(rows.order_by().values_list("pk", flat=True))
    with transaction.atomic():
        done = act(rows.model.objects.filter(pk__in=ids))
        if done:
            name = rows.model._meta.model_name
            record(
                Change(
                    author_of(request), f"{word} {done} 条消息", f"{name}", {"ids": ids[:200], "done": done}
                )
            )
    if done:
        messages.success(request, f"已将 {done} 条放回队列，等待{word}。")
    if asked > done:
        messages.warning(request, f"{asked - done} 条没有变化：{rule}")
