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


@dataclass(frozen=True, slots=True)
class Purpose:
    """One thing that people want a token for."""

    title: str
    text: str
    icon: str
    scopes: tuple[Scope, ...]


PURPOSES: Final[Mapping[str, Purpose]] = {
    "alerts": Purpose("接入告警", "监控、WAF、EDR 把告警推给毕方（Alertmanager、Falco、Wazuh 或通用格式）。", "notifications_active", (Scope.INGEST,)),
    "files": Purpose("导入资产与扫描结果", "流水线、扫描器定时上传资产清单、SBOM 和扫描报告。", "upload_file", (Scope.INGEST,)),
    "query": Purpose("只读查询", "大屏、脚本、报表查询告警、资产和漏洞，不能修改。", "search", (Scope.READ,)),
    "mcp": Purpose("给别的智能体（MCP）", "Claude、QwenPaw、IDE 通过 MCP 查询；要改的只会提出，由您本人确认。", "smart_toy", (Scope.READ, Scope.WRITE)),
    "approve": Purpose("审批", "工单系统回传同意或拒绝。按您的身份，四眼原则照样适用。", "how_to_reg", (Scope.READ, Scope.APPROVE)),
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
    reads = bool({Scope.READ, Scope.WRITE} & set(scopes))
    if Scope.INGEST in scopes and purpose == "files":
        yield Sample(
            "bf-files",
            "导入一台资产和它的一个发现（文件换成 --data-binary @文件，格式见 API 文档）：",
            _posted(curl, site, _ESTATE),
        )
    elif Scope.INGEST in scopes:
        yield Sample(
            "bf-ingest",
            "导入一条告警（文件换成 --data-binary @文件，格式见 API 文档）：",
            _posted(curl, site, _ALERT),
        )
    if reads:
        yield Sample("bf-read", "查询最近的告警：", f"{curl} {site}/api/v1/alerts/?limit=5")
        text = "给别的智能体（Claude、QwenPaw、IDE）用：MCP 服务的地址，请求头同上。操作只会提出，由您本人在钉钉或「操作审批」里确认："
        yield Sample("bf-mcp", text, f"{site}{reverse('mcp')}", plain=True)
    if Scope.WRITE in scopes:
        body = _json({"note": "来自 API 的备注"})
        yield Sample(
            "bf-write",
            "给编号为 1 的告警添加备注：",
            f"{curl} {_typed(body)} {site}/api/v1/alerts/1/comments/",
        )
    if Scope.APPROVE in scopes:
        body = _json({"verdict": "approve", "reason": "已核实"})
        text = "决定一个操作审批（把 A2B3C4 换成它的代码；按令牌所有者的身份，四眼原则照样适用）："
        yield Sample("bf-approve", text, f"{curl} {_typed(body)} {site}/api/v1/proposals/A2B3C4/decision/")


def _posted(curl: str, site: str, body: Mapping[str, Any]) -> str:
    return f"{curl} {_typed(_json(body))} {site}{reverse('api:ingest', args=['generic'])}"


def _typed(body: str) -> str:
    return f"-H 'Content-Type: application/json' -d '{body}'"


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
