"""Chaitin SafeLine WAF (长亭雷池): attack logs as it sends them by syslog, JSON behind the header."""

from secops_agent.importers.values.alert_fields import AlertTable, Host
from secops_agent.importers.values.table_importer import TableImporter

_ATTACK = AlertTable(
    marks=("event_id", "attack_type", "risk_level", "src_ip", "urlpath"),
    title=("attack_type",),
    prefix="WAF 攻击：",
    # Attacks of one kind from one address on one site are one alert.
    key=(("attack_type",), ("site_url", "host"), ("src_ip",)),
    event=("event_id",),
    level=("risk_level", "req_risk_level"),
    levels={"none": "info", "low": "low", "medium": "medium", "high": "high", "critical": "critical"},
    last=("timestamp", "timestamp_human", "req_start_time"),
    rule=("rule_id", "module"),
    text=("reason",),
    details={
        "动作": ("action",),
        "请求": ("method",),
        "路径": ("urlpath",),
        "参数": ("query_string",),
        "载荷": ("payload",),
        "位置": ("location",),
        "状态码": ("resp_status_code",),
    },
    host=Host(inside=("dest_ip",)),
    site=("site_url", "host"),
    sightings={"ip": ("src_ip",), "text": ("payload",)},
)

IMPORTER = TableImporter(name="safeline", title="长亭雷池 WAF 攻击日志（syslog，JSON）", tables=(_ATTACK,))
__all__ = ["IMPORTER"]
