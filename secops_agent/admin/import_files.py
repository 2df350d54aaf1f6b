"""Files around imports: templates to fill in, and what was rejected."""

import json
from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpResponse

from bifang.core.spreadsheets import csv_file
from secops_agent.models import ImportJob
from secops_agent.uploads.results import REJECTED_HEADS, rejected_rows

ASSETS: Final = (
    ("资产名称", "主机名", "IP", "类型", "负责人", "重要性", "环境", "标签", "备注"),
    ("官网前台", "web-01", "10.0.0.21, 203.0.113.5", "主机", "zhaoliu", "核心", "生产", "电商, 对外", "示例，请删除这一行"),
)  # fmt: skip
FINDINGS: Final[Mapping[str, Any]] = {
    "findings": [
        {"kind": "vulnerability", "asset": "web-01", "vulnerability": "CVE-2021-44228", "severity": "critical",
         "component": {"name": "log4j-core", "version": "2.14.1"}, "fixed_version": "2.15.0"},
        {"kind": "misconfiguration", "asset": "web-01", "title": "SSH 允许密码登录", "severity": "medium",
         "rule_id": "ssh-password", "remediation": "在 sshd_config 里关闭 PasswordAuthentication"},
    ],
}  # fmt: skip
ALERTS: Final[Mapping[str, Any]] = {
    "alerts": [
        {"title": "SSH 暴力破解", "severity": "high", "rule_id": "ssh-brute", "event_id": "20261120-0001", "assets": ["web-01"],
         "indicators": [{"type": "ip", "value": "198.51.100.7"}], "occurred_at": "2026-11-20T08:00:00+08:00"},
    ],
}  # fmt: skip
# Name in the address → what it is called.
TEMPLATES: Final = {
    "assets": "资产（CSV，用 Excel 打开、保存）",
    "findings": "发现（JSON）",
    "alerts": "告警（JSON）",
}


def template(name: str) -> HttpResponse:
    """One of `TEMPLATES`, with an example: it can be imported as it is."""
    if name == "assets":
        return csv_file("assets-template", ASSETS[0], ASSETS[1:])
    body = {
        "format": "bifang",
        "version": 1,
        "source": "手工登记",
        **(FINDINGS if name == "findings" else ALERTS),
    }
    return HttpResponse(
        json.dumps(body, ensure_ascii=False, indent=2) + "\n",
        content_type="application/json; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}.json"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def rejected(job: ImportJob) -> HttpResponse:
    """What was not taken, and why."""
    return csv_file(f"import-{job.pk}-rejected", REJECTED_HEADS, rejected_rows(job))
