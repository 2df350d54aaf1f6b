"""Sangfor SIP (深信服安全感知平台): what it sends by syslog, "time|!alarm|!its address|!{…}" and "…|!secevent|!…|!{…}".

Alarms are attacks of one address on another; security events are about one host. Times are epoch seconds or China's.
"""

from secops_agent.importers.values.alert_fields import AlertTable, Host
from secops_agent.importers.values.table_importer import TableImporter
from secops_agent.services.records import Severity

_LEVELS: dict[str, Severity] = {
    "info": "info",
    "normal": "medium",
    "important": "high",
    "emergent": "critical",
}
_RESULT = "攻击结果（0 待研判、1 失败、2 成功、3 失陷）"

_ALARM = AlertTable(
    marks=("attack_ip", "suffer_ip", "event_desc"),
    kind="alarm",
    title=("event_desc", "brief"),
    key=(("event_desc", "brief"), ("attack_ip",), ("suffer_ip",)),
    event=("hash_id", "alert_id", "last_time"),
    level=("emergency",),
    levels=_LEVELS,
    first=("first_time",),
    last=("last_time", "first_time"),
    rule=("sub_attack_type_name", "attack_type_name", "module_type_name"),
    text=("event_evidence",),
    details={
        "类型": ("module_type_name", "attack_type_name", "sub_attack_type_name"),
        _RESULT: ("attack_state",),
        "检测引擎": ("engine",),
        "标签": ("tags",),
        "受害方分支": ("suffer_branch_name",),
        "来自": ("dev_name", "dev_name_ori"),
        "危害": ("damage",),
        "处置建议": ("suggest",),
    },
    # Either end may be the one that is ours: a host of ours that scans others is the attacker.
    host=Host(inside=("suffer_ip", "attack_ip")),
    sightings={
        "ip": ("attack_ip", "suffer_ip", "x_forwarded_for", "ioc"),
        "domain": ("ioc",),
        "url": ("url",),
    },
    refused={"is_white": {"1": "命中 SIP 的白名单，不是告警"}},
)
_EVENT = AlertTable(
    marks=("eventKey", "event_content", "ip", "log_time"),
    kind="event",
    title=("event_content", "brief"),
    key=(("ruleId", "eventKey"), ("ip",)),
    event=("eventKey", "log_time"),
    level=("emergency",),
    levels=_LEVELS,
    first=("firstTime",),
    last=("log_time", "firstTime"),
    rule=("ruleId",),
    text=("event_evidence",),
    details={
        "类型": ("module_name", "sub_attack_name", "sub_attack_type_name"),
        _RESULT: ("attack_state",),
        "标签": ("tag",),
        "检测引擎": ("detectEngine",),
        "主机": ("hostRisk",),
        "漏洞": ("vulnerability_name",),
        "原理": ("principle",),
        "处置建议": ("solution",),
    },
    host=Host(name=("hostName",), ips=("ip",)),
    sightings={
        "ip": ("src_ip", "dst_ip"),
        "domain": ("domain_name",),
        "url": ("url",),
        "email": ("email_from",),
    },
)

IMPORTER = TableImporter(
    name="sangfor_sip",
    title="深信服 SIP（安全感知平台）攻击告警与安全事件（syslog，JSON）",
    tables=(_ALARM, _EVENT),
    lists=("data",),
)
__all__ = ["IMPORTER"]
