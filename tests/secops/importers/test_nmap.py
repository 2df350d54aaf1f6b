"""Nmap: hosts, services, script findings, XML attacks."""

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers.base import ImportLimits, Options
from secops_agent.services.records import (
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Key,
    VulnerabilityRecord,
)

from .reading_aid import of, read, rejected

HOST = """<host starttime="1793750400" endtime="1793750460"><status state="up" reason="arp-response"/>
<address addr="203.0.113.5" addrtype="ipv4"/><address addr="AA:BB:CC:00:11:22" addrtype="mac" vendor="Corp"/>
<hostnames><hostname name="web-01.corp.example" type="PTR"/></hostnames>
<ports><extraports state="closed" count="997"/>
<port protocol="tcp" portid="443"><state state="open"/><service name="https" product="nginx" version="1.25.1"/>
<script id="vulners" output="..."><table key="cpe:/a:nginx:nginx:1.25.1">
<table><elem key="id">CVE-2026-70007</elem><elem key="type">cve</elem><elem key="cvss">7.5</elem></table>
<table><elem key="id">EDB-ID:1</elem><elem key="type">exploitdb</elem><elem key="cvss">7.5</elem></table></table></script>
</port><port protocol="tcp" portid="25"><state state="filtered"/></port></ports>
<os><osmatch name="Linux 5.x" accuracy="98"/></os>
<hostscript><script id="smb-vuln-example" output="VULNERABLE: yes"><table key="CVE-2026-70008">
<elem key="title">Example in SMB</elem><elem key="state">VULNERABLE</elem>
<table key="ids"><elem>CVE:CVE-2026-70008</elem></table></table>
<table key="CVE-2026-70009"><elem key="title">safe</elem><elem key="state">NOT VULNERABLE</elem></table></script></hostscript>
</host>"""
DOWN = '<host><status state="down"/><address addr="203.0.113.6" addrtype="ipv4"/></host>'
NAMELESS = '<host><status state="up"/><address addr="nonsense" addrtype="ipv4"/></host>'


def run(*hosts: str) -> str:
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE nmaprun>\n<nmaprun scanner="nmap" args="nmap -sV">'
            + "".join(hosts) + '<runstats><finished time="1"/></runstats></nmaprun>')  # fmt: skip


def test_nmap_host_gives_exact_records() -> None:
    items = read("nmap", run(HOST, DOWN))
    [asset] = of(items, AssetRecord)
    assert asset.keys == (
        Key("fqdn", "web-01.corp.example"),
        Key("hostname", "web-01"),
        Key("mac", "aa:bb:cc:00:11:22"),
        Key("ip", "203.0.113.5"),
    )
    assert (asset.name, asset.ips, asset.description) == (
        "web-01.corp.example",
        ("203.0.113.5",),
        "操作系统：Linux 5.x",
    )
    assert asset.seen_at is not None
    [service] = of(items, ComponentRecord)
    assert (service.name, service.version, service.location) == ("nginx", "1.25.1", "tcp/443")
    assert service.asset == asset
    assert items == read("nmap", run(HOST, DOWN), packed=True)


def test_nmap_scripts_give_findings() -> None:
    items = read("nmap", run(HOST))
    assert [flaw.vuln_id for flaw in of(items, VulnerabilityRecord)] == ["CVE-2026-70008", "CVE-2026-70007"]
    smb, nginx = of(items, FindingRecord)
    assert (smb.title, smb.severity, smb.location) == ("Example in SMB", "high", "")
    assert (nginx.vulnerability, nginx.severity, nginx.location) == ("CVE-2026-70007", "high", "tcp/443")


def test_nmap_host_without_identity_is_rejected_with_its_position() -> None:
    items = read("nmap", run(NAMELESS, HOST))
    assert rejected(items) == [
        ("host[0]", "主机没有有效的地址或名称（本机地址 127.0.0.1 不算）：请在导入时指定资产")
    ]
    assert len(of(items, AssetRecord)) == 1


def test_nmap_truncated_run_keeps_what_came_before() -> None:
    items = read("nmap", run(HOST, HOST)[:-400])
    assert len(of(items, AssetRecord)) == 1
    assert "XML 有错误或被截断" in rejected(items)[-1][1]


@pytest.mark.parametrize(
    "attack",
    [
        '<!DOCTYPE nmaprun [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><nmaprun><host>&b;</host></nmaprun>',
        '<!DOCTYPE nmaprun [<!ENTITY x SYSTEM "file:///etc/passwd">]><nmaprun><host>&x;</host></nmaprun>',
    ],
    ids=["bomb", "external"],
)
def test_nmap_refuses_entities(attack: str) -> None:
    with pytest.raises(InvalidInput, match="XML 实体或外部引用"):
        read("nmap", attack)


def test_nmap_refuses_deep_nesting() -> None:
    deep = "<nmaprun>" + "<host>" * 5000
    with pytest.raises(InvalidInput, match="嵌套太深"):
        read("nmap", deep, Options(limits=ImportLimits(max_depth=50)))


LOOPBACK = NAMELESS.replace("nonsense", "127.0.0.1")


def test_nmap_of_the_own_machine_belongs_to_the_asset_that_is_named() -> None:
    asset = AssetRecord("host", "scanner-01", (Key("hostname", "scanner-01"),))
    mine, other = of(read("nmap", run(LOOPBACK, HOST), Options(asset=asset)), AssetRecord)
    assert (mine.keys, mine.source, other.name) == (asset.keys, "nmap", "web-01.corp.example")


def test_nmap_ports_of_one_product_are_all_named() -> None:
    def port(number: int, product: str) -> str:
        service = f'<service name="http" product="{product}" version="2"/>'
        return f'<port protocol="tcp" portid="{number}"><state state="open"/>{service}</port>'

    ports = "".join(port(*each) for each in ((80, "httpd"), (22, "sshd"), (8080, "httpd")))
    host = f'<host><address addr="203.0.113.9" addrtype="ipv4"/><ports>{ports}</ports></host>'
    services = of(read("nmap", run(host)), ComponentRecord)
    assert [(each.name, each.location) for each in services] == [
        ("httpd", "tcp/80、tcp/8080"),
        ("sshd", "tcp/22"),
    ]
    many = "".join(port(number, "httpd") for number in range(1, 501))
    [service] = of(read("nmap", run(host.replace(ports, many))), ComponentRecord)
    assert service.location.startswith("500 个端口：tcp/1、tcp/2、")
