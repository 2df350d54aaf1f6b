"""Who has some software, what a list of indicators hit, what was imported: asked in the offline mode, with real data."""

from typing import Any

import pytest

from bifang.core.models import SystemConfig
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


@pytest.mark.parametrize(
    ("sentence", "unused"),
    [("哪些资产没装 openssl", "「没装 openssl」"), ("哪些资产用了致远", "「致远」"), ("谁在用 openssl 3.0.7", "「3.0.7」")],
)  # fmt: skip
def test_a_word_that_narrows_nothing_is_named(house: SystemConfig, sentence: str, unused: str) -> None:
    (answer,) = ask(house, sentence)
    assert f"没有用到：{unused}" in answer


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
