"""Asset lists: headers in two languages, encodings, several values in a cell, what is wrong in which line."""

import codecs

import pytest

from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.services.records import AssetRecord, Key

from .reading_aid import of, read, rejected, source_of

CHINESE = (
    "主机名,IP地址,负责人,重要性,环境,标签,类型,操作系统,备注\n"
    'web-01,"10.0.0.5，198.51.100.5",张三,核心,生产,"web;对外",服务器,CentOS 7,"官网\n前端"\n'
    "db-02,10.0.0.6,lisi,高,生产,数据库,主机,,\n"
)
ENGLISH = "Hostname,IP Address,Owner,Importance,Environment,Tags,Type,OS,Notes\nweb-01,10.0.0.5,张三,critical,生产,web,server,,\n"


def test_assets_row_gives_exact_record() -> None:
    web, db = of(read("assets_csv", CHINESE), AssetRecord)
    assert (web.asset_type, web.name, web.owner, web.importance) == ("host", "web-01", "张三", "critical")
    assert web.keys == (Key("hostname", "web-01"), Key("ip", "10.0.0.5"), Key("ip", "198.51.100.5"))
    assert web.ips == ("10.0.0.5", "198.51.100.5")
    assert (web.tags, web.environment) == (("web", "对外"), "生产")
    assert web.description == "官网\n前端\n操作系统：CentOS 7"
    assert (db.name, db.importance, db.tags) == ("db-02", "high", ("数据库",))


def test_assets_english_headers() -> None:
    [web] = of(read("assets_csv", ENGLISH), AssetRecord)
    assert (web.name, web.importance, web.ips, web.tags) == ("web-01", "critical", ("10.0.0.5",), ("web",))


@pytest.mark.parametrize(
    "data",
    [codecs.BOM_UTF8 + CHINESE.encode(), CHINESE.encode("gbk"), CHINESE.replace("\n", "\r\n").encode()],
)
def test_assets_in_excels_encodings(data: bytes) -> None:
    names = [asset.name for asset in of(read("assets_csv", data), AssetRecord)]
    assert names == ["web-01", "db-02"]


def test_assets_inner_and_outer_addresses_of_one_host() -> None:
    rows = "主机名,内网IP,公网IP,实例ID,MAC\npay-gateway-3.corp.example,10.0.3.15,198.51.100.15,i-bp1,00:16:3E:01:02:03\n"
    [host] = of(read("assets_csv", rows), AssetRecord)
    assert host.keys == (
        Key("cloud_id", "i-bp1"),
        Key("fqdn", "pay-gateway-3.corp.example"),
        Key("hostname", "pay-gateway-3"),
        Key("mac", "00:16:3e:01:02:03"),
        Key("ip", "10.0.3.15"),
        Key("ip", "198.51.100.15"),
    )


def test_assets_of_other_types() -> None:
    rows = (
        "名称,类型,网址,镜像,账号\n官网,网站,https://www.example.cn,,\n订单系统,应用,,,\n"
        "web镜像,镜像,,registry.corp.example/shop/web:1.4,\nops,账号,,,ops\nmail-01,,,,\n"
    )
    site, system, image, account, host = of(read("assets_csv", rows), AssetRecord)
    assert (site.asset_type, site.name, site.keys[0]) == (
        "website",
        "官网",
        Key("url", "https://www.example.cn"),
    )
    assert (system.asset_type, system.keys) == ("application", (Key("application", "订单系统"),))
    assert image.keys == (Key("image", "registry.corp.example/shop/web:1.4"),)
    assert account.keys == (Key("account", "ops"),)
    assert (host.asset_type, host.keys) == ("host", (Key("hostname", "mail-01"),))


def test_assets_unknown_columns_are_named_once() -> None:
    items = read("assets_csv", "主机名,IP,采购单号,保修期\nweb-01,10.0.0.5,1,2\ndb-02,10.0.0.6,3,4\n")
    assert len(of(items, AssetRecord)) == 2
    assert rejected(items) == [("表头", "没有用到的列：采购单号、保修期。其余列照常导入。")]


def test_assets_broken_rows_are_rejected_with_their_line() -> None:
    rows = (
        'hostname,ip,importance,type,notes\nweb-01,10.0.0.300,,,"two\nlines"\nweb-02,10.0.0.7,天大,,\n'
        ",,,,only a note\n10.0.0.8,10.0.0.999,,,\nweb-04,10.0.0.9,low,host,,extra\nweb-05,10.0.0.10,low,host,\n"
    )
    items = read("assets_csv", rows)
    assert [asset.name for asset in of(items, AssetRecord)] == ["web-02", "web-05"]
    assert [position for position, _ in rejected(items)] == [f"第 {n} 行" for n in (2, 5, 6, 7)]
    reasons = [reason for _, reason in rejected(items)]
    assert reasons[0] == "「IP」不是有效的地址：10.0.0.300"
    assert "没有能标识资产的内容" in reasons[1]


def test_an_importance_that_nobody_knows_is_kept_in_the_description() -> None:
    rows = "主机名,重要性,备注\na,P9,备用\nb,三级,\nc,核心,\nd,高级,\ne,,\nf,信息,\ng,很低,\n"
    items = read("assets_csv", rows)
    assert rejected(items) == []
    assert [(asset.importance, asset.description) for asset in of(items, AssetRecord)] == [
        ("", "备用\n重要性：P9"), ("", "重要性：三级"), ("critical", ""), ("high", ""), ("", ""), ("info", ""), ("info", ""),
    ]  # fmt: skip


def test_assets_of_a_type_that_nobody_knows_are_taken_and_their_word_is_kept() -> None:
    rows = "资产名称,IP,类型\n门禁,10.0.0.8,摄像头\n官网,10.0.0.9,Linux服务器\n核心,10.0.0.10,万兆交换机\n印章,,实物\n"
    items = read("assets_csv", rows)
    assert rejected(items) == []
    assert [(asset.asset_type, asset.description) for asset in of(items, AssetRecord)] == [
        ("host", "类型：摄像头"), ("host", ""), ("network", ""), ("other", "类型：实物"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "claim"),
    [
        ("主机名,IP,负责人", "assets_csv"),
        ("资产名称,IP地址,负责人,采购日期", "assets_csv"),
        ("Host,Protocol,Port,Name,Synopsis,Description,Solution", ""),
        ("Date,Title,Url,Severity,Description,Mitigation", ""),
        ("IP", ""),
    ],
)
def test_only_a_header_of_its_own_is_taken_for_assets(header: str, claim: str) -> None:
    assert registry.detect(source_of(f"{header}\nweb-01\n")) == claim


def test_unsure_header_is_asked_about_and_taken_when_named() -> None:
    with pytest.raises(InvalidInput, match=r"report 可能是 assets_csv（资产表.*），但不能确定：请选择格式。"):
        registry.detect_or_ask(source_of("IP\n10.0.0.1\n"), "请选择格式")
    assert len(of(read("assets_csv", "IP\n10.0.0.1\n"), AssetRecord)) == 1


@pytest.mark.parametrize(
    "column", ["Plugin ID", "CVE", "CVSS v2.0 Base Score", "Vulnerability Name", "漏洞名称"]
)
def test_list_of_vulnerabilities_is_no_list_of_assets(column: str) -> None:
    with pytest.raises(InvalidInput, match=f"这是一张表格（列：Host、Name、{column}）"):
        read("assets_csv", f"Host,Name,{column}\nweb-01,PHP 8.2.x < 8.2.20 Multiple Vulnerabilities,x\n")


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "utf-8-sig"])
def test_cells_between_tabs_are_read_as_excel_saves_and_pastes_them(encoding: str) -> None:
    text = "资产名称\tIP地址\t负责人\n支付网关\t10.0.0.5，10.0.0.6\t张三\n"
    (asset,) = of(read("assets_csv", text.encode(encoding)), AssetRecord)
    assert (asset.name, asset.ips, asset.owner) == ("支付网关", ("10.0.0.5", "10.0.0.6"), "张三")
    assert registry.detect(source_of(text.encode(encoding))) == "assets_csv"


def test_table_of_something_else_is_told_with_its_columns_and_what_to_do() -> None:
    table = "策略名称,动作,源区域,目的区域\n办公上网,允许,内网,外网\n".encode("gbk")
    told = r"列：策略名称、动作、源区域、目的区域.*findings_csv.*alerts_csv.*导出 JSON 或 XML"
    with pytest.raises(InvalidInput, match=told):
        registry.detect_or_ask(source_of(table), "请选择格式")
    with pytest.raises(InvalidInput, match="认不出格式"):
        registry.detect_or_ask(source_of("今天天气不错\n明天开会\n"), "请选择格式")
