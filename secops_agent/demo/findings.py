"""What scanners found besides known versions: configuration, secrets, code; and Trivy's view of two images."""

from datetime import datetime, timedelta

from secops_agent.demo.assets import all_assets, host, image
from secops_agent.services.records import AssetRecord, FindingKind, FindingRecord, Severity

# kind, asset, rule, title, severity, tool, location, remedy
_ROWS: tuple[tuple[FindingKind, str, str, str, Severity, str, str, str], ...] = (
    ("misconfiguration", "infra/nginx", "DS002", "镜像以 root 用户运行", "high", "trivy", "Dockerfile", "用 USER 指定普通用户"),
    ("misconfiguration", "pay/gateway", "DS026", "镜像没有健康检查", "low", "trivy", "Dockerfile", "加上 HEALTHCHECK"),
    ("misconfiguration", "k8s-node-1", "KSV001", "容器允许提升权限", "medium", "trivy", "deploy/order.yaml", "allowPrivilegeEscalation: false"),
    ("misconfiguration", "redis-01", "redis-noauth", "Redis 没有设置密码", "critical", "nuclei", "10.0.1.21:6379", "设置 requirepass 并只监听内网"),
    ("misconfiguration", "wiki-01", "dir-listing", "目录可以列出", "medium", "nuclei", "https://wiki.bifang.example:8443/files/", "关闭目录列表"),
    ("misconfiguration", "web-01", "tls-version", "仍接受 TLS 1.0", "medium", "nuclei", "www.bifang.example:443", "只保留 TLS 1.2 以上"),
    ("secret", "repo:infra/ansible", "private-key", "仓库中有私钥", "critical", "trivy", "roles/jump/files/id_rsa", "撤销这把密钥并从历史中清除"),
    ("secret", "repo:data/etl", "aliyun-ak", "代码中有云 AccessKey", "critical", "trivy", "etl/config.py:12", "禁用该密钥，改用实例角色"),
    ("code", "repo:shop/order", "java-sqli", "拼接 SQL 语句", "high", "semgrep", "src/OrderDao.java:88", "使用参数化查询"),
    ("code", "repo:pay/risk", "py-yaml-load", "使用不安全的 yaml.load", "high", "semgrep", "risk/rules.py:31", "改用 yaml.safe_load"),
    ("code", "repo:shop/web", "js-xss", "未转义直接写入页面", "medium", "semgrep", "src/pages/Comment.vue:57", "使用文本插值"),
    ("code", "repo:pay/gateway", "java-weak-hash", "使用 MD5 校验签名", "medium", "semgrep", "src/Sign.java:40", "改用 HMAC-SHA256"),
)  # fmt: skip


def findings(now: datetime) -> list[FindingRecord]:
    """All of them, first seen on different days."""
    names = {record.name: record for record in all_assets()}
    return [_finding(row, names, now - timedelta(days=1 + 2 * number)) for number, row in enumerate(_ROWS)]


def _finding(
    row: tuple[FindingKind, str, str, str, Severity, str, str, str],
    names: dict[str, AssetRecord],
    at: datetime,
) -> FindingRecord:
    kind, asset, rule, title, severity, tool, location, remedy = row
    return FindingRecord(
        kind=kind,
        key=("demo", rule, location),
        title=title,
        severity=severity,
        source=tool,
        asset=names.get(asset) or (host(asset) if "/" not in asset else image(asset)),
        rule_id=rule,
        description=f"{title}。（演示数据）",
        location=location,
        remediation=remedy,
        seen_at=at,
    )
