"""300 alerts of 14 days from six sources, as their tools would tell them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from secops_agent.demo.assets import host
from secops_agent.services.records import AlertRecord, Indicator, IndicatorKind, Severity

COUNT = 300
LASTING = 40  # the first ones go on until now: they are what people are working on
_FRESH = 12  # in the last two hours, so that no question about now comes up empty
_DAYS = 14
ATTACKERS = (
    "203.0.113.5",
    "203.0.113.9",
    "203.0.113.77",
    "198.51.100.7",
    "198.51.100.23",
    "192.0.2.44",
    "8.8.8.8",
)
HARMLESS = (
    "198.51.100.7",
    "198.51.100.23",
    "8.8.8.8",
)  # of those: scanners that we ordered, a public resolver
_DOMAINS = ("evil.com", "evil-domain.xyz", "pool.minexmr.example", "cdn-update.example.net")
_HASHES = (
    "44d88612fea8a8f36de82e1278abb02f",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)
_URL = "http://bad.example.net/a.exe"


@dataclass(frozen=True, slots=True)
class Scene:
    """One kind of alert. ``brings`` names its indicators: ip, domain, hash, url, account."""

    source: str
    rule_id: str
    rule: str
    severity: Severity
    hosts: str
    brings: str
    technique: str
    text: str


_SCENES: tuple[Scene, ...] = (
    Scene("wazuh", "5712", "HIDS：SSH 暴力破解", "high", "web-01 web-02 jump-01 app-01", "ip account", "T1110.001", "短时间内多次 SSH 登录失败"),
    Scene("wazuh", "5763", "HIDS：SSH 暴力破解后登录成功", "critical", "jump-01 web-01", "ip account", "T1110.001", "同一地址多次失败后登录成功"),
    Scene("wazuh", "550", "HIDS：关键文件被修改", "medium", "web-01 db-02 ldap-01 file-01", "file", "T1565.001", "/etc/passwd 等关键文件的校验值变化"),
    Scene("wazuh", "5402", "HIDS：sudo 提权到 root", "low", "jump-01 app-02 db-01", "account", "T1548.003", "用户使用 sudo 执行 root 命令"),
    Scene("suricata", "2024897", "端口扫描", "medium", "web-01 web-03 vpn-01 mail-01", "ip", "T1046", "同一来源短时间内访问大量端口"),
    Scene("suricata", "2034647", "Log4j JNDI 注入尝试", "critical", "app-01 pay-gateway-3 pay-gateway-1", "ip url", "T1190", "请求头中出现 jndi:ldap 表达式"),
    Scene("suricata", "2027865", "挖矿木马：连接矿池", "high", "k8s-node-2 test-app-01", "domain ip", "T1496", "主机向已知矿池域名发起连接"),
    Scene("suricata", "2019401", "可疑 DNS 请求：疑似 C2 域名", "high", "pc-finance-07 pc-dev-15", "domain", "T1071.004", "查询了情报中的恶意域名"),
    Scene("WAF", "942100", "WAF：SQL 注入攻击", "high", "web-01 web-02", "ip url", "T1190", "参数中检测到 SQL 注入载荷，已拦截"),
    Scene("WAF", "941100", "WAF：跨站脚本攻击", "medium", "web-01 web-03", "ip", "T1190", "参数中检测到脚本标签，已拦截"),
    Scene("WAF", "930120", "WAF：敏感文件访问", "medium", "web-02 wiki-01", "ip url", "T1083", "尝试读取 .git、.env 等文件"),
    Scene("WAF", "912171", "WAF：CC 攻击", "high", "web-01 web-02", "ip", "T1499", "单一来源请求速率异常（疑似 DDoS）"),
    Scene("aliyun_sas", "webshell", "WebShell 后门文件", "critical", "web-01 web-03", "hash file", "T1505.003", "网站目录中发现 webshell 文件"),
    Scene("aliyun_sas", "abnormal-login", "异地登录", "medium", "jump-01 vpn-01", "ip account", "T1078", "账号从不常用的地点登录"),
    Scene("aliyun_sas", "ransom", "勒索病毒行为：批量加密文件", "critical", "file-01 pc-finance-07", "hash process", "T1486", "短时间内大量文件被改写并更名"),
    Scene("aliyun_sas", "ak-leak", "AccessKey 异常调用", "high", "gitlab-01", "ip account", "T1552.001", "AccessKey 从陌生地址调用云接口"),
    Scene("falco", "shell-in-container", "容器内启动 Shell", "medium", "k8s-node-1 k8s-node-2 k8s-node-3", "process", "T1059.004", "容器中出现交互式 Shell"),
    Scene("falco", "write-below-etc", "容器内写入 /etc", "high", "k8s-node-1 k8s-node-3", "file process", "T1543", "容器进程写入系统目录"),
    Scene("alertmanager", "HighErrorRate", "支付系统错误率过高", "high", "pay-gateway-1 pay-gateway-2 pay-gateway-3", "", "", "5xx 比例超过 5%"),
    Scene("alertmanager", "CertExpiring", "证书即将过期", "low", "web-01 vpn-01", "", "", "TLS 证书将在 14 天内过期"),
    Scene("alertmanager", "HostDown", "主机失联", "info", "log-01 es-01 test-db-01", "", "", "监控连续 5 分钟没有收到心跳"),
    Scene("wazuh", "87105", "HIDS：钓鱼邮件附件被打开", "high", "pc-hr-02 pc-finance-07", "hash url email", "T1566.001", "打开了带宏的邮件附件"),
    Scene("suricata", "2404300", "向恶意地址外传数据", "critical", "db-02 file-01", "ip domain", "T1041", "短时间内向外发送大量数据，疑似数据泄露"),
)  # fmt: skip


def alerts(random: Random, now: datetime) -> list[AlertRecord]:
    """All of them, oldest first, so that their numbers follow time."""
    ages = [timedelta(hours=random.uniform(0.1, 1.9)) for _ in range(_FRESH)]
    ages = sorted([*ages, *(_age(random) for _ in range(COUNT - _FRESH))], reverse=True)
    return [_alert(number, age, random, now) for number, age in enumerate(ages)]


def _age(random: Random) -> timedelta:
    """Two fifths of the last two days, the rest evenly over the fortnight."""
    hours = random.uniform(0.2, 48) if random.random() < 0.4 else random.uniform(48, 24 * _DAYS - 1)
    return timedelta(hours=hours)


def _alert(number: int, age: timedelta, random: Random, now: datetime) -> AlertRecord:
    scene = _scene(number, random)
    name = random.choice(scene.hosts.split())
    first = now - age
    lasting = number < LASTING or random.random() < 0.2
    last = (
        now - timedelta(hours=random.uniform(0.1, min(60, age.total_seconds() / 3600))) if lasting else first
    )
    return AlertRecord(
        source=scene.source,
        dedup_key=("demo", scene.rule_id, name, str(number)),
        title=f"{name} {scene.rule}",
        severity=scene.severity,
        rule_id=scene.rule_id,
        rule_name=scene.rule,
        description=f"{scene.text}。（演示数据）",
        confidence=random.randrange(50, 100),
        assets=(host(name), host("支付系统")) if name.startswith("pay-") else (host(name),),
        indicators=_indicators(scene, random),
        occurred_at=last,
        first_seen=first,
        last_seen=last,
        count=random.randrange(2, 400) if lasting else random.randrange(1, 4),
        event_id=f"demo-{number}",
        techniques=(scene.technique,) if scene.technique else (),
        raw={"demo": True, "rule": scene.rule_id, "host": name, "message": scene.text},
    )


def _scene(number: int, random: Random) -> Scene:
    """Every kind among the lasting ones, every source among the newest."""
    if number < LASTING:
        return _SCENES[number % len(_SCENES)]
    if number < COUNT - _FRESH:
        return random.choice(_SCENES)
    sources = sorted({scene.source for scene in _SCENES})
    return next(scene for scene in _SCENES if scene.source == sources[number % len(sources)])


def _indicators(scene: Scene, random: Random) -> tuple[Indicator, ...]:
    choices: dict[IndicatorKind, Sequence[str]] = {
        "ip": ATTACKERS, "domain": _DOMAINS, "hash": _HASHES, "url": (_URL,), "account": ("root", "admin", "deploy"),
        "email": ("hr-notice@evil-domain.xyz",), "file": ("/etc/passwd", "/var/www/html/up.php"), "process": ("bash", "xmrig"),
    }  # fmt: skip
    return tuple(
        Indicator(kind, random.choice(choices[kind])) for kind in choices if kind in scene.brings.split()
    )
