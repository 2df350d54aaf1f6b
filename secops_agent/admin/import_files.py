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
FLAWS: Final = (
    ("IP", "主机名", "漏洞名称", "CVE编号", "CNVD编号", "CNNVD编号", "风险等级", "CVSS", "端口", "协议", "组件", "当前版本", "修复版本", "修复建议", "描述", "发现时间", "状态"),
    ("10.0.0.21", "web-01", "Apache Log4j2 远程代码执行漏洞", "CVE-2021-44228", "CNVD-2021-95914", "CNNVD-202112-799", "严重", "10.0", "8080", "tcp", "log4j-core",
     "2.14.1", "2.15.0", "升级到 2.15.0 以上", "示例，请删除这一行", "2026-11-20 08:00:00", "未修复"),
)  # fmt: skip
EVENTS: Final = (
    ("告警名称", "级别", "时间", "告警编号", "告警类型", "资产IP", "主机名", "源IP", "目的IP", "账号", "描述", "处置建议", "状态"),
    ("SSH 暴力破解", "高危", "2026-11-20 08:00:00", "20261120-0001", "暴力破解", "10.0.0.21", "web-01", "198.51.100.7", "10.0.0.21", "root", "示例，请删除这一行",
     "在防火墙上封禁来源", "未处置"),
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
_TABLES: Final = {"assets": ASSETS, "findings_csv": FLAWS, "alerts_csv": EVENTS}
# Name in the address → what it is called.
TEMPLATES: Final = {
    "assets": "资产（CSV，用 Excel 打开、保存）",
    "findings_csv": "漏洞清单（CSV）",
    "alerts_csv": "告警清单（CSV）",
    "findings": "发现（JSON）",
    "alerts": "告警（JSON）",
}


def template(name: str) -> HttpResponse:
    """One of `TEMPLATES`, with an example: it can be imported as it is."""
    if table := _TABLES.get(name):
        return csv_file(f"{name.removesuffix('_csv')}-template", table[0], table[1:])
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
