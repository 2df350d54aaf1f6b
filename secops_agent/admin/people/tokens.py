"""API 令牌: made here, shown once, revoked here."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from bifang.core.admin.base import NOTHING, RecordScreen, badge, cell, column, moment
from bifang.core.errors import InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.models import ApiToken, Scope
from secops_agent.services.people import tokens

# What an API token is for: the scopes that it needs and no more, and commands to try it with.

PLACEHOLDER: Final = "$BIFANG_TOKEN"  # where the token itself is not known any more
_ALERT: Final[Mapping[str, Any]] = {
    "format": "bifang", "version": 1, "source": "试用",
    "alerts": [{"title": "第一条告警", "severity": "low", "event_id": "first"}],
}  # fmt: skip
_ESTATE: Final[Mapping[str, Any]] = {
    "format": "bifang", "version": 1, "source": "试用", "assets": [{"hostname": "web-01", "ips": ["10.0.0.21"]}],
    "findings": [{"kind": "misconfiguration", "asset": "web-01", "title": "SSH 允许密码登录", "severity": "medium"}],
}  # fmt: skip


RECEIVERS: Final[Mapping[str, str]] = {
    "alertmanager": "Prometheus Alertmanager 的 webhook_configs", "grafana": "Grafana 的 Webhook 联系点", "elastic": "Kibana 的 Webhook 连接器",
    "zabbix": "Zabbix 的 Webhook 媒介",
}  # fmt: skip
_HEC: Final = '{"event": {"title": "第一条告警", "severity": "low"}, "sourcetype": "试用"}'
NOTE: Final[Mapping[str, Any]] = {"note": "来自 API 的备注"}
VERDICT: Final[Mapping[str, Any]] = {"verdict": "approve", "reason": "已核实"}
HOW_TO_CONNECT: Final = "给别的智能体（Claude、QwenPaw、IDE）用：MCP 服务的地址，请求头同上。操作只会提出，由您本人在聊天或「审批」里确认："
HOW_TO_DECIDE: Final = "决定一个审批（把 A2B3C4 换成它的代码；按令牌所有者的身份，四眼原则照样适用）："


@dataclass(frozen=True, slots=True)
class TokenPurpose:
    """One thing that people want a token for."""

    title: str
    text: str
    icon: str
    scopes: tuple[Scope, ...]


PURPOSES: Final[Mapping[str, TokenPurpose]] = {
    "alerts": TokenPurpose("接入告警", "监控、SIEM、WAF、EDR 把告警推给毕方（Alertmanager、Grafana、Kibana、Zabbix、Splunk HEC、Falco、Wazuh 或通用格式）。", "notifications_active", (Scope.INGEST,)),
    "files": TokenPurpose("导入资产与扫描结果", "流水线、扫描器定时上传资产表、SBOM 和扫描报告。", "upload_file", (Scope.INGEST,)),
    "query": TokenPurpose("只读查询", "大屏、脚本、报表查询告警、资产和漏洞，不能修改。", "search", (Scope.READ,)),
    "mcp": TokenPurpose("给别的智能体（MCP）", "Claude、QwenPaw、IDE 通过 MCP 查询；要改的只会提出，由您本人确认。", "smart_toy", (Scope.READ, Scope.WRITE)),
    "approve": TokenPurpose("审批", "工单系统回传同意或拒绝。按您的身份，四眼原则照样适用。", "how_to_reg", (Scope.READ, Scope.APPROVE)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """A command to copy; ``id`` is its element's. ``plain``: an address, no command."""

    id: str
    text: str
    command: str
    plain: bool = False


def samples(request: HttpRequest, scopes: Collection[str], purpose: str, secret: str) -> Iterator[Sample]:
    """What these scopes can be tried with; first what the purpose is about."""
    site = request.build_absolute_uri("/").rstrip("/")
    # A name in the shell's place of the token must be expanded there.
    quote = '"' if secret == PLACEHOLDER else "'"
    curl = f"curl -H {quote}Authorization: Bearer {secret}{quote}"
    if Scope.INGEST in scopes:
        yield _ingested(curl, site, purpose)
        if purpose != "files":
            yield from _receivers(site, secret, quote)
    if Scope.READ in scopes or Scope.WRITE in scopes:
        yield from _read(curl, site)
    if Scope.WRITE in scopes:
        yield Sample(
            "bf-write", "给编号为 1 的告警添加备注：", _sent(curl, NOTE, f"{site}/api/v1/alerts/1/comments/")
        )
    if Scope.APPROVE in scopes:
        address = f"{site}/api/v1/proposals/A2B3C4/decision/"
        yield Sample("bf-approve", HOW_TO_DECIDE, _sent(curl, VERDICT, address))


def _ingested(curl: str, site: str, purpose: str) -> Sample:
    address = f"{site}{reverse('api:ingest', args=['generic'])}"
    what, body = ("一台资产和它的一个发现", _ESTATE) if purpose == "files" else ("一条告警", _ALERT)
    text = f"导入{what}（文件换成 --data-binary @文件，格式见 API 文档）："
    return Sample("bf-ingest", text, _sent(curl, body, address))


def _receivers(site: str, secret: str, quote: str) -> Iterator[Sample]:
    """The addresses of senders that have a format of their own; what else to set there stands in docs/receivers.md."""
    for name, title in RECEIVERS.items():
        address = f"{site}{reverse('api:ingest', args=[name])}"
        yield Sample(f"bf-{name}", f"{title}（请求头 Authorization: Bearer 令牌）：", address, plain=True)
    header = f"{quote}Authorization: Splunk {secret}{quote}"
    yield Sample(
        "bf-hec", "能发给 Splunk HEC 的程序，主机填毕方、令牌填这个令牌；试一条：",
        f"curl -H {header} -d '{_HEC}' {site}/services/collector/event",
    )  # fmt: skip


def _read(curl: str, site: str) -> Iterator[Sample]:
    yield Sample("bf-read", "查询最近的告警：", f"{curl} {site}/api/v1/alerts/?limit=5")
    yield Sample("bf-mcp", HOW_TO_CONNECT, f"{site}{reverse('mcp')}", plain=True)


def _sent(curl: str, body: Mapping[str, Any], address: str) -> str:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return f"{curl} -H 'Content-Type: application/json' -d '{text}' {address}"


SCOPE_HELP = (
    "读取：查询；导入：提交文件和 Webhook；修改：确认、关闭告警等（含读取）；审批：同意或拒绝别人的申请。只给需要的。"
    "通过 MCP（/mcp/）修改时只会提出，由您本人在聊天或网页里确认。令牌以您的身份做事，能做的不超过您的角色；您离职或角色降低时，令牌随之失效或受限。"
)
SOURCES_HELP = (
    "只管「导入」：每行一个，例如 waf。写了，用它导入的告警、发现、资产的来源必须是其中之一（大小写、空格、全角半角都要一致），否则返回 403；"
    "只写一个时，它就是默认的来源。留空：可以代表任何来源，也就能更新、标为恢复别的来源的告警。"
)


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Of a new token."""

    scopes = forms.MultipleChoiceField(
        label="权限范围",
        choices=Scope.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=SCOPE_HELP,
    )
    sources = forms.CharField(
        label="可以代表的来源",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=SOURCES_HELP,
    )

    class Meta:
        model = ApiToken
        fields = ("name", "scopes", "sources", "expires_at", "rate")
        help_texts = {
            "name": "谁用它、用在哪里，例如「Alertmanager 生产」。",
            "expires_at": "留空表示不过期。",
            "rate": "超过时返回 429；0 表示不限。按每个网页进程计算。",
        }

    def clean_sources(self) -> list[str]:
        """One a line."""
        try:
            return tokens.checked_sources(str(self.cleaned_data["sources"]).splitlines())
        except InvalidInput as error:
            raise forms.ValidationError(error.message) from None

    def clean_expires_at(self) -> datetime | None:
        """In the future."""
        at: datetime | None = self.cleaned_data["expires_at"]
        if at is not None and at <= timezone.now():
            raise forms.ValidationError("到期时间应在将来。")
        return at


@admin.register(ApiToken)
class TokenScreen(RecordScreen):
    """A token can be made and revoked, not changed: what runs with it would change its rights unnoticed."""

    records_itself = True

    list_display = ("name", "hint", "owner", "scope_line", "state", "created", "used", "expires")
    list_filter = ("created_at", "expires_at")
    search_fields = ("name", "=hint")
    search_help_text = "按名称或令牌开头搜索"
    list_select_related = ("owner",)
    ordering = ("-id",)
    actions = ("revoke",)
    change_form_outer_before_template = "admin/secops_agent/token_samples.html"
    fields = (
        "name",
        "hint",
        "scope_line",
        "source_line",
        "state",
        "rate",
        "owner",
        "created",
        "used",
        "expires",
        "revoked",
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those with Django's permission: whoever makes a token has its rights."""
        return request.user.has_perm("secops_agent.add_apitoken")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """First what it is for; then the form with the scopes that this needs."""
        if request.method == "GET" and self.has_add_permission(request) and "for" not in request.GET:
            return self.page(
                request,
                "admin/secops_agent/token_purposes.html",
                "新的 API 令牌：做什么用？",
                purposes=PURPOSES,
            )
        # Whatever is pressed, the next page is the one with the token.
        one_button = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, one_button | (extra_context or {}))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The scopes of the purpose."""
        purpose = PURPOSES.get(request.GET.get("for", ""))
        return {"scopes": list(purpose.scopes)} if purpose else {}

    def beside_form(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With the commands again, without the token."""
        works = row is not None and not row.revoked_at
        return {"samples": list(samples(request, row.scopes, "", PLACEHOLDER)) if works else []}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form of a new token; an old one is only looked at."""
        return super().get_form(request, obj, change=change, **({} if obj else {"form": TokenForm}), **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is asked of a new one, or all of an old one."""
        return self.fields if obj else ("name", "scopes", "sources", "expires_at", "rate")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """An old one is only looked at."""
        return self.fields if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service; the secret lives as long as this request."""
        values = form.cleaned_data
        row, secret = tokens.create(
            values["name"], values["scopes"], expires_at=values["expires_at"], rate=values["rate"],
            sources=values["sources"], owner_id=request.user.pk, actor=actor_of(request),
        )  # fmt: skip
        obj.pk = row.pk
        obj.refresh_from_db()
        request.__dict__["bf_token"] = secret

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The only time that the token is shown; not by a redirect, which would have to keep it somewhere."""
        secret = request.__dict__.pop("bf_token")
        shown = list(samples(request, obj.scopes, request.GET.get("for", ""), secret))
        page = self.page(
            request,
            "admin/secops_agent/token_made.html",
            "新的 API 令牌",
            token=obj,
            secret=secret,
            samples=shown,
        )
        page["Cache-Control"] = "no-store"
        return page

    scope_line = cell(
        "权限范围",
        lambda row: (
            "、".join(str(Scope(scope).label) for scope in row.scopes if scope in Scope.values) or NOTHING
        ),
    )

    source_line = cell("可以代表的来源", lambda row: "、".join(row.sources) or "任何来源")

    @admin.display(description="状态")
    def state(self, row: ApiToken) -> SafeString:
        """Does it work now?"""
        if row.revoked_at:
            return badge("已吊销", "bad")
        if row.expires_at and row.expires_at <= timezone.now():
            return badge("已过期", "warn")
        return badge("有效", "ok")

    created = column("created_at", "创建时间", moment, ordering="created_at")
    used = column("last_used_at", "最近使用", moment, ordering="last_used_at")

    expires = cell(
        "到期时间", lambda row: moment(row.expires_at) if row.expires_at else "不过期", ordering="expires_at"
    )

    revoked = column("revoked_at", "吊销时间", moment)

    @admin.action(description="吊销", permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """From now on refused."""
        rows = list(queryset)
        done = tokens.revoke([row.pk for row in rows], actor_of(request))
        for row in rows:
            self.log_change(request, row, "吊销。")
        messages.success(request, f"已吊销 {done} 个令牌，立即生效。")
