"""Which addresses a configuration, the environment, the gateway and a message may name."""

import pytest

from bifang.core.errors import ConfigError
from bifang.core.outbound.addresses import (
    TRUSTED_HOSTS,
    AddressRules,
    check_address,
    check_listed_proxy,
    check_proxy,
    check_socket,
    is_forbidden,
    webhook_refusal,
)

PLAIN = AddressRules()
SIMULATOR = AddressRules(simulator=True)
LISTED = AddressRules(allowed_hosts=frozenset({"ding.corp.example"}))


@pytest.mark.parametrize(
    "url",
    [
        "https://api.dingtalk.com",
        "https://API.DingTalk.com:443/",
        "https://oapi.dingtalk.com",
        "https://dashscope.aliyuncs.com/api/v1",
        "https://dashscope-intl.aliyuncs.com/api/v1",
        "https://dashscope-us.aliyuncs.com/api/v1",
        "https://llm-4x7.cn-beijing.maas.aliyuncs.com/api/v1",
        "https://WS.eu-central-1.maas.aliyuncs.com",
    ],
)
def test_address_of_a_configuration_accepts_dingtalk_and_aliyun(url):
    check_address(url, PLAIN)


@pytest.mark.parametrize("host", ["127.0.0.1:8910", "localhost", "[::1]:8910"])
def test_loopback_is_refused_outside_the_demo_with_what_to_do_beside_it(host):
    check_address(f"http://{host}", SIMULATOR)
    with pytest.raises(ConfigError, match=r"前面加 BIFANG_SIMULATOR=1.*BIFANG_ADDRESS_ALLOW_LIST"):
        check_address(f"http://{host}", PLAIN)


# What anyone can rent or register beside, below and above the names that are trusted.
NEIGHBOURS = ["x.{host}", "x-{host}", "evil{host}", "api.{host}", "{host}.evil.example", "{host}.cn"]


@pytest.mark.parametrize("shape", NEIGHBOURS)
@pytest.mark.parametrize("host", sorted(TRUSTED_HOSTS))
def test_no_neighbour_of_a_trusted_host_is_trusted(host, shape):
    name = shape.format(host=host)
    with pytest.raises(ConfigError, match="BIFANG_ADDRESS_ALLOW_LIST"):
        check_address(f"https://{name}/", PLAIN)


@pytest.mark.parametrize(
    "host",
    [
        "maas.aliyuncs.com",
        "cn-beijing.maas.aliyuncs.com",
        ".cn-beijing.maas.aliyuncs.com",
        "a.b.cn-beijing.maas.aliyuncs.com",
        "ws.mars-1.maas.aliyuncs.com",
        "ws.cn-beijing.maas.aliyuncs.com.evil.example",
        "-ws.cn-beijing.maas.aliyuncs.com",
        "w_s.cn-beijing.maas.aliyuncs.com",
        "bucket.oss-cn-beijing.aliyuncs.com",
        "1234.cn-hangzhou.fc.aliyuncs.com",
        "pre-api.dingtalk.com",
        "api.dingtalk.io",
    ],
)
def test_hosts_that_can_be_rented_or_come_from_the_operator_are_refused(host):
    with pytest.raises(ConfigError):
        check_address(f"https://{host}/", PLAIN)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.dingtalk.com",
        "https://evil.example",
        "https://dingtalk.com.evil.example",
        "https://evildingtalk.com",
        "https://api.dingtalk.com@evil.example",
        "https://evil.example\\.dingtalk.com",
        "https://evil.example\t.dingtalk.com",
        "https://evil.example#.dingtalk.com",
        "http://127.0.0.1:8910",
        "http://localhost:8910",
        "http://[::1]:8910",
        "https://ding.corp.example",
        "ftp://api.dingtalk.com",
        "api.dingtalk.com",
        "https://",
        "https://api.dingtalk.com:port",
        "https://[::1",
        "",
    ],
)
def test_address_of_a_configuration_refuses_others(url):
    with pytest.raises(ConfigError) as caught:
        check_address(url, PLAIN)
    assert "地址" in caught.value.message


def test_address_on_the_operators_list_is_accepted_also_without_tls():
    check_address("https://ding.corp.example", LISTED)
    check_address("http://ding.corp.example:8080", LISTED)
    for neighbour in ("x.ding.corp.example", "ding.corp.example.evil.example", "corp.example"):
        with pytest.raises(ConfigError):
            check_address(f"https://{neighbour}", LISTED)


def test_proxy_of_a_configuration_must_be_on_the_operators_list():
    check_listed_proxy("http://user:pw@ding.corp.example:3128", LISTED)
    check_listed_proxy("http://127.0.0.1:3128", SIMULATOR)
    for proxy in ("http://10.0.0.1:3128", "https://api.dingtalk.com", "http://127.0.0.1:3128"):
        with pytest.raises(ConfigError, match="BIFANG_ADDRESS_ALLOW_LIST"):
            check_listed_proxy(proxy, LISTED)
    with pytest.raises(ConfigError, match="元数据"):
        check_listed_proxy("http://169.254.169.254:80", AddressRules(frozenset({"169.254.169.254"})))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8910", "http://localhost:1", "http://[::1]:8910"])
def test_address_on_loopback_needs_the_simulator(url):
    check_address(url, SIMULATOR)
    with pytest.raises(ConfigError):
        check_address(url, PLAIN)


def test_address_of_the_environment_is_trusted():
    check_address("http://10.1.2.3:8080", PLAIN, source="environment")
    check_address("http://127.0.0.1:8910", PLAIN, source="environment")


@pytest.mark.parametrize("source", ["config", "environment"])
@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "100.100.100.200", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"]
)
def test_address_of_metadata_is_always_refused(host, source):
    rules = AddressRules(allowed_hosts=frozenset({host.strip("[]")}), simulator=True)
    with pytest.raises(ConfigError):
        check_address(f"https://{host}/", rules, source=source)


@pytest.mark.parametrize("ip", ["64:ff9b::a9fe:a9fe", "fe80::1%eth0", "169.254.0.1"])
def test_forbidden_addresses_are_seen_through_wrappers(ip):
    assert is_forbidden(ip)
    assert not is_forbidden("47.1.2.3")


@pytest.mark.parametrize(
    ("url", "rules", "endpoint"),
    [
        ("wss://wss-open-connection.dingtalk.com:443/connect", PLAIN, "https://api.dingtalk.com"),
        ("wss://wss-open-connection-union.dingtalk.com:443/connect", PLAIN, "https://api.dingtalk.com"),
        ("wss://wss-open-connection-union.dingtalk.io/connect", PLAIN, "https://api.dingtalk.io"),
        ("wss://ding.corp.example/connect", PLAIN, "https://ding.corp.example"),
        ("wss://ding.corp.example/connect", LISTED, "https://api.dingtalk.com"),
        ("ws://127.0.0.1:9000/connect", SIMULATOR, "http://127.0.0.1:8910"),
        ("ws://127.0.0.1:9000/connect", PLAIN, "http://localhost:8910"),
    ],
)
def test_socket_address_of_the_gateway_is_accepted(url, rules, endpoint):
    check_socket(url, rules, endpoint=endpoint)


@pytest.mark.parametrize(
    "url",
    [
        "wss://evil.example/connect",
        "wss://evil.dingtalk.com/connect",
        "wss://wss-open-connection.dingtalk.io/connect",
        "wss://dashscope.aliyuncs.com/connect",
        "wss://x.wss-open-connection.dingtalk.com/connect",
        "ws://wss-open-connection.dingtalk.com/connect",
        "ws://api.dingtalk.com/connect",
        "ws://127.0.0.1:9000/connect",
        "https://api.dingtalk.com/connect",
        "wss://169.254.169.254/connect",
        "",
    ],
)
def test_socket_address_of_the_gateway_is_refused(url):
    with pytest.raises(ConfigError):
        check_socket(url, PLAIN, endpoint="https://api.dingtalk.com")


def test_webhook_must_point_to_the_own_hosts_or_dingtalk():
    own = {"api": "http://127.0.0.1:8910", "oapi": "http://127.0.0.1:8910"}
    for place in ("https://oapi.dingtalk.com", "http://127.0.0.1:8910", "http://localhost:8910"):
        assert webhook_refusal(f"{place}/robot/sendBySession?session=x", **own) == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/robot/sendBySession?session=secret",
        "http://oapi.dingtalk.com/robot/sendBySession?session=secret",
        "https://oapi.dingtalk.com:8443/x?session=secret",
        "http://127.0.0.1:6379/x?session=secret",
        "https://user@oapi.dingtalk.com/x?session=secret",
        "http://169.254.169.254/x?session=secret",
        "https://evil.example?@oapi.dingtalk.com/x&session=secret",
        "https://oapi.dingtalk.com/x?session=secret\nHost: evil.example",
        "",
    ],
)
def test_webhook_elsewhere_is_refused_without_showing_it(url):
    refusal = webhook_refusal(url, api="https://api.dingtalk.com", oapi="https://oapi.dingtalk.com")
    assert refusal
    assert "secret" not in refusal


def test_proxy_socks_is_refused_with_the_remedy():
    check_proxy("")
    check_proxy("http://user:pw@proxy.corp:3128")
    for proxy in ("socks5://127.0.0.1:1080", "SOCKS4://x:1", "socks5h://x:1"):
        with pytest.raises(ConfigError, match="HTTP 代理"):
            check_proxy(proxy)
    with pytest.raises(ConfigError):
        check_proxy("proxy.corp:3128")
