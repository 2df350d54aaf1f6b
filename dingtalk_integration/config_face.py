"""What the pages show of a DingTalk configuration: how it is, what is known of it, how it is tried, what comes next."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import Sum
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from bifang.channels.admin import connection_face
from bifang.core.admin.guiding import Fact, register_facts
from bifang.core.admin.live import Live, register_watch
from bifang.core.admin.trying import register_checkup
from bifang.core.models import SystemConfig
from dingtalk_integration import quota
from dingtalk_integration.checks.configuration import DINGTALK
from dingtalk_integration.health import SERVICE
from dingtalk_integration.models import ApiUsage, CallbackState, QuotaLedger
from dingtalk_integration.webhook.page import callback_facts


def watch(configs: Sequence[SystemConfig]) -> Mapping[int, Live]:
    """The live state of each configuration, and whether its quota stands in the way."""
    spent = quota.used_up() if configs else {}
    lives = connection_face.watch(SERVICE, configs, _by_callback)
    return {pk: _with_quota(live, spent.get(pk)) for pk, live in lives.items()}


def _with_quota(live: Live, spent: quota.Standing | None) -> Live:
    """A quota that is used up stands in the way of what works otherwise."""
    if spent is None or live.error:
        return live
    return replace(live, error=spent.describe(), error_at=spent.refused_at)


def _by_callback(config: SystemConfig, served: bool, known: tuple[str, datetime | None]) -> Live:
    """Of a configuration that DingTalk calls: whether it did, and whether somebody answers."""
    if not served:
        return Live("服务未运行", "bad", f"{SERVICE.unconnected}；请启动 {SERVICE.command}，由它回答", *known)
    rows = list(CallbackState.objects.filter(config=config))
    refused = max((row for row in rows if row.refused_at), key=lambda row: str(row.refused_at), default=None)
    called = max((row.called_at for row in rows if row.called_at), default=None)
    if refused is not None and refused.refused_at and (called is None or refused.refused_at > called):
        known = (f"拒绝了一次回调（{refused.get_door_display()}）：{refused.refusal}", refused.refused_at)
    if called is None:
        return Live("等待钉钉回调", "info", SERVICE.unconnected, *known)
    return Live("HTTP 回调", "ok", f"最近回调 {timesince(called, depth=1)}前", *known)


def facts(request: HttpRequest, config: SystemConfig) -> Sequence[Fact]:
    """Last message, last error, what was spent this month."""
    return [
        *connection_face.message_facts(config),
        *callback_facts(request, config),
        ("本月额度", _spending(config) or "还没有用到"),
    ]


def _spending(config: SystemConfig) -> SafeString | str:
    """Both quotas of its organisation, and this configuration's share."""
    lines = []
    for one in quota.standings():
        if config.pk in one.config_ids and (one.total or one.refused_at):
            own = _own(config.client_id, one)
            limit = f" / {one.limit:,}（{one.percent}%）" if one.limit else ""
            share = "" if own == one.total else f"，其中这个配置 {own:,}"
            lines.append((f"{one.ledger.label} {one.total:,}{limit}{share}",))
    return format_html_join("；", "{}", lines)


def _own(client_id: str, one: quota.Standing) -> int:
    rows = ApiUsage.objects.filter(client_id=client_id, day__gte=one.month.first).order_by()
    spent = rows.values_list("family").annotate(calls=Sum("calls"))
    return sum(calls for family, calls in spent if QuotaLedger.of(family) == one.ledger)


register_watch("dingtalk", watch)
register_facts("dingtalk", facts)
register_checkup("dingtalk", connection_face.checkup(DINGTALK))
