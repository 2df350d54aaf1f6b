"""QiAnXin SkyEye (奇安信天眼): alarms as its analysis platform sends them by syslog ("…|!alarm|!{…}") and exports them, and
the records of its sensors (webids-webattack_dolog, webids-ids_dolog). A sensor's ``uuid`` repeats and names no record.
"""

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
_SENSOR = AlertTable(
    marks=("rule_name", "attack_type", "sip", "dip", "victim", "attacker", "serial_num"),
    kind="sensor",
    title=("rule_name", "vuln_name", "vuln_type"),
    key=(("rule_id", "rule_name"), ("victim",), ("attacker",)),
    event=("@timestamp", "write_date", "serial_num", "sip", "sport", "dip", "dport", "uri"),
    level=("severity", "hazard_level"),
    levels={"低危": "low", "中危": "medium", "高危": "high", "危急": "critical"},
    bands=((8, "critical"), (6, "high"), (4, "medium"), (0, "low")),
    last=("@timestamp", "write_date"),
    rule=("rule_id",),
    text=("detail_info", "vuln_desc"),
    details={
        "攻击结果": ("attack_result",),
        "攻击类型": ("attack_type", "attack_method"),
        "攻击者": ("attacker",),
        "受害者": ("victim",),
        "攻击链": ("kill_chain_all",),
        "网址": ("host", "uri"),
        "方法": ("method",),
        "参数": ("parameter",),
        "客户端": ("agent",),
        "代理": ("xff",),
        "请求头": ("req_header",),
        "请求体": ("req_body",),
        "状态码": ("rsp_status",),
        "响应头": ("rsp_header",),
        "响应体": ("rsp_body",),
        "危害": ("vuln_harm",),
        "处置建议": ("solution",),
        "探针": ("serial_num", "device_ip"),
    },
    words={"攻击结果": {"0": "企图", "1": "成功", "2": "失陷", "3": "失败"}},
    confidence=("confidence",),
    host=Host(victim=("victim",), attacker=("attacker",)),
    sightings={"ip": ("xff",), "hash": ("file_md5",)},
    techniques=("att_ck_all",),
)

IMPORTER = TableImporter(
    name="skyeye", title="奇安信天眼告警（syslog、导出，JSON）与探针日志", tables=(_ALARM, _SENSOR)
)
__all__ = ["IMPORTER"]
