"""What is installed where: about four hundred components, some of them too old."""

from collections.abc import Iterator
from random import Random

from secops_agent.demo.assets import host, image
from secops_agent.services.records import AssetRecord, ComponentRecord

_Table = dict[str, tuple[str, ...]]
# package → the versions that are found on machines, oldest first
_UBUNTU: _Table = {
    "openssl": ("3.0.2-0ubuntu1.10", "3.0.2-0ubuntu1.18"), "openssh-server": ("1:8.9p1-3ubuntu0.4", "1:8.9p1-3ubuntu0.10"),
    "sudo": ("1.9.9-1ubuntu2.4",), "curl": ("7.81.0-1ubuntu1.13", "7.81.0-1ubuntu1.20"),
    "libc6": ("2.35-0ubuntu3.1", "2.35-0ubuntu3.8"), "policykit-1": ("0.105-33",), "nginx": ("1.18.0-6ubuntu14.4",),
    "bash": ("5.1-6ubuntu1",), "systemd": ("249.11-0ubuntu3.12",), "rsync": ("3.2.7-0ubuntu0.22.04.2",),
    "python3.10": ("3.10.12-1~22.04.3",), "vim": ("2:8.2.3995-1ubuntu2.15",), "git": ("1:2.34.1-1ubuntu1.10",),
    "tar": ("1.34+dfsg-1ubuntu0.1",), "zlib1g": ("1:1.2.11.dfsg-2ubuntu9.2",), "libxml2": ("2.9.13+dfsg-1ubuntu0.3",),
}  # fmt: skip
_DEBIAN: _Table = {
    "openssl": ("3.0.11-1~deb12u2", "3.0.15-1~deb12u1"), "libssl3": ("3.0.11-1~deb12u2", "3.0.15-1~deb12u1"),
    "libc6": ("2.36-9+deb12u1", "2.36-9+deb12u9"), "curl": ("7.88.1-10+deb12u1", "7.88.1-10+deb12u8"),
    "redis": ("5:7.0.15-1~deb12u1",), "libexpat1": ("2.5.0-1",), "libxml2": ("2.9.14+dfsg-1.3~deb12u1",),
    "perl-base": ("5.36.0-7+deb12u1",), "zlib1g": ("1:1.2.13.dfsg-1",), "nginx": ("1.22.1-9",),
}  # fmt: skip
_MAVEN: _Table = {
    "org.apache.logging.log4j:log4j-core": ("2.14.1", "2.17.1"), "org.springframework:spring-beans": ("5.3.16", "5.3.39"),
    "org.springframework:spring-webmvc": ("5.3.16", "5.3.39"), "com.alibaba:fastjson": ("1.2.76", "1.2.83"),
    "org.apache.commons:commons-text": ("1.9", "1.12.0"), "org.apache.tomcat.embed:tomcat-embed-core": ("9.0.65", "9.0.99"),
    "com.fasterxml.jackson.core:jackson-databind": ("2.13.2", "2.17.2"), "org.yaml:snakeyaml": ("1.30", "2.2"),
    "org.apache.shiro:shiro-core": ("1.9.0", "1.13.0"), "org.apache.activemq:activemq-broker": ("5.16.3", "5.18.6"),
    "mysql:mysql-connector-java": ("8.0.28",), "io.netty:netty-handler": ("4.1.86.Final", "4.1.118.Final"),
    "ch.qos.logback:logback-classic": ("1.2.10", "1.4.14"),
}  # fmt: skip
_NPM: _Table = {
    "lodash": ("4.17.15", "4.17.21"), "axios": ("0.21.1", "1.7.9"), "express": ("4.17.1", "4.21.2"), "vue": ("2.6.14",),
    "ws": ("7.4.5", "8.18.0"), "minimist": ("1.2.5", "1.2.8"), "jsonwebtoken": ("8.5.1", "9.0.2"), "moment": ("2.29.1",),
}  # fmt: skip
_PYPI: _Table = {
    "requests": ("2.25.1", "2.32.3"), "jinja2": ("2.11.2", "3.1.5"), "django": ("3.2.12", "4.2.17"), "pyyaml": ("5.3.1", "6.0.2"),
    "pillow": ("9.0.0", "11.1.0"), "urllib3": ("1.26.4", "2.3.0"), "cryptography": ("38.0.0", "44.0.0"),
}  # fmt: skip
_GOLANG: _Table = {
    "golang.org/x/net": ("0.8.0", "0.33.0"), "golang.org/x/crypto": ("0.5.0", "0.31.0"),
    "github.com/gin-gonic/gin": ("1.8.1",), "google.golang.org/grpc": ("1.50.0", "1.69.0"),
}  # fmt: skip
_JAVA_HOSTS = (
    "app-01",
    "app-02",
    "app-03",
    "pay-gateway-1",
    "pay-gateway-2",
    "pay-gateway-3",
    "mq-01",
    "test-app-01",
    "支付系统",
)
_LINUX_HOSTS = (
    "web-01", "web-02", "web-03", "app-01", "app-02", "db-01", "db-02", "db-03", "pay-gateway-1", "pay-gateway-2",
    "pay-gateway-3", "jump-01", "jenkins-01", "gitlab-01", "k8s-node-1", "log-01",
)  # fmt: skip
_IMAGE_SOFTWARE: dict[str, tuple[_Table, ...]] = {
    "shop/web": (_NPM,), "shop/order": (_MAVEN,), "shop/member": (_MAVEN,), "pay/gateway": (_MAVEN,),
    "pay/risk": (_PYPI,), "infra/nginx": (), "infra/redis": (), "tools/report": (_PYPI, _GOLANG),
}  # fmt: skip
_KINDS = ((_MAVEN, "maven"), (_NPM, "npm"), (_PYPI, "pypi"), (_GOLANG, "golang"))


def components(random: Random) -> list[ComponentRecord]:
    """Everything installed. The pay gateways and web-01 have the oldest software, so that there is something to do."""
    found: list[ComponentRecord] = []
    for name in _LINUX_HOSTS:
        found += _system(host(name), _UBUNTU, "ubuntu", "22.04", random, 12)
    for name in _JAVA_HOSTS:
        found += _language(host(name), _MAVEN, "maven", random)
    for name, kinds in _IMAGE_SOFTWARE.items():
        found += _system(image(name), _DEBIAN, "debian", "12", random, 8)
        for software in kinds:
            kind = next(kind for table, kind in _KINDS if table is software)
            found += _language(image(name), software, kind, random)
    return found


def _choose(asset: AssetRecord, versions: tuple[str, ...], random: Random) -> str:
    old = asset.name in ("web-01", "pay-gateway-3", "test-app-01") or random.random() < 0.4
    return versions[0] if old else versions[-1]


def _system(
    asset: AssetRecord,
    table: dict[str, tuple[str, ...]],
    family: str,
    release: str,
    random: Random,
    most: int,
) -> Iterator[ComponentRecord]:
    names = sorted(random.sample(sorted(table), min(most, len(table))))
    for name in names:
        version = _choose(asset, table[name], random)
        quoted = version.replace(":", "%3A").replace("+", "%2B")
        purl = f"pkg:deb/{family}/{name}@{quoted}?arch=amd64&distro={family}-{release}"
        yield ComponentRecord(
            name, version, purl, "deb", asset, f"{family}-{release}", "/var/lib/dpkg/status", source="syft"
        )


def _language(
    asset: AssetRecord, table: dict[str, tuple[str, ...]], kind: str, random: Random
) -> Iterator[ComponentRecord]:
    for name, versions in table.items():
        version = _choose(asset, versions, random)
        prefix = "v" if kind == "golang" else ""
        path = name.replace(":", "/")
        purl = f"pkg:{kind}/{path}@{prefix}{version}"
        yield ComponentRecord(name, prefix + version, purl, kind, asset, "", "/opt/app", source="syft")
