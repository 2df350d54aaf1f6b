"""连接状态: the live state of a configuration, from what its workers last said."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from bifang.channels.cards.models import CardState
from bifang.channels.models import ClientStatus, Worker
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from dingtalk_integration.admin import watch
from tests.admin_pages import card, connected, dingtalk, received, serve_plain_static, superuser, text_of
from tests.dingtalk.quota_aid import use

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def test_no_worker_is_said_with_the_command_that_starts_one() -> None:
    config = dingtalk()
    assert watch([config])[config.pk].text == "服务未运行"
    assert "python manage.py start_dingtalk_stream" in watch([config])[config.pk].detail


def test_silence_of_15_seconds_counts_as_not_running() -> None:
    fresh, silent = dingtalk(), dingtalk()
    SystemConfig.objects.update(updated_at=timezone.now() - timedelta(hours=1))
    connected(fresh, age=10)
    connected(silent, age=20)
    states = watch(SystemConfig.objects.all())
    assert (states[fresh.pk].text, states[silent.pk].text) == ("已连接", "服务未运行")


def test_disabled_and_without_stream_push_are_said() -> None:
    off, no_push = dingtalk(enabled=False), dingtalk(use_stream_push=False, corp_id="corp")
    states = watch([off, no_push])
    assert states[off.pk].text == "未启用"
    assert "使用流式推送" in states[no_push.pk].detail


def working(scope: str = "") -> None:
    """A worker lives."""
    now = timezone.now()
    Worker.objects.create(
        owner=f"host:{scope or 1}", host="host", pid=1, scope=scope, started_at=now, heartbeat_at=now
    )


def test_a_configuration_just_saved_is_being_connected_while_its_worker_lives() -> None:
    first, second = dingtalk(), dingtalk()
    working(scope=str(second.pk))
    states = watch([first, second])
    assert (states[first.pk].text, states[first.pk].tone) == ("服务未运行", "bad")
    assert (states[second.pk].text, states[second.pk].tone) == ("正在连接", "info")
    working()
    assert watch([first])[first.pk].text == "正在连接"
    off, no_push = dingtalk(enabled=False), dingtalk(use_stream_push=False, corp_id="corp")
    assert {live.text for live in watch([off, no_push]).values()} == {"未启用", "等待钉钉回调"}


def test_what_a_worker_said_before_the_configuration_was_saved_counts_no_more() -> None:
    config = dingtalk()
    working()
    then = timezone.now()
    connected(config, status=ClientStatus.PARKED, last_error="凭证错误：请核对", last_error_at=then)
    assert watch([config])[config.pk].text == "凭证错误"
    config, _ = configs.save("dingtalk", config.name, True, {"client_secret": "right"}, config=config)
    live = watch([config])[config.pk]
    assert (live.text, live.error) == ("正在连接", "")


@pytest.mark.parametrize("page", ["list", "edit"])
def test_connected_never_stands_beside_an_error_that_is_over(page: str) -> None:
    config = dingtalk()
    SystemConfig.objects.update(
        last_error="凭证错误：请核对",
        last_error_at=timezone.now(),
        updated_at=timezone.now() - timedelta(hours=1),
    )
    row = connected(
        config, status=ClientStatus.PARKED, last_error="凭证错误：请核对", last_error_at=timezone.now()
    )
    browser, ask = superuser(), f"{reverse('admin:core_systemconfig_live')}?ids={config.pk}"
    address = {
        "list": reverse("admin:core_systemconfig_changelist"),
        "edit": reverse("admin:core_systemconfig_change", args=[config.pk]),
    }[page]
    assert "凭证错误：请核对" in text_of(browser.get(address))
    before = browser.get(ask).json()["configs"][str(config.pk)]
    type(row).objects.update(status=ClientStatus.CONNECTED)
    after = browser.get(ask).json()["configs"][str(config.pk)]
    assert "凭证错误" in before["state"]
    assert "请核对" in before["problem"]
    assert "已连接" in after["state"]
    assert after["problem"] == "—"
    shown = browser.get(address)
    told = text_of(shown).split("请核对")
    assert len(told) == (1 if page == "list" else 3)  # on the page as one that is over, whole when pointed at
    assert page == "list" or "上次错误（已恢复）" in told[0]
    for part in (after["state"], f'data-live-problem="{config.pk}">{after["problem"]}'):
        assert part in shown.content.decode()


def test_best_state_of_several_processes_is_the_configurations() -> None:
    config = dingtalk()
    connected(
        config, owner="a:1", status=ClientStatus.RETRYING, last_error="连不上", last_error_at=timezone.now()
    )
    connected(config, owner="b:2", messages_received=4)
    live = watch([config])[config.pk]
    assert (live.text, live.tone, live.error) == ("已连接", "ok", "连不上")
    assert "收到 4 条" in live.detail
    assert "2 个进程" in live.detail


def test_bad_credentials_are_said() -> None:
    config = dingtalk()
    connected(config, status=ClientStatus.PARKED)
    assert watch([config])[config.pk].text == "凭证错误"


def test_an_attempt_is_numbered_and_the_next_one_is_told() -> None:
    config = dingtalk()
    soon = timezone.now() + timedelta(seconds=20)
    connected(config, status=ClientStatus.RETRYING, attempts=3, retry_at=soon)
    live = watch([config])[config.pk]
    assert live.text == "重试中（第 3 次）"
    assert f"下次 {timezone.localtime(soon):%H:%M:%S}" in live.detail


def test_page_tells_the_last_message_the_last_error_and_the_quota() -> None:
    config = dingtalk()
    received(config, received_at=timezone.now() - timedelta(hours=3))
    then = timezone.now() - timedelta(minutes=5)
    connected(config, last_error="网络中断", last_error_at=then)
    use(config.client_id, 40)
    shown = text_of(superuser().get(reverse("admin:core_systemconfig_change", args=[config.pk])))
    assert "最近消息 3 小时前" in shown
    assert "网络中断" in shown
    assert "接口调用 40 / 5,000（0%）" in shown


def test_many_configurations_cost_as_much_as_one(django_assert_num_queries: Any) -> None:
    configs = [dingtalk() for _ in range(5)]
    for config in configs:
        connected(config)
    with django_assert_num_queries(3):  # of the connections, of the quota, of the messages
        watch(configs)


def test_list_of_connections_shows_each_process(django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        config = dingtalk(f"机器人{number}")
        connected(config, owner="a:1")
        connected(config, owner="b:2", age=3600, status=ClientStatus.RETRYING)
    client = superuser()
    with django_assert_max_num_queries(8):
        text = text_of(client.get("/admin/channels/clientstate/"))
    assert "机器人4" in text
    assert "未运行" in text


def test_first_page_shows_how_many_are_connected() -> None:
    connected(dingtalk("好的"), since=timezone.now() - timedelta(hours=2))
    dingtalk("坏的")
    text = text_of(superuser().get("/?part=system"))
    assert "¦ 连接 ¦ 1 / 2 已连接" in text
    assert "已连接 2 小时" in text


def test_cards_say_where_they_stand_and_lead_to_their_message() -> None:
    row = received(dingtalk())
    broken = card(row, state=CardState.FAILED, last_error="模板不存在")
    card(staff_id="lisi", is_group=False)
    client = superuser()
    listed = text_of(client.get(reverse("admin:channels_card_changelist")))
    for expected in ("已中断", "模板不存在", "进行中", "staff-1 ¦ · ¦ cid-1 ¦ 群聊", "lisi"):
        assert expected in listed
    page = client.get(reverse("admin:channels_card_change", args=[broken.pk]))
    assert reverse("admin:channels_inboxrow_change", args=[row.pk]) in page.content.decode()
    assert "card-" in text_of(page)
    assert client.get(reverse("admin:channels_card_add")).status_code == 403
