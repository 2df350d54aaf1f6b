"""Alerts as two platforms of Chinese enterprises export them, one object an alert; their vendors are not known.

One names threats, attackers and victims (an address may be blotted out: "XXX.XXX.7.82"); the other names events between two
addresses, as gateways do.
"""

from secops_agent.importers.values.alert_fields import AlertTable, Host
from secops_agent.importers.values.table_importer import TableImporter

_THREAT = AlertTable(
    marks=("threat_name", "threat_severity", "attacker_ip", "victim_ip"),
    kind="threat",
    title=("threat_name",),
    key=(("threat_name",), ("victim_ip",), ("attacker_ip",)),
    event=("last_seen_time", "count", "attack_result"),
    level=("threat_severity",),
    levels={"低危": "low", "中危": "medium", "高危": "high", "危急": "critical", "严重": "critical"},
    last=("last_seen_time",),
    count=("count",),
    rule=("secondary_alert_type", "primary_alert_type"),
    details={
        "攻击结果": ("attack_result",),
        "类型": ("primary_alert_type", "secondary_alert_type"),
        "攻击阶段": ("attack_stage",),
        "攻击者": ("attacker_ip",),
        "受害者": ("victim_ip",),
        "载荷": ("payload_content",),
        "请求头": ("request_header",),
        "请求体": ("request_body",),
        "响应头": ("response_header",),
        "响应体": ("response_body",),
    },
    host=Host(victim=("victim_ip",), attacker=("attacker_ip",)),
)
_EVENT = AlertTable(
    marks=("event_name", "security_type", "event_severity", "source_ip", "destination_ip"),
    kind="event",
    title=("event_name",),
    key=(("event_name",), ("destination_ip",), ("source_ip",)),
    event=("event_time", "source_port", "destination_port", "url"),
    level=("event_severity",),
    levels={"低级": "low", "中级": "medium", "高级": "high", "紧急": "critical"},
    last=("event_time",),
    rule=("security_type",),
    details={
        "动作": ("action",),
        "类型": ("security_type",),
        "攻击者": ("source_ip",),
        "受害者": ("destination_ip",),
        "端口": ("source_port", "destination_port"),
        "网址": ("host", "url"),
        "来源页": ("referer",),
        "请求": ("info",),
        "响应": ("return_info",),
    },
    host=Host(victim=("destination_ip",), attacker=("source_ip",)),
)

IMPORTER = TableImporter(
    name="cn_alerts", title="国内安全平台导出的告警（威胁名称或事件名称，JSON）", tables=(_THREAT, _EVENT)
)
__all__ = ["IMPORTER"]
