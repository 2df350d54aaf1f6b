"""Qingteng Wanxiang (青藤万相): answers of its OpenAPI (/external/api/detect/…, /websecurity/webshell/…: the records
under rows), and what it sends by syslog (key="value" pairs). Times are epoch seconds.

The answers have no severity: each kind has ours.
"""

from collections.abc import Mapping

from secops_agent.importers.values.alert_fields import AlertTable, Host, Paths
from secops_agent.importers.values.table_importer import TableImporter

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


# Not externalIp and connectionIp: behind a gateway many hosts have the same ones.
_HOST = Host(name=("hostname",), ips=("internalIp", "displayIp"), agent_id=("agentId",))
_WHITE: Mapping[str, Mapping[str, str]] = {"whiteRuleEffect": {"true": "命中青藤的白名单，不是告警"}}
_BLOCK = "来源封停（0 未处理、1 3 已封停、2 4 已解封、5 6 处理中、-1 -2 失败）"

_BRUTE = AlertTable(
    marks=("agentId", "clientIp", "serviceType", "block"),
    kind="brutecrack",
    title=("serverName", "clientIp"),
    prefix="暴力破解：",
    key=(("agentId",), ("clientIp",), ("serverName", "serviceType")),
    event=("id", "loginTime"),
    level=(),
    last=("loginTime",),
    details={"业务组": ("bizGroup",), _BLOCK: ("block",)},
    host=_HOST,
    sightings={"ip": ("clientIp",)},
    refused=_WHITE,
)
_LOGIN = AlertTable(
    marks=("agentId", "clientIp", "uname", "abnormalIp"),
    kind="abnormallogin",
    title=("uname", "clientIp"),
    prefix="异常登录：",
    key=(("agentId",), ("uname",), ("clientIp",)),
    event=("loginTime",),
    # A login by a password that was guessed.
    level=("crackSuccess",),
    levels={"0": "medium", "1": "high"},
    last=("loginTime",),
    details={
        "登录区域": ("clientLocation",),
        "不在常用 IP（1 是）": ("abnormalIp",),
        "不在常用区域（1 是）": ("abnormalLocation",),
        "不在常用时间（1 是）": ("abnormalTime",),
        "恶意 IP 库（1 是）": ("evilIpDb",),
        "暴力破解成功的登录（1 是）": ("crackSuccess",),
        "业务组": ("bizGroup",),
    },
    host=_HOST,
    sightings={"ip": ("clientIp",), "account": ("uname",)},
    refused=_WHITE,
)
_WEBSHELL = AlertTable(
    marks=("agentId", "filePath", "typeDesc", "matchCount"),
    kind="webshell",
    title=("typeDesc", "regexDesc", "filePath"),
    prefix="Web 后门：",
    key=(("agentId",), ("filePath",)),
    event=("id", "fileMd5"),
    level=(),
    unrated="high",
    # modifyTime is the file's own; when it was found is not said.
    last=(),
    rule=("regexDesc",),
    text=("regexDesc",),
    details={"文件": ("filePath",), "网站": ("serverName",), "业务组": ("bizGroup",)},
    host=_HOST,
    sightings={"file": ("filePath",), "hash": ("fileMd5",)},
    refused=_WHITE,
)
_SHELL = AlertTable(
    marks=("agentId", "targetIp", "targetPort", "processName"),
    kind="bounceshell",
    title=("processName", "targetIp"),
    prefix="反弹 Shell：",
    key=(("agentId",), ("targetIp",), ("processName",)),
    event=("createTime", "pid"),
    level=(),
    unrated="high",
    last=("createTime",),
    details={
        "目标": ("targetIp", "targetPort"),
        "用户": ("userName",),
        "父进程": ("parentName", "parentPath"),
        "进程树": ("processTree.cmd",),
        "业务组": ("bizGroup",),
    },
    host=_HOST,
    sightings={"ip": ("targetIp",), "account": ("userName",), "process": ("processName",)},
    refused=_WHITE,
)
_RIGHTS = AlertTable(
    marks=("agentId", "procName", "procUserName", "parentProcName"),
    kind="localrights",
    title=("procName", "procPath"),
    prefix="本地提权：",
    key=(("agentId",), ("procPath", "procName"), ("parentProcPath", "parentProcName")),
    event=("time", "procPid"),
    level=(),
    unrated="high",
    last=("time",),
    details={
        "父进程": ("parentProcPath", "parentProcName"),
        "用户": ("procUserName",),
        "容器": ("containerName", "containerId"),
        "进程树": ("processTreeList.cmd",),
        "业务组": ("bizGroup",),
    },
    host=_HOST,
    sightings={"process": ("procPath", "parentProcPath"), "account": ("procUserName",)},
    refused=_WHITE,
)
_BACKDOOR = AlertTable(
    marks=("agentId", "backDoorType", "backDoorName"),
    kind="backdoor",
    title=("backDoorName", "backDoorCheckName"),
    prefix="后门：",
    key=(("agentId",), ("backDoorType",), ("backDoorName", "backDoorCheckName")),
    event=("createTime",),
    level=(),
    unrated="high",
    last=("createTime",),
    rule=("backDoorCheckName",),
    text=("description",),
    details={"类型": ("backDoorType",), "结果": ("detail",), "修复": ("instruct",), "业务组": ("bizGroup",)},
    host=_HOST,
    refused=_WHITE,
)
_WINDOWS_BACKDOOR = AlertTable(
    marks=("agentId", "backDoorTypeId", "name", "reason"),
    kind="backdoor_win",
    title=("name", "reason"),
    prefix="后门：",
    key=(("agentId",), ("backDoorTypeId",), ("name", "reason")),
    event=("createTime", "data.item.process_id"),
    level=(),
    unrated="high",
    last=("createTime",),
    text=("reason",),
    details={
        "类型（1 可疑进程、2 可疑线程、3 可疑模块、4 可疑启动项、5 映像劫持、1000 恶意进程）": (
            "backDoorTypeId",
        ),
        "进程": ("data.item.image_file_name", "data.item.process_name"),
        "业务组": ("bizGroup",),
    },
    host=_HOST,
    sightings={"process": ("data.item.image_file_name", "data.item.process_name")},
    refused=_WHITE,
)
_HONEYPOT = AlertTable(
    marks=("agentId", "clientIp", "port", "time"),
    kind="honeypot",
    title=("clientIp",),
    prefix="网络蜜罐：",
    key=(("agentId",), ("clientIp",), ("port",)),
    event=("time",),
    level=(),
    last=("time",),
    details={"主机端口": ("port",), "业务组": ("bizGroup",)},
    host=_HOST,
    sightings={"ip": ("clientIp",)},
    refused=_WHITE,
)
_COMMAND = AlertTable(
    marks=("agentId", "cmd", "loginIp", "auditStatus"),
    kind="shelllog",
    title=("hitRuleName", "cmdNoHightLight", "cmd"),
    prefix="可疑操作：",
    key=(("agentId",), ("hitRuleName", "cmd"), ("loginUser",)),
    event=("logTime", "cmd"),
    level=(),
    last=("logTime",),
    rule=("hitRuleName",),
    details={"命令": ("cmdNoHightLight", "cmd"), "登录": ("loginUser", "loginIp"), "业务组": ("bizGroup",)},
    # 1 未审核, 2 审核通过; of 3 (审核未通过) nothing says whether anyone has dealt with it.
    state=("auditStatus",),
    states={"1": "open", "2": "closed"},
    host=_HOST,
    sightings={"ip": ("loginIp",), "account": ("loginUser",), "text": ("cmd",)},
    refused=_WHITE,
)

IMPORTER = TableImporter(
    name="qingteng",
    title="青藤万相入侵检测（OpenAPI，JSON；syslog）",
    tables=(
        _BRUTE,
        _LOGIN,
        _WEBSHELL,
        _SHELL,
        _RIGHTS,
        _BACKDOOR,
        _WINDOWS_BACKDOOR,
        _HONEYPOT,
        _COMMAND,
        SYSLOG,
    ),
    lists=("rows",),
    pairs=b'datatype="',
)
__all__ = ["IMPORTER"]
