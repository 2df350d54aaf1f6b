"""Qingteng Wanxiang (青藤万相) by syslog: `qtAlert[679] datatype="webshell" agent_id="…" internal_ip="…" …`.

What event_level means besides its words (info, alert, danger were seen) is not known: the severity is ours, by kind.
"""

from secops_agent.importers.values.alert_fields import AlertTable, Host, Paths

_GRAVE = (
    "bounce_shell", "win_bounce_shell", "webshell", "web_command", "web_command_win", "backdoor_diagnose",
    "backdoor_diagnose_win", "mem_backdoor", "privilege_escalation", "virus_detect", "virus_detect_win",
    "anti_virus_detect",
)  # fmt: skip
_NO_ALERTS = {
    **dict.fromkeys(
        ("shell_log", "access_log", "net_connect", "proc_create", "dns_access", "account_change"),
        "是主机的日志，不是入侵告警",
    ),
    **dict.fromkeys(("security_patch", "weak_pwd"), "是风险检查的结果，不是入侵告警"),
    **dict.fromkeys(
        ("system_audit", "agent_offline_check", "agent_suspend_check", "agent_remove_check"),
        "是青藤自己的运行日志，不是入侵告警",
    ),
}


def _of(*names: str) -> Paths:
    """What belongs to one kind of event stands as it is or behind "detail."."""
    return tuple(path for name in names for path in (name, f"detail.{name}"))


SYSLOG = AlertTable(
    marks=("datatype", "agent_id", "internal_ip"),
    kind="syslog",
    title=("event_name", "datatype"),
    key=(
        ("datatype",),
        ("agent_id",),
        _of("src_ip", "dst_ip", "file_path", "path", "hit_rule_names", "hit_rule_name"),
    ),
    event=("datatime", *_of("time")),
    level=("datatype",),
    levels=dict.fromkeys(_GRAVE, "high"),
    other="medium",
    last=("datatime", *_of("time")),
    rule=_of("hit_rule_names", "hit_rule_name", "rule"),
    text=("event_content",),
    details={
        "类型": ("datatype",),
        "青藤的级别": ("event_level",),
        "命中规则": _of("hit_rule_names", "hit_rule_name", "rule"),
        "命令": _of("cmd"),
        "进程": _of("pname", "process_name", "path"),
        "父进程": _of("ppname", "pcmd"),
        "进程树": _of("process_tree", "process_chain"),
        "目标": _of("dst_ip", "port"),
        "文件": _of("file_path"),
        "用户": _of("uname", "login_user"),
        "业务组": ("group_name",),
    },
    # Not external_ip: the address of a gateway, or a placeholder (1.1.1.1).
    host=Host(name=("host_name",), ips=("internal_ip", "agent_ip"), agent_id=("agent_id",)),
    sightings={
        "ip": _of("src_ip", "dst_ip"),
        "file": _of("file_path"),
        "hash": _of("md5", "sha1", "sha256"),
        "account": _of("uname", "login_user"),
        "process": _of("pname", "process_name"),
        "text": _of("cmd"),
    },
    refused={"datatype": _NO_ALERTS},
)
