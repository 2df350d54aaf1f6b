"""Tencent Cloud Workload Protection (腾讯云主机安全): answers of its API, version 2018-02-28.

DescribeMalWareList, DescribeBruteAttackList, DescribeHostLoginList, DescribeBashEventsNew, DescribeBashEvents,
DescribeReverseShellEvents, DescribePrivilegeEvents, DescribeRiskDnsEventList. Times are China's, without a zone.
"""

from secops_agent.importers.values.alert_fields import AlertTable, Host
from secops_agent.importers.values.table_importer import TableImporter
from secops_agent.services.records import StatusHint

_ADDRESSES = (
    "MachineExtraInfo.PrivateIP",
    "MachineExtraInfo.WanIP",
    "HostIp",
    "Hostip",
    "MachineIp",
    "WanIp",
)
_HOST = Host(
    name=("MachineExtraInfo.HostName", "HostName", "MachineName", "Alias"),
    ips=_ADDRESSES,
    cloud_id=("MachineExtraInfo.InstanceID", "InstanceId"),
    agent_id=("Uuid", "AgentId"),
)


def _states(*closed: str) -> dict[str, StatusHint]:
    return {"0": "open", **dict.fromkeys(closed, "closed")}


_MALWARE = AlertTable(
    marks=("Quuid", "VirusName", "FilePath"),
    kind="malware",
    title=("VirusName",),
    prefix="恶意文件：",
    key=(("VirusName",), ("Uuid",), ("FilePath",)),
    event=("Id", "LatestScanTime", "CreateTime"),
    level=("Level",),
    levels={"0": "medium", "1": "low", "2": "medium", "3": "high", "4": "critical"},
    first=("CreateTime",),
    last=("LatestScanTime", "FileModifierTime", "CreateTime"),
    rule=("VirusName",),
    details={"文件": ("FilePath",), "进程存在": ("ProcessExists",), "检测平台": ("CheckPlatform",)},
    state=("Status",),
    states={"4": "open", **dict.fromkeys(("5", "6", "8", "13", "14"), "closed")},
    host=_HOST,
    sightings={"hash": ("MD5",), "file": ("FilePath",)},
)
_BRUTE_FORCE = AlertTable(
    marks=("Quuid", "SrcIp", "BanStatus"),
    kind="brute_force",
    title=("AttackStatusDesc", "Status"),
    prefix="暴力破解：",
    key=(("Uuid",), ("SrcIp",), ("Protocol",)),
    event=("Id", "ModifyTime", "Count"),
    level=("RiskLevel",),
    levels={"0": "low", "1": "medium", "2": "high"},
    first=("CreateTime",),
    last=("ModifyTime", "CreateTime"),
    rule=("EventType",),
    details={"次数": ("Count",), "端口": ("Port",), "结果": ("Status",), "来源": ("Location",)},
    state=("DataStatus",),
    states=_states("1", "5", "6"),
    host=_HOST,
    sightings={"ip": ("SrcIp",), "account": ("UserName",)},
)
_LOGIN = AlertTable(
    marks=("Quuid", "SrcIp", "LoginTime"),
    kind="login",
    title=("HitRuleName", "SrcIp"),
    prefix="异常登录：",
    key=(("Uuid",), ("SrcIp",), ("UserName",)),
    event=("Id", "LastDiscoverTime", "LoginTime"),
    level=("RiskLevel",),
    levels={"0": "high", "1": "medium"},
    first=("FirstDiscoverTime", "LoginTime"),
    last=("LastDiscoverTime", "LoginTime"),
    rule=("HitRule",),
    text=("HarmDescribe",),
    details={"来源": ("Location",), "端口": ("Port",), "建议": ("SuggestScheme",)},
    state=("Status",),
    states={"2": "open", **dict.fromkeys(("5", "14", "15"), "closed")},
    host=_HOST,
    sightings={"ip": ("SrcIp",), "account": ("UserName",)},
    refused={"Status": {"1": "正常登录，不是告警"}},
)
_COMMAND = AlertTable(
    marks=("Quuid", "BashCmd", "RuleName"),
    kind="command",
    title=("RuleName",),
    prefix="高危命令：",
    key=(("RuleId", "RuleName"), ("Uuid",), ("User",)),
    event=("Id", "LatestDetectTime", "CreateTime"),
    level=("RuleLevel",),
    levels={"1": "high", "2": "medium", "3": "low"},
    first=("FirstDetectTime", "CreateTime"),
    last=("LatestDetectTime", "CreateTime"),
    rule=("RuleId",),
    details={"命令": ("BashCmd",)},
    state=("Status",),
    states=_states("1", "2", "3"),
    host=_HOST,
    sightings={"account": ("User",), "process": ("Exe",), "text": ("BashCmd",)},
)
_REVERSE_SHELL = AlertTable(
    marks=("Quuid", "DstIp", "DstPort"),
    kind="reverse_shell",
    title=("ProcessName", "FullPath", "DstIp"),
    prefix="反弹 Shell：",
    key=(("Uuid",), ("DstIp",), ("ProcessName",)),
    event=("Id",),
    level=("RiskLevel",),
    levels={"0": "medium", "1": "high"},
    unrated="high",
    last=("CreateTime",),
    details={"命令": ("CmdLine",), "父进程": ("ParentProcPath",), "目标端口": ("DstPort",)},
    state=("Status",),
    states=_states("2", "3", "4", "6"),
    host=_HOST,
    sightings={"ip": ("DstIp",), "account": ("UserName",), "process": ("FullPath",)},
)
_PRIVILEGE = AlertTable(
    marks=("Quuid", "ProcFilePrivilege"),
    kind="privilege",
    title=("ProcessName", "FullPath"),
    prefix="本地提权：",
    key=(("Uuid",), ("FullPath", "ProcessName")),
    event=("Id",),
    level=(),
    unrated="high",
    last=("CreateTime",),
    details={"命令": ("CmdLine",), "父进程": ("ParentProcPath",), "文件权限": ("ProcFilePrivilege",)},
    state=("Status",),
    states=_states("2", "3", "4"),
    host=_HOST,
    sightings={"account": ("UserName",), "process": ("FullPath",)},
)
_DNS = AlertTable(
    marks=("HostId", "AgentId", "Domain", "PolicyName"),
    kind="dns",
    title=("PolicyName", "Domain"),
    prefix="恶意请求：",
    key=(("AgentId",), ("Domain",)),
    event=("Id", "LastTime"),
    level=(),
    unrated="high",
    first=("FirstTime",),
    last=("LastTime",),
    rule=("PolicyId",),
    text=("ThreatDesc",),
    details={"次数": ("AccessCount",), "命令": ("CmdLine",), "建议": ("SuggestSolution",)},
    state=("HandleStatus",),
    states=_states("2", "4", "5", "6"),
    host=_HOST,
    sightings={"domain": ("Domain",), "process": ("ProcessName",), "hash": ("ProcessMd5",)},
    references=("ReferenceLink",),
)
_LISTS = ("MalWareList", "BruteAttackList", "HostLoginList", "List")

IMPORTER = TableImporter(
    name="tencent_cwp",
    title="腾讯云主机安全告警（云 API，JSON）",
    tables=(_MALWARE, _BRUTE_FORCE, _LOGIN, _COMMAND, _REVERSE_SHELL, _PRIVILEGE, _DNS),
    lists=(*_LISTS, *(f"Response.{name}" for name in _LISTS)),
)
__all__ = ["IMPORTER"]
