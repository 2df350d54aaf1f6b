"""What the screens of both boxes share: states, reasons, and who may read private text."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.channels.models import BoxRow, State
from bifang.core.admin.base import NOTHING, RecordScreen, author_of, badge, moment, shortened
from bifang.core.changes import Change, record

READ_TEXT = "channels.read_private_text"
MAY_NOT_READ = "无权查看聊天内容"
TONES = {
    State.PENDING: "info",
    State.CLAIMED: "info",
    State.DONE: "ok",
    State.DEAD: "bad",
    State.UNKNOWN: "warn",
}


class RowScreen(RecordScreen):
    """Common to both boxes. Text is for those with the permission; a webhook is never shown to anyone."""

    list_select_related = ("config",)
    ordering = ("-id",)
    list_before_template = "admin/channels/states.html"
    text_fields: tuple[str, ...] = ()
    states: tuple[State, ...] = tuple(State)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With one click to each state."""
        chosen = request.GET.get("state__exact", "")
        pills = [("", "全部"), *((each.value, each.label) for each in self.states)]
        context = {"bf_pills": [(value, label, value == chosen) for value, label in pills]}
        return super().changelist_view(request, context | (extra_context or {}))

    @admin.display(description="状态", ordering="state")
    def state_badge(self, row: BoxRow) -> SafeString:
        """The state, coloured."""
        return badge(str(State(row.state).label), TONES[State(row.state)])

    @admin.display(description="原因")
    def error(self, row: BoxRow) -> SafeString | str:
        """Short, whole when pointed at."""
        return shortened(row.last_error, 40)

    @admin.display(description="原因")
    def reason(self, row: BoxRow) -> SafeString | str:
        """Whole, with its time."""
        if not row.last_error:
            return NOTHING
        return format_html('<div class="bf-error">{}</div>{}', row.last_error, moment(row.last_error_at))

    @admin.display(description="最早处理时间")
    def waits_until(self, row: BoxRow) -> SafeString | str:
        """When it is tried again."""
        return moment(row.not_before)

    @admin.display(description="配置")
    def config_link(self, row: BoxRow) -> SafeString | str:
        """To the configuration, if it is not archived."""
        if row.config.archived_at:
            return f"{row.config}（已归档）"
        return link("core_systemconfig", row.config_id, str(row.config))

    @admin.display(description="内容")
    def hidden_text(self, row: BoxRow) -> str:
        """Instead of the text."""
        return MAY_NOT_READ

    def readable(self, request: HttpRequest, names: Iterable[str]) -> list[str]:
        """`names`, with the private ones replaced for those who may not read them."""
        if request.user.has_perm(READ_TEXT):
            return list(names)
        kept = [name for name in names if name not in self.text_fields]
        place = next((i for i, name in enumerate(names) if name in self.text_fields), len(kept))
        return [*kept[:place], "hidden_text", *kept[place:]]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without private text where it may not be read."""
        return self.readable(request, self.list_display)  # type: ignore[arg-type]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without private text where it may not be read."""
        return self.readable(request, self.fields)  # type: ignore[arg-type]


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
