"""ThreatBook TDP (微步威胁感知平台): alerts as it sends them by syslog ("Threatbook[…]: {…}").

Records without a threat are traffic, not alerts. Keys may be nested or written out ("threat.name").
"""

from secops_agent.importers.values.alert_fields import AlertTable, Host
from secops_agent.importers.values.table_importer import TableImporter

_THREAT = AlertTable(
    marks=("threat.suuid", "threat.name", "net.src_ip", "machine"),
    title=("threat.name",),
    key=(("threat.suuid",), ("machine",), ("attacker", "external_ip", "data")),
    event=("behave_uuid", "time"),
    level=("threat.severity",),
    levels={"0": "info", "1": "low", "2": "medium", "3": "high", "4": "critical"},
    last=("time", "timeStr"),
    rule=("threat.suuid",),
    text=("threat.msg",),
    details={
        "方向": ("direction",),
        "结果": ("threat.result",),
        "阶段": ("threat.phase",),
        "标签": ("threat.tag",),
        "请求": ("net.http.url",),
        "目标": ("data",),
    },
    confidence=("threat.confidence",),
    host=Host(ips=("machine",)),
    sightings={
        "ip": ("attacker", "external_ip", "net.real_src_ip", "net.dest_ip"),
        "domain": ("net.dns.rrname", "net.http.reqs_host"),
        "text": ("data",),
    },
)

IMPORTER = TableImporter(name="tdp", title="微步 TDP 告警（syslog，JSON）", tables=(_THREAT,))
__all__ = ["IMPORTER"]
