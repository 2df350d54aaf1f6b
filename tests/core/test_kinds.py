"""A new kind of configuration is one class of declarations: pages, files, the record and code follow from it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bifang.core.changes import RECORDERS, Change
from bifang.core.configuration import configs
from bifang.core.configuration.fields import (
    AddressField,
    ChoiceField,
    FlagField,
    LinkField,
    NumberField,
    ProxyField,
    SecretField,
    TextField,
)
from bifang.core.configuration.kinds import KINDS, Kind, all_kinds
from bifang.core.configuration.sections import apply_config_entries
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from tests.admin_pages import qwen, serve_plain_static, superuser, text_of

pytestmark = pytest.mark.django_db
ADD = "/admin/core/systemconfig/add/?kind=station"


class Station(NamedTuple):
    config_id: int
    values: dict[str, Any]


class StationKind(Kind):
    """Every sort of field once."""

    name, label, icon, place = "station", "观测站", "radar", 1
    sentence = "用来观测的站。"

    title = TextField("站名", required=True)
    key = SecretField("钥匙")
    on_duty = FlagField("值守", initial=True)
    band = ChoiceField("波段", initial="x", choices=[("x", "X 波段"), ("k", "K 波段")])
    power = NumberField("功率", initial=15, min_value=1, max_value=60, advanced=True)
    base_url = AddressField("地址")
    ai_config = LinkField("助手", "qwen", "station")
    proxy = ProxyField()

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> Station:
        return Station(config.pk, values)


@pytest.fixture(autouse=True)
def station(settings: Any, tmp_path: Path) -> Iterator[None]:
    serve_plain_static(settings, tmp_path)
    settings.ADDRESS_ALLOW_LIST = ["station.corp.example"]
    KINDS.add(StationKind)
    yield
    KINDS.remove(StationKind)


def test_it_is_offered_filled_in_and_given_to_code() -> None:
    root, helper = superuser(), qwen("帮手")
    text = text_of(root.get("/admin/core/systemconfig/add/"))
    assert "用来观测的站。" in text
    assert text.index("观测站") < text.index("钉钉")
    sent = {
        "name": "一号", "enabled": "on", "title": "东站", "key": "k-e-y", "band": "k", "power": "2.5", "ai_config": "qwen/帮手",
        "base_url": "http://station.corp.example/", "on_duty": "",
    }  # fmt: skip
    answer = root.post(ADD, sent, follow=True)
    assert "观测站" in text_of(answer)
    row = SystemConfig.objects.get(kind="station")
    assert configs.load(row) == Station(
        row.pk,
        {
            "title": "东站", "key": "k-e-y", "on_duty": False, "band": "k", "power": 2.5, "ai_config": helper, "proxy": "",
            "base_url": "http://station.corp.example",
        },
    )  # fmt: skip


def test_its_fields_check_what_they_are_given() -> None:
    page = superuser().post(
        ADD,
        {"name": "一号", "band": "z", "power": "61", "base_url": "https://evil.example", "ai_config": "9"},
    )
    errors = page.context["adminform"].form.errors
    assert set(errors) == {"title", "band", "power", "base_url", "ai_config"}
    assert errors["title"] == ["请填写站名。"]
    assert not SystemConfig.objects.filter(kind="station").exists()


def test_a_file_gives_it_and_what_is_left_out_is_as_declared() -> None:
    (line,) = apply_config_entries([{"kind": "station", "name": "一号", "title": 4711}])
    row = SystemConfig.objects.get(kind="station")
    assert line == f"{row.pk}\tstation\t一号"
    values = configs.load(row).values
    assert (values["title"], values["on_duty"], values["band"], values["power"], values["ai_config"]) == (
        "4711",
        True,
        "x",
        15,
        None,
    )


def test_a_link_is_named_by_kind_where_two_kinds_have_the_name() -> None:
    model = qwen("同名")
    first, _ = configs.save("station", "同名", True, {"title": "东"})
    for value, found in (("qwen/同名", model), ("station/同名", first)):
        row, _ = configs.save(
            "station",
            "二号",
            True,
            {"title": "西", "ai_config": value},
            config=SystemConfig.objects.filter(name="二号").first(),
        )
        assert configs.load(row).values["ai_config"] == found
    with pytest.raises(configs.FieldErrors) as caught:
        configs.save("station", "三号", True, {"title": "南", "ai_config": "同名"})
    assert "qwen/同名" in caught.value.errors["ai_config"]
    assert "station/同名" in caught.value.errors["ai_config"]


def test_what_changed_is_recorded_without_secrets() -> None:
    told: list[Change] = []
    RECORDERS.add(told.append)
    try:
        given = {
            "title": "东",
            "key": "k-e-y",
            "base_url": "https://station.corp.example/hook?token=t-o-k-e-n",
        }
        row, _ = configs.save("station", "一号", True, given)
        configs.save("station", "一号", False, {"key": "k-e-y-2", "band": "k", "on_duty": False}, config=row)
    finally:
        RECORDERS.remove(told.append)
    assert "k-e-y" not in repr(told)
    assert "t-o-k-e-n" not in repr(told)
    assert told[0].detail["changes"]["base_url"] == ["未设置", "https://station.corp.example/…"]
    assert told[1].detail["changes"] == {
        "enabled": [True, False], "key": ["已设置", "已更换"], "band": ["X 波段", "K 波段"], "on_duty": ["是", "否"],
    }  # fmt: skip


def test_one_that_lost_a_required_value_says_what_is_missing() -> None:
    row, _ = configs.save("station", "一号", True, {"title": "东"})
    SystemConfig.objects.filter(pk=row.pk).update(params={})
    with pytest.raises(ConfigError, match=r"观测站配置「一号」（ID \d+）缺少站名"):
        configs.load(SystemConfig.objects.get(pk=row.pk))


def test_every_kind_of_the_product_is_complete() -> None:
    for kind in all_kinds():
        assert kind.name
        assert kind.label
        assert kind.sentence
        assert kind.fields
        assert {name for name, one in kind.fields.items() if isinstance(one, LinkField)} <= set(
            configs.COLUMNS
        )
        assert not {"name", "enabled", "revision", "kind"} & set(kind.fields)
