"""About sixty assets with owners: hosts, images, repositories, applications, websites, accounts."""

from secops_agent.importers.values.assets import host_asset, image_asset, repository_asset, website_asset
from secops_agent.services.records import AssetRecord, Key, Severity

SOURCE = "cmdb"
_DOMAIN = "corp.bifang.example"
# name, address, owner's staffId, importance, environment, tags, description
_HOSTS: tuple[tuple[str, str, str, Severity, str, str, str], ...] = (
    ("web-01", "10.0.0.5", "lisi", "high", "生产", "官网,nginx", "官网前端一号机"),
    ("web-02", "10.0.0.6", "lisi", "high", "生产", "官网,nginx", "官网前端二号机"),
    ("web-03", "10.0.0.7", "lisi", "medium", "生产", "官网,nginx", "活动页前端"),
    ("app-01", "10.0.0.21", "zhaoliu", "high", "生产", "订单,java", "订单服务一号机"),
    ("app-02", "10.0.0.22", "zhaoliu", "high", "生产", "订单,java", "订单服务二号机"),
    ("app-03", "10.0.0.23", "zhaoliu", "medium", "生产", "会员,java", "会员服务"),
    ("db-01", "10.0.1.11", "wangwu", "critical", "生产", "MySQL,订单", "订单库主库"),
    ("db-02", "10.0.1.12", "wangwu", "critical", "生产", "MySQL,订单", "订单库从库"),
    ("db-03", "10.0.1.13", "wangwu", "high", "生产", "PostgreSQL,会员", "会员库"),
    ("redis-01", "10.0.1.21", "wangwu", "high", "生产", "Redis", "会话缓存"),
    ("mq-01", "10.0.1.31", "zhaoliu", "high", "生产", "ActiveMQ", "消息队列"),
    ("pay-gateway-1", "10.0.3.13", "manager01", "critical", "生产", "支付,java", "支付网关一号机"),
    ("pay-gateway-2", "10.0.3.14", "manager01", "critical", "生产", "支付,java", "支付网关二号机"),
    ("pay-gateway-3", "10.0.3.15", "zhaoliu", "critical", "生产", "支付,java", "支付网关三号机"),
    ("pay-db-01", "10.0.3.31", "wangwu", "critical", "生产", "支付,MySQL", "支付库"),
    ("jump-01", "10.0.9.2", "lisi", "critical", "生产", "跳板机", "运维跳板机"),
    ("vpn-01", "10.0.9.3", "lisi", "critical", "生产", "VPN", "远程办公接入"),
    ("dns-01", "10.0.9.10", "lisi", "high", "生产", "DNS", "内网域名解析"),
    ("ldap-01", "10.0.9.11", "lisi", "critical", "生产", "域控,账号", "统一身份目录"),
    ("mail-01", "10.0.9.20", "lisi", "high", "生产", "邮件", "邮件服务器"),
    ("gitlab-01", "10.0.8.10", "zhaoliu", "critical", "办公", "代码", "代码托管"),
    ("jenkins-01", "10.0.8.11", "zhaoliu", "high", "办公", "构建", "持续集成"),
    ("wiki-01", "10.0.8.12", "lisi", "medium", "办公", "Confluence", "内部知识库"),
    ("file-01", "10.0.8.20", "lisi", "high", "办公", "文件共享", "部门文件服务器"),
    ("k8s-node-1", "10.0.5.11", "zhaoliu", "high", "生产", "Kubernetes", "容器集群节点一"),
    ("k8s-node-2", "10.0.5.12", "zhaoliu", "high", "生产", "Kubernetes", "容器集群节点二"),
    ("k8s-node-3", "10.0.5.13", "zhaoliu", "high", "生产", "Kubernetes", "容器集群节点三"),
    ("log-01", "10.0.6.10", "lisi", "medium", "生产", "日志", "日志收集"),
    ("es-01", "10.0.6.11", "lisi", "medium", "生产", "日志,Elasticsearch", "日志检索"),
    ("test-app-01", "10.1.0.21", "zhaoliu", "low", "测试", "测试,java", "测试环境应用机"),
    ("test-db-01", "10.1.1.11", "wangwu", "low", "测试", "测试,MySQL", "测试环境数据库"),
    ("pc-finance-07", "10.2.3.107", "manager01", "medium", "办公", "终端,财务", "财务部办公电脑"),
    ("pc-hr-02", "10.2.4.102", "manager01", "medium", "办公", "终端,人事", "人事部办公电脑"),
    ("pc-dev-15", "10.2.5.115", "zhaoliu", "low", "办公", "终端,研发", "研发部办公电脑"),
)  # fmt: skip
_IMAGES = (
    ("shop/web", "2.14.0"), ("shop/order", "5.3.1"), ("shop/member", "3.8.2"), ("pay/gateway", "4.1.7"),
    ("pay/risk", "1.9.0"), ("infra/nginx", "1.24.0"), ("infra/redis", "6.0.16"), ("tools/report", "0.7.3"),
)  # fmt: skip
_REPOSITORIES = ("shop/web", "shop/order", "pay/gateway", "pay/risk", "infra/ansible", "data/etl")
_WEBSITES = (
    ("https://www.bifang.example", "官网", "lisi"), ("https://shop.bifang.example", "商城", "lisi"),
    ("https://pay.bifang.example", "支付收银台", "zhaoliu"), ("https://vpn.bifang.example", "VPN 登录页", "lisi"),
    ("https://wiki.bifang.example:8443", "知识库", "lisi"),
)  # fmt: skip
_APPLICATIONS: tuple[tuple[str, str, Severity, str], ...] = (
    ("支付系统", "zhaoliu", "critical", "网关、风控与支付库"), ("订单系统", "zhaoliu", "high", "下单与履约"),
    ("会员系统", "wangwu", "medium", "会员与积分"), ("报表平台", "wangwu", "low", "经营报表"),
)  # fmt: skip
_ACCOUNTS = ("svc-backup", "svc-deploy", "root@jump-01", "administrator")


def host(name: str) -> AssetRecord:
    """One of the hosts by name."""
    return _BY_NAME[name]


def image(name: str) -> AssetRecord:
    """One of the images by repository."""
    return _BY_NAME[name]


def all_assets() -> tuple[AssetRecord, ...]:
    """Every asset of the demo."""
    return tuple(_BY_NAME.values())


def _dress(record: AssetRecord | None, **values: object) -> AssetRecord:
    assert record is not None
    kept = {name: getattr(record, name) for name in ("asset_type", "name", "keys", "ips")}
    return AssetRecord(**(kept | {"source": SOURCE} | values))


def _make() -> dict[str, AssetRecord]:
    made: dict[str, AssetRecord] = {}
    for name, ip, owner, importance, environment, tags, description in _HOSTS:
        found = host_asset(f"{name}.{_DOMAIN}", ips=(ip,), name=name)
        made[name] = _dress(
            found, owner=owner, importance=importance, environment=environment, tags=tuple(tags.split(",")),
            description=description,
        )  # fmt: skip
    for repository, tag in _IMAGES:
        found = image_asset((f"registry.{_DOMAIN}/{repository}:{tag}",), ())
        made[repository] = _dress(found, owner="zhaoliu", environment="生产", tags=("镜像",))
    for path in _REPOSITORIES:
        found = repository_asset(f"https://gitlab.{_DOMAIN}/{path}.git")
        made[f"repo:{path}"] = _dress(found, owner="zhaoliu", tags=("代码",))
    for address, title, owner in _WEBSITES:
        made[address] = _dress(website_asset(address), owner=owner, tags=(title,), environment="生产")
    for name, owner, grade, description in _APPLICATIONS:
        key = (Key("application", name),)
        made[name] = AssetRecord(
            "application", name, key, owner=owner, importance=grade, description=description,
            environment="生产", source=SOURCE,
        )  # fmt: skip
    for name in _ACCOUNTS:
        key = (Key("account", name),)
        made[name] = AssetRecord("account", name, key, owner="lisi", tags=("特权账号",), source=SOURCE)
    return made


_BY_NAME = _make()
