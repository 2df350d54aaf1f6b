"""Lists of assets: a name that matches exactly is the asset, whatever address stands beside it; 部门 leaves the description alone."""

import pytest

from secops_agent.importers import registry
from secops_agent.models import Asset
from secops_agent.services.intake.foresight import foresee
from secops_agent.services.records import AssetRecord
from tests.secops.importers.reading_aid import source_of

from .inventory_aid import ACTOR, host, store

pytestmark = pytest.mark.django_db


def rows(text):
    return [each for each in registry.parse("assets_csv", source_of(text)) if isinstance(each, AssetRecord)]


def test_an_exact_name_beats_the_address_of_another_and_is_told() -> None:
    store(host("web-01", "10.0.0.5"), host("web-02", "10.0.0.6"))
    listed = rows("资产名称,IP,重要性\nWEB-02,10.0.0.5,核心\n")
    (change,) = foresee(listed, ACTOR).changes
    assert (change.name, change.why) == ("web-02", "主机名 web-02")
    assert "IP 地址 10.0.0.6 → 10.0.0.6、10.0.0.5" in change.told
    store(*listed)
    importance = dict(Asset.objects.values_list("name", "importance"))
    assert (importance["web-02"], importance["web-01"]) == ("critical", "")


def test_a_name_that_only_a_list_gave_is_found_again_at_another_address() -> None:
    store(*rows("资产名称,IP\n财务库,10.0.0.7\n"), host("web-01", "10.0.0.5"))
    store(*rows("资产名称,IP,环境\n财务库,10.0.0.5,生产\n"))
    assert Asset.objects.get(environment="生产").name == "财务库"
    assert Asset.objects.count() == 2


def test_an_unknown_name_or_one_of_two_is_found_by_its_address_as_before() -> None:
    store(
        host("web-01", "10.0.0.5"),
        host("", "10.0.0.8", fqdn="a.one.cn"),
        host("", "10.0.0.9", fqdn="a.two.cn"),
    )
    store(*rows("资产名称,IP,环境\n门户,10.0.0.5,生产\na,10.0.0.5,生产\n"))
    assert list(Asset.objects.filter(environment="生产").values_list("name", flat=True)) == ["web-01"]


def test_a_department_stands_beside_the_description_and_replaces_only_its_own_line() -> None:
    store(host("web-01", "10.0.0.5", description="官网前端\n部门：运维"))
    store(*rows("主机名,部门,操作系统\nweb-01,财务,CentOS\n"))
    assert Asset.objects.get().description == "官网前端\n操作系统：CentOS\n部门：财务"
    store(*rows("主机名,部门,操作系统\nweb-01,财务,CentOS\n"))
    assert Asset.objects.get().description == "官网前端\n操作系统：CentOS\n部门：财务"
    store(*rows("主机名,备注\nweb-01,新官网\n"))
    assert Asset.objects.get().description == "新官网"
