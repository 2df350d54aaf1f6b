"""Huawei Cloud Host Security Service (华为云 HSS): GET /v5/{project_id}/event/events, ListSecurityEvents."""

from secops_agent.importers.values.alert_fields import AlertTable, Host
from secops_agent.importers.values.table_importer import TableImporter

_EVENT = AlertTable(
    marks=("event_id", "event_class_id", "event_name", "occur_time"),
    title=("event_name",),
    key=(("event_id",),),
    event=("event_id", "occur_time"),
    level=("severity",),
    levels={"security": "info", "low": "low", "medium": "medium", "high": "high", "critical": "critical"},
    last=("occur_time",),
    rule=("event_class_id",),
    text=("event_abstract", "description", "event_details"),
    details={
        "攻击标识": ("attack_tag",),
        "攻击阶段": ("attack_phase",),
        "次数": ("event_count",),
        "命令": ("process_info_list.process_cmdline",),
        "处置建议": ("recommendation",),
    },
    state=("handle_status",),
    states={"unhandled": "open", "handled": "closed"},
    host=Host(
        name=("host_name", "resource_info.vm_name"),
        ips=("private_ip", "public_ip"),
        cloud_id=("host_id", "resource_info.vm_uuid"),
    ),
    images=("image_name", "resource_info.image_name"),
    sightings={
        "ip": ("operate_detail_list.login_ip", "user_info_list.login_ip"),
        "account": ("user_info_list.user_name", "operate_detail_list.login_user_name"),
        "process": ("process_info_list.process_path",),
        "file": ("file_info_list.file_path", "operate_detail_list.file_path"),
        "hash": (
            "file_info_list.file_sha256",
            "file_info_list.file_hash",
            "file_info_list.file_md5",
            "operate_detail_list.file_hash",
        ),
    },
)

IMPORTER = TableImporter(
    name="huawei_hss",
    title="华为云主机安全 HSS 事件（ListSecurityEvents，JSON）",
    tables=(_EVENT,),
    lists=("data_list",),
)
__all__ = ["IMPORTER"]
