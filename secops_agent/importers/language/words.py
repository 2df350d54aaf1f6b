"""Words of the language: the fields that a table may fill, what each becomes of an alert, and how people call it."""

from typing import Final

# Field → the attribute of `AlertTable` that holds its paths.
PLAIN: Final = {
    "title": "title", "severity": "level", "time": "last", "first_time": "first", "rule": "rule", "description": "text",
    "technique": "techniques", "status": "state", "count": "count", "confidence": "confidence", "link": "references",
    "site": "site", "image": "images",
}  # fmt: skip
# Field → the attribute of `Host`.
PLACES: Final = {
    "attacker": "attacker", "victim": "victim", "host": "name", "host_ip": "ips", "own_ip": "inside",
    "cloud_id": "cloud_id", "agent_id": "agent_id", "attacker_host": "attacker_name", "victim_host": "victim_name",
}  # fmt: skip
# Field → the kind of its sightings.
SEEN: Final = {
    "user": "account", "url": "url", "hash": "hash", "ip": "ip", "domain": "domain", "email": "email", "file": "file",
    "process": "process", "search": "text",
}  # fmt: skip
RESULT: Final = "攻击结果"  # the line of the description that the field "result" is
# What else a field may have beside its paths.
MORE: Final = {
    "title": {"prefix"}, "severity": {"map", "other", "at_least", "default"}, "time": {"format", "zone"},
    "first_time": {"format", "zone"}, "status": {"map"}, "result": {"map"},
}  # fmt: skip
# In the order in which a page offers them.
LABELS: Final = {
    "title": "标题", "severity": "级别", "time": "时间", "first_time": "开始时间", "attacker": "攻击者", "victim": "受害者",
    "attacker_host": "攻击者主机名", "victim_host": "受害者主机名",
    "host": "主机名", "host_ip": "主机 IP", "own_ip": "IP（内网的是我们的）", "user": "账号", "rule": "规则", "technique": "ATT&CK",
    "result": "攻击结果", "description": "说明", "url": "网址", "domain": "域名", "hash": "哈希", "file": "文件", "process": "进程",
    "ip": "指标 IP", "email": "邮箱", "search": "文字（在里面找指标）", "status": "状态（未关闭、已关闭）", "count": "次数",
    "confidence": "可信度", "link": "链接", "site": "网站", "image": "镜像", "cloud_id": "云实例编号", "agent_id": "Agent 编号",
}  # fmt: skip
