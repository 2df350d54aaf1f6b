"""Huawei Cloud SecMaster (安全云脑, before: SA 态势感知): POST …/soc/alerts/search, ListAlerts.

Incidents (事件) of the same service have the same fields.
"""

from secops_agent.importers.values.alert_fields import AlertTable, Host
from secops_agent.importers.values.table_importer import TableImporter

_ALERT = AlertTable(
    marks=("title", "severity", "first_observed_time", "handle_status"),
    title=("title",),
    key=(("id",),),
    event=("id", "last_observed_time", "first_observed_time"),
    level=("severity",),
    levels={"tips": "info", "low": "low", "medium": "medium", "high": "high", "fatal": "critical"},
    first=("first_observed_time",),
    last=("last_observed_time", "first_observed_time"),
    rule=("alert_type.alert_type", "alert_type.category"),
    text=("description",),
    details={
        "来自": ("data_source.product_name", "data_source.product_feature"),
        "次数": ("count",),
        "资产": ("resource_list.name",),
        "命令": ("process.process_cmdline",),
        "处置建议": ("remediation.recommendation",),
    },
    confidence=("confidence",),
    state=("handle_status",),
    states={"open": "open", "block": "open", "closed": "closed"},
    # One host only if the resources name one; the addresses of several would make one machine of them.
    host=Host(inside=("network_list.dest_ip", "network_list.src_ip", "resource_list.name")),
    sightings={
        "ip": ("network_list.src_ip", "network_list.dest_ip"),
        "domain": ("network_list.src_domain", "network_list.dest_domain"),
        "account": ("user_info.user_name",),
        "process": ("process.process_path",),
        "file": ("file_info.file_path",),
        "hash": ("file_info.file_sha256", "file_info.file_hash", "file_info.file_md5"),
    },
    references=("source_url",),
)

IMPORTER = TableImporter(
    name="huawei_secmaster",
    title="华为云安全云脑 SecMaster 告警（ListAlerts，JSON）",
    tables=(_ALERT,),
    lists=("data",),
    inner="data_object",
)
__all__ = ["IMPORTER"]
