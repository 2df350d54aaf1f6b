"""120 vulnerabilities: well-known ones described in our own words, and invented ones (CVE-2026-99…) marked as such."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from secops_agent.demo.assets import all_assets, host, image
from secops_agent.services.records import (
    Affected,
    AssetRecord,
    Cvss,
    FindingKind,
    FindingRecord,
    Kev,
    Severity,
    VulnerabilityRecord,
    severity_of_score,
)

SOURCE = "demo"
_COUNT = 120
# CVE, other names, title, CVSS, EPSS, in KEV (R: used for ransomware), published, ecosystem, package, introduced, fixed
_KNOWN: tuple[tuple[str, str, str, float, float, str, str, str, str, str, str], ...] = (
    ("CVE-2021-44228", "GHSA-jfh8-c2jp-5v3q,CNVD-2021-95919", "Apache Log4j2 JNDI 注入导致远程代码执行（Log4Shell）", 10.0, 0.944, "R", "2021-12-10", "Maven", "org.apache.logging.log4j:log4j-core", "2.0-beta9", "2.15.0"),
    ("CVE-2021-45046", "GHSA-7rjr-3q55-vv33", "Apache Log4j2 对 Log4Shell 的修复不完整", 9.0, 0.943, "R", "2021-12-14", "Maven", "org.apache.logging.log4j:log4j-core", "2.0-beta9", "2.16.0"),
    ("CVE-2022-22965", "GHSA-36p3-wjmg-h94x", "Spring Framework 数据绑定导致远程代码执行（Spring4Shell）", 9.8, 0.944, "K", "2022-04-01", "Maven", "org.springframework:spring-beans", "5.3.0", "5.3.18"),
    ("CVE-2022-42889", "GHSA-599f-7c49-w659", "Apache Commons Text 变量插值导致代码执行（Text4Shell）", 9.8, 0.94, "", "2022-10-13", "Maven", "org.apache.commons:commons-text", "1.5", "1.10.0"),
    ("CVE-2022-25845", "GHSA-pv7h-hx5h-mgfj", "fastjson 绕过 autoType 限制反序列化", 9.8, 0.87, "", "2022-06-10", "Maven", "com.alibaba:fastjson", "0", "1.2.83"),
    ("CVE-2023-46604", "GHSA-crg9-44h2-xw35", "Apache ActiveMQ OpenWire 反序列化远程代码执行", 10.0, 0.944, "R", "2023-10-27", "Maven", "org.apache.activemq:activemq-broker", "5.16.0", "5.16.7"),
    ("CVE-2025-24813", "GHSA-83qj-6fr2-vhqg", "Apache Tomcat 部分 PUT 请求导致远程代码执行", 9.8, 0.94, "K", "2025-03-10", "Maven", "org.apache.tomcat.embed:tomcat-embed-core", "9.0.0.M1", "9.0.99"),
    ("CVE-2022-1471", "GHSA-mjmj-j48q-9wg2", "SnakeYAML 构造函数反序列化", 9.8, 0.93, "", "2022-12-01", "Maven", "org.yaml:snakeyaml", "0", "2.0"),
    ("CVE-2022-32532", "GHSA-4cf5-xmhp-3xj7", "Apache Shiro 正则权限绕过", 9.8, 0.82, "", "2022-06-29", "Maven", "org.apache.shiro:shiro-core", "0", "1.9.1"),
    ("CVE-2023-44487", "GHSA-qppj-fm5r-hxr3", "HTTP/2 快速重置拒绝服务", 7.5, 0.944, "K", "2023-10-10", "Go", "golang.org/x/net", "0", "0.17.0"),
    ("CVE-2024-45337", "GHSA-v778-237x-gjrc", "golang.org/x/crypto 公钥认证回调误用导致授权绕过", 9.1, 0.32, "", "2024-12-12", "Go", "golang.org/x/crypto", "0", "0.31.0"),
    ("CVE-2021-23337", "GHSA-35jh-r3h4-6jhm", "lodash 模板命令注入", 7.2, 0.012, "", "2021-02-15", "npm", "lodash", "0", "4.17.21"),
    ("CVE-2020-8203", "GHSA-p6mc-m468-83gw", "lodash 原型污染", 7.4, 0.028, "", "2020-07-15", "npm", "lodash", "3.7.0", "4.17.19"),
    ("CVE-2021-44906", "GHSA-xvch-5gv4-984h", "minimist 原型污染", 9.8, 0.011, "", "2022-03-17", "npm", "minimist", "0", "1.2.6"),
    ("CVE-2023-45857", "GHSA-wf5p-g6vw-rhxx", "axios 泄露 XSRF 令牌", 6.5, 0.004, "", "2023-11-08", "npm", "axios", "0.8.1", "1.6.0"),
    ("CVE-2020-14343", "GHSA-8q59-q68h-6hv4", "PyYAML full_load 任意代码执行", 9.8, 0.14, "", "2021-02-09", "PyPI", "pyyaml", "0", "5.4"),
    ("CVE-2022-28346", "GHSA-2gwj-7jmv-h26r", "Django 聚合函数 SQL 注入", 9.8, 0.06, "", "2022-04-12", "PyPI", "django", "3.2", "3.2.13"),
    ("CVE-2023-4863", "GHSA-j7hp-h8jx-5ppr", "libwebp 堆缓冲区溢出（Pillow 内置）", 8.8, 0.94, "K", "2023-09-12", "PyPI", "pillow", "0", "10.0.1"),
    ("CVE-2023-32681", "GHSA-j8r2-6x86-q33q", "requests 重定向时泄露代理凭证", 6.1, 0.06, "", "2023-05-26", "PyPI", "requests", "2.3.0", "2.31.0"),
    ("CVE-2024-6387", "CNVD-2024-29805", "OpenSSH 信号竞争导致未授权远程代码执行（regreSSHion）", 8.1, 0.43, "", "2024-07-01", "Ubuntu:22.04:LTS", "openssh-server", "0", "1:8.9p1-3ubuntu0.10"),
    ("CVE-2023-4911", "", "glibc 动态加载器缓冲区溢出（Looney Tunables）", 7.8, 0.63, "K", "2023-10-03", "Ubuntu:22.04:LTS", "libc6", "0", "2.35-0ubuntu3.4"),
    ("CVE-2023-38545", "", "curl SOCKS5 堆缓冲区溢出", 9.8, 0.26, "", "2023-10-11", "Debian:12", "curl", "0", "7.88.1-10+deb12u4"),
    ("CVE-2023-5678", "", "OpenSSL DH 密钥检查耗时过长", 5.3, 0.01, "", "2023-11-06", "Debian:12", "openssl", "0", "3.0.13-1~deb12u1"),
    ("CVE-2024-2961", "", "glibc iconv 越界写", 7.3, 0.92, "", "2024-04-17", "Debian:12", "libc6", "0", "2.36-9+deb12u6"),
    ("CVE-2024-3094", "GHSA-rxwq-x6h5-x525", "xz-utils 被植入后门（5.6.0、5.6.1）", 10.0, 0.85, "", "2024-03-29", "Debian:13", "xz-utils", "5.6.0-0.1", "5.6.1+really5.4.5-1"),
    ("CVE-2021-4034", "", "polkit pkexec 本地提权（PwnKit）", 7.8, 0.88, "K", "2022-01-28", "Ubuntu:20.04:LTS", "policykit-1", "0", "0.105-26ubuntu1.2"),
    ("CVE-2021-3156", "", "sudo 堆溢出本地提权（Baron Samedit）", 7.8, 0.92, "K", "2021-01-26", "Ubuntu:20.04:LTS", "sudo", "0", "1.8.31-1ubuntu1.2"),
    ("CVE-2022-0847", "", "Linux 内核管道任意写（Dirty Pipe）", 7.8, 0.83, "K", "2022-03-10", "", "linux", "5.8", "5.16.11"),
    ("CVE-2024-1086", "", "Linux 内核 nf_tables 释放后使用提权", 7.8, 0.85, "R", "2024-01-31", "", "linux", "3.15", "6.8"),
    ("CVE-2014-0160", "", "OpenSSL 心跳越界读（Heartbleed）", 7.5, 0.944, "K", "2014-04-07", "", "openssl", "1.0.1", "1.0.1g"),
    ("CVE-2022-26134", "", "Confluence OGNL 注入远程代码执行", 9.8, 0.944, "R", "2022-06-03", "", "confluence", "1.3.0", "7.4.17"),
    ("CVE-2023-22515", "", "Confluence 未授权创建管理员", 9.8, 0.943, "R", "2023-10-04", "", "confluence", "8.0.0", "8.3.3"),
    ("CVE-2021-22205", "", "GitLab 图片解析远程代码执行", 10.0, 0.944, "R", "2021-04-23", "", "gitlab", "11.9", "13.10.3"),
    ("CVE-2024-23897", "", "Jenkins 命令行任意文件读取", 9.8, 0.944, "R", "2024-01-24", "", "jenkins", "0", "2.442"),
    ("CVE-2020-1472", "", "Netlogon 提权（Zerologon）", 10.0, 0.943, "R", "2020-08-17", "", "windows-server", "", ""),
    ("CVE-2017-0144", "", "SMBv1 远程代码执行（永恒之蓝）", 8.8, 0.944, "R", "2017-03-17", "", "windows", "", ""),
    ("CVE-2019-0708", "", "远程桌面远程代码执行（BlueKeep）", 9.8, 0.944, "K", "2019-05-16", "", "windows", "", ""),
    ("CVE-2022-0543", "", "Debian 打包的 Redis Lua 沙箱逃逸", 10.0, 0.944, "K", "2022-02-18", "Debian:11", "redis", "0", "5:6.0.16-1+deb11u2"),
    ("CVE-2021-41773", "", "Apache HTTP Server 路径穿越", 7.5, 0.944, "R", "2021-10-05", "", "httpd", "2.4.49", "2.4.50"),
    ("CVE-2024-4577", "", "PHP CGI 参数注入（Windows）", 9.8, 0.944, "R", "2024-06-09", "", "php", "8.3.0", "8.3.8"),
)  # fmt: skip
_PACKAGES = (
    ("Ubuntu:22.04:LTS", "openssl", "3.0.2-0ubuntu1.15"), ("Ubuntu:22.04:LTS", "curl", "7.81.0-1ubuntu1.16"),
    ("Ubuntu:22.04:LTS", "libc6", "2.35-0ubuntu3.7"), ("Ubuntu:22.04:LTS", "nginx", "1.18.0-6ubuntu14.9"),
    ("Ubuntu:22.04:LTS", "vim", "2:8.2.3995-1ubuntu2.20"), ("Debian:12", "libxml2", "2.9.14+dfsg-1.3~deb12u2"),
    ("Debian:12", "libexpat1", "2.5.0-1+deb12u1"), ("Debian:12", "libssl3", "3.0.14-1~deb12u1"),
    ("Maven", "com.fasterxml.jackson.core:jackson-databind", "2.13.4.2"), ("Maven", "io.netty:netty-handler", "4.1.94.Final"),
    ("Maven", "ch.qos.logback:logback-classic", "1.2.13"), ("Maven", "mysql:mysql-connector-java", ""),
    ("npm", "express", "4.19.2"), ("npm", "ws", "7.5.10"), ("npm", "jsonwebtoken", "9.0.0"), ("npm", "moment", "2.29.4"),
    ("PyPI", "jinja2", "3.1.3"), ("PyPI", "urllib3", "1.26.17"), ("PyPI", "cryptography", "42.0.0"),
    ("Go", "google.golang.org/grpc", "1.56.3"), ("Go", "github.com/gin-gonic/gin", "1.9.1"),
)  # fmt: skip
_KINDS = (
    ("越界读", 5.3, "CWE-125"), ("释放后使用", 7.8, "CWE-416"), ("拒绝服务", 7.5, "CWE-400"), ("信息泄露", 4.3, "CWE-200"),
    ("远程代码执行", 9.8, "CWE-94"), ("权限绕过", 8.1, "CWE-863"), ("路径穿越", 6.5, "CWE-22"), ("日志注入", 3.1, "CWE-117"),
)  # fmt: skip


def vulnerabilities(random: Random, now: datetime) -> list[VulnerabilityRecord]:
    """All of them; the invented ones were published in the last 200 days."""
    known = [_known(row) for row in _KNOWN]
    return [*known, *_invented(random, now, _COUNT - len(known))]


def _known(row: tuple[str, str, str, float, float, str, str, str, str, str, str]) -> VulnerabilityRecord:
    cve, others, title, score, epss, kev, day, ecosystem, package, introduced, fixed = row
    published = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return VulnerabilityRecord(
        vuln_id=cve,
        aliases=tuple(filter(None, others.split(","))),
        title=title,
        description=f"{title}。影响 {package}{f'，{fixed} 起已修复' if fixed else ''}。（演示数据）",
        severity=_severity(score),
        cvss=(Cvss("3.1", score, "", SOURCE),),
        epss=epss,
        epss_percentile=min(0.999, 0.5 + epss / 2),
        kev=Kev(action="按厂商说明修复，不能修复的停用", ransomware=kev == "R") if kev else None,
        affected=(
            Affected(ecosystem, package, "", introduced, fixed, range_type="ECOSYSTEM" if ecosystem else ""),
        ),
        fixed_versions=(fixed,) if fixed else (),
        references=(f"https://nvd.nist.gov/vuln/detail/{cve}",),
        published=published,
        source=SOURCE,
    )


def _severity(score: float) -> Severity:
    return severity_of_score(score)


def _invented(random: Random, now: datetime, count: int) -> Iterator[VulnerabilityRecord]:
    for number in range(count):
        ecosystem, package, fixed = _PACKAGES[number % len(_PACKAGES)]
        kind, score, cwe = random.choice(_KINDS)
        short = package.rpartition(":")[2].rpartition("/")[2]
        yield VulnerabilityRecord(
            vuln_id=f"CVE-2026-{99001 + number}",
            title=f"{short} {kind}（演示）",
            description=f"演示数据：{package} 处理输入时存在{kind}问题。",
            severity=_severity(score),
            cvss=(Cvss("3.1", score, "", SOURCE),),
            cwes=(cwe,),
            epss=round(random.random() ** 4, 4),
            epss_percentile=round(random.random(), 3),
            affected=(Affected(ecosystem, package, "", "0", fixed, range_type="ECOSYSTEM"),),
            fixed_versions=(fixed,) if fixed else (),
            published=now - timedelta(days=random.randrange(3, 200)),
            source=SOURCE,
        )


# What scanners found besides known versions: configuration, secrets, code; and Trivy's view of two images.

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
