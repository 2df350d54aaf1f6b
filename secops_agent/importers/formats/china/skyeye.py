"""QiAnXin SkyEye (奇安信天眼): alarms as its analysis platform sends them by syslog ("…|!alarm|!{…}") and exports them."""

from secops_agent.importers.values.alert_fields import AlertTable, Host
from secops_agent.importers.values.table_importer import TableImporter

_ALARM = AlertTable(
    marks=("alarm_sip", "attack_sip", "hazard_rating"),
    title=("vuln_type", "type", "rule_desc"),
    key=(("rule_id", "vuln_type"), ("alarm_sip",), ("attack_sip",)),
    event=("alarm_id", "access_time", "first_access_time"),
    level=("hazard_rating",),
    levels={"低危": "low", "中危": "medium", "高危": "high", "危急": "critical"},
    first=("first_access_time",),
    last=("access_time", "first_access_time"),
    rule=("rule_id",),
    text=("_origin.vuln_desc", "_origin.detail_info"),
    details={
        "类型": ("super_type", "type"),
        "结果": ("host_state",),
        "网址": ("_origin.uri",),
        "攻击组织": ("attack_org",),
        "情报": ("ioc",),
        "处置建议": ("_origin.solution",),
    },
    confidence=("confidence",),
    host=Host(ips=("alarm_sip",)),
    sightings={
        "ip": ("attack_sip", "sip", "dip", "x_forwarded_for"),
        "domain": ("host",),
        "hash": ("file_md5",),
        "file": ("file_name",),
    },
    techniques=("att_ck",),
    refused={"is_white": {"1": "命中天眼的白名单，不是告警"}},
)

IMPORTER = TableImporter(name="skyeye", title="奇安信天眼告警（syslog、导出，JSON）", tables=(_ALARM,))
__all__ = ["IMPORTER"]
