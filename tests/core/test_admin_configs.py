"""系统配置 in the admin: the kind first, then its fields; secrets go in and never come out."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from bifang.core.configuration import configs
from bifang.core.configuration.kinds import get_kind
from bifang.core.models import SystemConfig
from bifang.core.rights import AUDITOR, OPERATOR
from bifang.core.secrets.crypto import generate_key
from bifang.core.secrets.keys import write_key_file
from tests.admin_pages import (
    SECRET,
    connected,
    dingtalk,
    member,
    messages_of,
    qwen,
    received,
    serve_plain_static,
    superuser,
    text_of,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/core/systemconfig/"
ADD = f"{LIST}add/?kind=dingtalk"
FILLED = {"name": "机器人", "enabled": "on", "client_id": "dingx", "client_secret": SECRET, "use_stream_push": "on", "default_role": "none"}  # fmt: skip


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


@pytest.fixture
def client() -> Client:
    return superuser()


def page_of(config: SystemConfig, page: str = "change") -> str:
    return reverse(f"admin:core_systemconfig_{page}", args=[config.pk])


def filled(config: SystemConfig, **changes: str) -> dict[str, str]:
    """What the browser sends when a page is saved with `changes`; the password box is empty."""
    values = {
        "name": config.name, "enabled": "on", "revision": str(config.revision), "client_id": config.client_id,
        "client_secret": "", "use_stream_push": "on", "notifications_enabled": "on", "default_role": "none",
    }  # fmt: skip
    return values | changes


def errors_of(response: HttpResponse) -> dict[str, list[str]]:
    return dict(response.context["adminform"].form.errors)


@pytest.mark.slow
def test_the_list_says_what_to_do_first_and_how_to_add(client: Client) -> None:
    text = text_of(client.get(LIST))
    assert "第一次使用" in text
    assert "¦ 新增配置 ¦" in text
    dingtalk()
    text = text_of(client.get(LIST))
    assert "第一次使用" not in text
    assert "--config-id" in text
    assert "¦ 新增配置 ¦" in text
    assert "新增配置" not in text_of(member(AUDITOR).get(LIST))


def test_adding_asks_for_the_kind_first(client: Client) -> None:
    text = text_of(client.get(f"{LIST}add/"))
    assert "钉钉" in text
    assert "通义千问" in text
    assert "Client ID 和 Client Secret" in text
    assert text.index("让机器人在钉钉里") < text.index("智能体所用的大模型")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "other"), [("dingtalk", "qwen"), ("qwen", "dingtalk")])
def test_form_holds_exactly_the_fields_of_its_kind(client: Client, kind: str, other: str) -> None:
    page = client.get(f"{LIST}add/?kind={kind}").content.decode()
    names = set(re.findall(r'<(?:input|select)[^>]* name="(\w+)"', page))
    for name, field in get_kind(kind).boxes.items():
        assert name in names
        assert str(field.label) in page
    assert not (set(get_kind(other).fields) - set(get_kind(kind).fields)) & names


@pytest.mark.slow
def test_advanced_fields_are_folded_away_until_one_has_an_error(client: Client) -> None:
    assert "高级设置" in client.get(ADD).content.decode()
    assert re.search(
        r'<details class="bf-fold">\s*<summary><h2>高级设置', client.get(ADD).content.decode(), re.S
    )
    page = client.post(ADD, FILLED | {"proxy": "socks5://127.0.0.1:1080"})
    assert "不支持 SOCKS" in errors_of(page)["proxy"][0]
    assert not re.search(r'<details class="bf-fold">\s*<summary><h2>高级设置', page.content.decode(), re.S)


@pytest.mark.slow
@pytest.mark.both_databases
def test_saving_writes_the_configuration_and_its_history_without_the_secret(client: Client) -> None:
    response = client.post(ADD, FILLED | {"app_id": "app"}, follow=True)
    config = SystemConfig.objects.get(name="机器人")
    assert response.redirect_chain[-1][0] == page_of(config)
    assert "已保存配置「机器人」" in messages_of(response)
    assert configs.load(config).client_secret == SECRET
    assert configs.load(config).app_id == "app"
    assert not config.params["notifications_enabled"]
    client.post(page_of(config), filled(config, client_secret="another-" + SECRET))
    entries = " ".join(
        f"{entry.object_repr} {entry.get_change_message()}" for entry in LogEntry.objects.all()
    )
    assert "钉钉Client Secret" in entries
    assert SECRET not in entries


def test_missing_fields_are_named(client: Client) -> None:
    errors = errors_of(client.post(ADD, {}))
    assert errors["name"] == ["请填写配置名称。"]
    assert errors["client_id"] == ["请填写钉钉Client ID。"]
    assert errors["client_secret"] == ["请填写钉钉Client Secret。"]
    assert not SystemConfig.objects.exists()


@pytest.mark.both_databases
def test_a_taken_client_id_is_an_error_at_its_field(client: Client) -> None:
    dingtalk("第一个", client_id="dingx")
    errors = errors_of(client.post(ADD, FILLED))
    assert "第一个" in errors["client_id"][0]
    assert SystemConfig.objects.count() == 1


def test_a_forbidden_reference_is_an_error_at_its_field(client: Client) -> None:
    errors = errors_of(client.post(ADD, FILLED | {"client_secret": "env:PATH"}))
    assert "PATH" in errors["client_secret"][0]


def test_a_saved_secret_is_never_sent_back(client: Client) -> None:
    config = dingtalk()
    page = client.get(page_of(config))
    assert SECRET not in page.content.decode()
    assert "已设置" in text_of(page)
    box = re.search(r'<input type="password"[^>]*name="client_secret"[^>]*>', page.content.decode())
    assert box is not None
    assert "value=" not in box[0]


def test_a_secret_that_was_typed_is_not_sent_back_either(client: Client) -> None:
    page = client.post(ADD, FILLED | {"client_id": ""})
    assert SECRET not in page.content.decode()
    assert "请重新输入" in text_of(page)


def test_a_reference_is_shown_by_its_name(client: Client) -> None:
    assert "引用 env:DASHSCOPE_API_KEY" in text_of(client.get(page_of(qwen())))


def test_an_empty_password_box_keeps_the_secret(client: Client) -> None:
    config = dingtalk()
    client.post(page_of(config), filled(config, app_id="changed"))
    config.refresh_from_db()
    assert configs.load(config).client_secret == SECRET
    assert configs.load(config).app_id == "changed"


def test_a_changed_address_asks_for_the_secret_again(client: Client) -> None:
    config = dingtalk()
    errors = errors_of(client.post(page_of(config), filled(config, endpoint="https://oapi.dingtalk.com")))
    assert "请重新填写" in errors["client_secret"][0]


@pytest.mark.both_databases
def test_a_stale_page_does_not_overwrite(client: Client) -> None:
    config = dingtalk()
    stale = filled(config, app_id="mine")
    configs.save("dingtalk", config.name, True, {"app_id": "theirs"}, config=config)
    page = client.post(page_of(config), stale)
    assert "已被别人修改" in text_of(page)
    config.refresh_from_db()
    assert config.params["app_id"] == "theirs"


@pytest.mark.slow
def test_secrets_that_cannot_be_read_are_named_on_the_page_and_can_be_replaced(client: Client) -> None:
    config = dingtalk()
    write_key_file([generate_key()])
    assert client.get(LIST).status_code == 200
    page = client.get(page_of(config))
    assert page.status_code == 200
    assert "密钥" in messages_of(page)
    assert "无法读取" in text_of(page)
    assert "请填写" in errors_of(client.post(page_of(config), filled(config)))["client_secret"][0]
    assert client.post(page_of(config), filled(config, client_secret="new-" + SECRET)).status_code == 302
    config.refresh_from_db()
    assert configs.load(config).client_secret == "new-" + SECRET


def test_a_missing_environment_variable_is_named_on_the_page(client: Client) -> None:
    assert "DASHSCOPE_API_KEY" in messages_of(client.get(page_of(qwen())))


@pytest.mark.both_databases
def test_deleting_archives_even_with_messages(client: Client) -> None:
    config = dingtalk("老机器人")
    received(config)
    assert "归档配置「老机器人」" in text_of(client.get(page_of(config, "delete")))
    response = client.post(page_of(config, "delete"), {"post": "yes"}, follow=True)
    config.refresh_from_db()
    assert config.archived_at is not None
    assert not config.enabled
    assert "已归档" in messages_of(response)
    assert f'data-live="{config.pk}"' not in response.content.decode()
    assert client.get(page_of(config)).status_code == 302


def test_a_configuration_in_use_is_not_archived(client: Client) -> None:
    model = qwen()
    dingtalk("用它的机器人", ai_config=model)
    page = client.post(page_of(model, "delete"), {"post": "yes"})
    assert "用它的机器人" in text_of(page)
    model.refresh_from_db()
    assert model.archived_at is None


@pytest.mark.slow
def test_actions_switch_configurations_and_say_why_one_stayed(client: Client) -> None:
    first, twin = dingtalk("甲", client_id="same"), dingtalk("乙", client_id="same", enabled=False)
    keys = {"_selected_action": [first.pk, twin.pk]}
    refused = client.post(LIST, {"action": "enable", **keys}, follow=True)
    assert "配置「乙」没有启用" in messages_of(refused)
    assert "已停用 1 个配置" in messages_of(client.post(LIST, {"action": "disable", **keys}, follow=True))
    first.refresh_from_db()
    assert not first.enabled
    assert LogEntry.objects.filter(object_id=str(first.pk)).get().get_change_message() == "已停用。"


def test_list_shows_id_kind_state_and_the_newest_error(client: Client) -> None:
    good, silent, off = dingtalk("好的"), dingtalk("静的"), dingtalk("关的", enabled=False)
    connected(good, messages_received=7)
    connected(silent, age=60)
    configs.report_error(silent.pk, "凭证错误：请核对")
    text = text_of(client.get(LIST))
    assert "已连接" in text
    assert "收到 7 条" in text
    assert "请启动 python manage.py start_dingtalk_stream" in text
    assert "凭证错误：请核对" in text
    assert f"¦ {off.pk} ¦ 关的 ¦ 钉钉 ¦ 停用 ¦ 未启用" in text


def test_list_filters_and_searches(client: Client) -> None:
    dingtalk("甲机器人")
    qwen("乙模型")
    assert "甲机器人" not in text_of(client.get(f"{LIST}?kind__exact=qwen"))
    assert "乙模型" not in text_of(client.get(f"{LIST}?q=ding-甲"))


def test_live_states_are_served_for_the_page_to_refresh(client: Client) -> None:
    config = dingtalk()
    connected(config, status="retrying", last_error="连不上", last_error_at=config.created_at)
    answer = client.get(f"{LIST}live/?ids={config.pk},999,x,{'9' * 20},²").json()
    state = answer["configs"][str(config.pk)]
    assert "bf-warn" in state["state"]
    assert "重试中" in state["state"]
    assert "连不上" in state["problem"]
    assert Client().get(f"{LIST}live/?ids=1").status_code == 302


@pytest.mark.slow
def test_list_costs_the_same_with_many_rows(client: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(12):
        connected(dingtalk(f"配置{number}", ai_config=qwen()))
    with django_assert_max_num_queries(10):
        client.get(LIST)


@pytest.mark.slow
def test_auditor_sees_everything_but_secrets_and_changes_nothing() -> None:
    config = dingtalk(app_id="app-4711", ai_config=qwen("某个模型"))
    auditor = member(AUDITOR)
    page = auditor.get(page_of(config))
    text = text_of(page)
    assert "app-4711" in text
    assert "某个模型" in text
    assert "已设置" in text
    assert SECRET not in page.content.decode()
    assert auditor.post(page_of(config), filled(config, app_id="x")).status_code == 403
    assert auditor.get(f"{LIST}add/").status_code == 403
    assert auditor.post(LIST, {"action": "disable", "_selected_action": [config.pk]}).status_code in (
        200,
        302,
        403,
    )
    config.refresh_from_db()
    assert config.enabled


@pytest.mark.slow
def test_operator_changes_but_does_not_archive() -> None:
    config = dingtalk(corp_id="corp")
    operator = member(OPERATOR)
    assert operator.post(page_of(config), filled(config, app_id="x", corp_id="corp")).status_code == 302
    assert operator.post(page_of(config, "delete"), {"post": "yes"}).status_code == 403
    assert "归档这个配置" not in text_of(operator.get(page_of(config)))


TAMPERED = {
    "endpoint": "https://oapi.dingtalk.com",
    "proxy": "http://127.0.0.1:3128",
    "client_secret": "env:BIFANG_SECRET_X",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TAMPERED)
def test_operator_changes_neither_address_nor_proxy_nor_reference(name: str) -> None:
    config, operator = dingtalk(), member(OPERATOR)
    page = operator.get(page_of(config)).content.decode()
    box = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert box is not None
    assert ("readonly" in box[0]) == (name != "client_secret")
    assert re.search(r'<input[^>]*name="client_id"[^>]*readonly', page)
    sent = filled(config, **{"client_secret": SECRET, name: TAMPERED[name]})
    assert "只有超级管理员" in errors_of(operator.post(page_of(config), sent))[name][0]
    assert SystemConfig.objects.get().revision == config.revision


def test_operator_is_not_offered_a_kind_that_needs_an_address() -> None:
    operator = member(OPERATOR)
    text = text_of(operator.get(f"{LIST}add/"))
    assert "请超级管理员新增" in text
    assert "要新增哪一种配置" in text_of(operator.get(f"{LIST}add/?kind=webhook_connector"))
    assert "请超级管理员新增" not in text_of(superuser().get(f"{LIST}add/"))


def test_a_proxy_is_shown_without_its_password_and_can_be_removed(client: Client, settings: Any) -> None:
    settings.ADDRESS_ALLOW_LIST = ["proxy.corp.example"]
    config = dingtalk(proxy="http://user:pw-of-proxy@proxy.corp.example:3128")
    page = client.get(page_of(config))
    assert "已设置 http://proxy.corp.example:3128" in text_of(page)
    assert "pw-of-proxy" not in page.content.decode()
    assert client.post(page_of(config), filled(config, app_id="x", corp_id="corp")).status_code == 302
    config.refresh_from_db()
    assert configs.load(config).proxy
    cleared = filled(config, client_secret=SECRET) | {"proxy-clear": "1"}
    assert client.post(page_of(config), cleared).status_code == 302
    config.refresh_from_db()
    assert configs.load(config).proxy == ""


def test_a_kind_nobody_knows_is_said_not_raised(client: Client) -> None:
    stray = SystemConfig.objects.create(kind="carrier", name="信鸽")
    assert client.get(LIST).status_code == 200
    response = client.get(page_of(stray), follow=True)
    assert "carrier" in messages_of(response)
