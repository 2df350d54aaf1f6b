"""Who has some software, what a list of indicators hit, what was imported: asked in the offline mode, with real data."""

from typing import Any

import pytest

from bifang.core.models import SystemConfig
from secops_agent.llm.offline.arguments import chinese_software
from secops_agent.models import ImportJob
from secops_agent.services.records import Indicator
from tests.secops.decisions_aid import company, talk
from tests.secops.importers.reading_aid import read
from tests.secops.inventory_aid import alert, component, host, store

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> SystemConfig:
    config = company()
    web, db = host("web-01", "10.0.0.21"), host("db-01", "10.0.0.22")
    store(web, db, component(web, "log4j-core", "2.14.1"), component(db, "openssl", "3.0.7", purl=""))
    return config


def ask(config: SystemConfig, *sentences: str) -> list[str]:
    return talk(config, *(("li", each) for each in sentences), conversation="cid-li", is_group=False)


@pytest.mark.parametrize(
    "sentence", ["哪些资产用了 log4j", "我们有没有用 log4j", "谁在用 log4j", "log4j 影响哪些资产"]
)
def test_who_uses_some_software_is_answered_from_the_components(house: SystemConfig, sentence: str) -> None:
    (answer,) = ask(house, sentence)
    assert "web-01" in answer
    assert "log4j-core 2.14.1" in answer
    assert "db-01" not in answer


def test_software_that_nobody_has_is_not_answered_with_everything(house: SystemConfig) -> None:
    (answer,) = ask(house, "哪些资产用了 fastjson")
    assert "「fastjson」" in answer
    assert "web-01" not in answer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sentence", "software", "asset"),
    [
        ("谁在用致远OA", "致远OA 8.1", "oa-01"),
        ("哪些资产用了致远", "致远OA 8.1", "oa-01"),
        ("我们有没有装致远 V5？", "", ""),
        ("向日葵远程控制哪些主机在用", "向日葵远程控制 12.5.1", "pc-07"),
        ("有没有人用向日葵 12.5", "向日葵远程控制 12.5.1", "pc-07"),
        ("谁在用 openssl 3.0.7", "openssl 3.0.7", "db-01"),
        ("谁在用 openssl 3.0", "openssl 3.0.7", "db-01"),
        ("哪些机器装了 openssl 3", "openssl 3.0.7", "db-01"),
        ("谁在用 openssl 3.0.8", "", ""),
        ("谁在用 openssl 3.0.70", "", ""),
    ],
)
def test_chinese_names_and_versions_are_looked_up(
    house: SystemConfig, sentence: str, software: str, asset: str
) -> None:
    oa, pc, old = host("oa-01", "10.0.0.31"), host("pc-07", "10.0.0.32"), host("old-01", "10.0.0.33")
    store(oa, pc, old, component(oa, "致远OA", "8.1", purl=""), component(pc, "向日葵远程控制", "12.5.1", purl=""),
          component(old, "openssl", "1.1.1k", purl=""))  # fmt: skip
    (answer,) = ask(house, sentence)
    assert "没有用到" not in answer
    if software:
        assert f"**{asset}** {software}" in answer
        assert "old-01" not in answer
    else:
        assert "没有「" in answer


@pytest.mark.parametrize(
    "sentence",
    ["有没有依赖什么的", "哪些账号在用弱口令登录", "我们有哪些部署在公网的资产", "谁在用这台机器", "有没有用过的密码", "部署手册", "有没有用得上的情报"],
)  # fmt: skip
def test_what_is_no_software_is_not_taken_for_some(sentence: str) -> None:
    assert not chinese_software(sentence)


@pytest.mark.parametrize(
    ("sentence", "unused"),
    [("哪些资产没装 openssl", "「没装 openssl」")],
)  # fmt: skip
def test_a_word_that_narrows_nothing_is_named(house: SystemConfig, sentence: str, unused: str) -> None:
    (answer,) = ask(house, sentence)
    assert f"不能按{unused}筛选" in answer


def test_alerts_that_a_list_of_indicators_names_are_those(house: SystemConfig) -> None:
    listed = b"value,type\n203.0.113.9,ip\n"
    store(*read("indicators_csv", listed))
    hit, other = Indicator("ip", "203.0.113.9"), Indicator("ip", "203.0.113.10")
    store(
        alert("hit", title="恶意外联", indicators=(hit,)),
        alert("other", title="平常访问", indicators=(other,)),
    )
    for sentences in (
        ["哪些告警命中了情报"],
        ["有哪些告警", "只看命中情报的"],
        ["203.0.113.10 的告警", "哪些告警命中了情报"],
    ):
        answer = ask(house, "新对话", *sentences)[-1]
        assert "情报=命中情报清单" in answer
        assert "关键字" not in answer
        assert "恶意外联" in answer
        assert "平常访问" not in answer


def test_what_was_imported_is_told_with_its_page(house: SystemConfig, settings: Any) -> None:
    settings.PUBLIC_URL = "https://bifang.example.com"
    assert not ImportJob.objects.exists()
    for asked in ("昨天导入了什么", "最近都导入了哪些文件", "导入记录"):
        answer = ask(house, "203.0.113.10 的告警", asked)[-1]
        assert "[导入任务](https://bifang.example.com/admin/secops_agent/importjob/)" in answer
        assert "203.0.113.10" not in answer
