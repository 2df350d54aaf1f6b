"""What an administrator pastes into 开放平台: three addresses and two keys, on a page of their own."""

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables

from bifang.core.admin.base import ago, author_of
from bifang.core.admin.kind_pages import Fact
from bifang.core.changes import Change, record
from bifang.core.configuration import configs
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.models import CallbackDoor, CallbackState
from dingtalk_integration.webhook.addresses import addresses_of

TITLE = "HTTP 回调：填到开放平台的地址和密钥"
WHERE: Mapping[CallbackDoor, str] = {
    CallbackDoor.ROBOT: "应用能力 › 机器人 › 消息接收模式选「HTTP 模式」，填到「消息接收地址」。",
    CallbackDoor.EVENTS: "开发配置 › 事件订阅 › 推送方式选「HTTP 推送」，填到「请求网址」，连同下面的 token 和 aes_key。",
    CallbackDoor.CARDS: "不用填：毕方发出第一张带按钮的卡片时自己登记。",
}


def callback_facts(request: HttpRequest, config: SystemConfig) -> Sequence[Fact]:
    """Each door, called or not; the addresses are one click further, for superusers."""
    if config.params.get("use_stream_push", True):
        return []
    called = dict(CallbackState.objects.filter(config=config).values_list("door", "called_at"))
    said = [(door.label, ago(called[door]) if called.get(door) else "还没有调用过") for door in CallbackDoor]
    facts: list[Fact] = [("HTTP 回调", format_html_join("；", "{}：{}", said))]
    if request.user.is_superuser:
        page = reverse("admin:dingtalk_callback_page", args=[config.pk])
        facts.append(
            ("回调地址和密钥", format_html('<a class="bf-link" href="{}">查看</a>（会记入审计）', page))
        )
    return facts


@never_cache
@sensitive_variables()
def callback_page(request: HttpRequest, config_id: int) -> HttpResponse:
    """The addresses and keys. Whoever has them can send events as DingTalk: superusers see them, and it is on record."""
    row = SystemConfig.objects.current().filter(pk=config_id, kind="dingtalk").first()
    if row is None or row.params.get("use_stream_push", True):
        raise Http404
    if not request.user.is_superuser:
        raise PermissionDenied
    context = {**site.each_context(request), "title": TITLE, "config": row, **_shown(row)}
    record(Change(author_of(request), f"查看 HTTP 回调的地址和密钥「{row.name}」", f"config:{row.pk}", {}))
    return TemplateResponse(request, "admin/core/systemconfig/callback.html", context)


def _shown(row: SystemConfig) -> Mapping[str, object]:
    try:
        config: DingTalkSettings = configs.load(row)
    except BifangError as error:
        return {"problem": error.message}
    states = {state.door: state for state in CallbackState.objects.filter(config=row)}
    return {
        "public": settings.PUBLIC_URL,
        "doors": [_door(door, url, states.get(door)) for door, url in addresses_of(config).items()],
        "token": config.callback_token,
        "aes_key": config.callback_aes_key,
    }


def _door(door: CallbackDoor, url: str, state: CallbackState | None) -> Mapping[str, object]:
    refused_at = state.refused_at if state else None
    called_at = state.called_at if state else None
    still = refused_at is not None and (called_at is None or refused_at > called_at)
    return {
        "name": door.value,
        "label": door.label,
        "url": url,
        "where": WHERE[door],
        "pasted": door != CallbackDoor.CARDS,
        "called_at": called_at,
        "refused_at": refused_at,
        "refusal": state.refusal if state and still else "",
    }
