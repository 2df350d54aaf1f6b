"""What an API token is for: the scopes that it needs and no more, and commands to try it with."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse

from secops_agent.models import Scope

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
HOW_TO_CONNECT: Final = "给别的智能体（Claude、QwenPaw、IDE）用：MCP 服务的地址，请求头同上。操作只会提出，由您本人在聊天或「操作审批」里确认："
HOW_TO_DECIDE: Final = "决定一个操作审批（把 A2B3C4 换成它的代码；按令牌所有者的身份，四眼原则照样适用）："


@dataclass(frozen=True, slots=True)
class TokenPurpose:
    """One thing that people want a token for."""

    title: str
    text: str
    icon: str
    scopes: tuple[Scope, ...]


PURPOSES: Final[Mapping[str, TokenPurpose]] = {
    "alerts": TokenPurpose("接入告警", "监控、SIEM、WAF、EDR 把告警推给毕方（Alertmanager、Grafana、Kibana、Zabbix、Splunk HEC、Falco、Wazuh 或通用格式）。", "notifications_active", (Scope.INGEST,)),
    "files": TokenPurpose("导入资产与扫描结果", "流水线、扫描器定时上传资产清单、SBOM 和扫描报告。", "upload_file", (Scope.INGEST,)),
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
