"""测试连接 and 接下来 on the page of a DingTalk configuration: what the form holds is tried, nothing is given away."""

import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import ClientStatus, Worker
from bifang.core.admin import trying
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from bifang.core.rights import AUDITOR, OPERATOR
from secops_agent.models import Role, Staff
from tests.admin_pages import (
    SECRET,
    connected,
    dingtalk,
    member,
    read_trial,
    received,
    serve_plain_static,
    superuser,
    text_of,
    tried,
)
from tests.deadline import wait_until
from tests.simulator import SimulatorHandle, running_simulator

pytestmark = pytest.mark.django_db
TYPED = {"name": "机器人", "client_id": "dingdemo", "client_secret": "demo-secret"}


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
    settings.SIMULATOR = True


@pytest.fixture
def sim() -> Iterator[SimulatorHandle]:
    with running_simulator() as sim:
        yield sim


@pytest.fixture
def door() -> Iterator[tuple[str, list[Any]]]:
    """A port that counts who knocks."""
    server, knocked = socket.create_server(("127.0.0.1", 0)), list[Any]()

    def listen() -> None:
        while True:
            try:
                knocked.append(server.accept())
            except OSError:
                return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", knocked
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(120)
    for connection, _ in knocked:
        connection.close()


def address(which: object) -> str:
    return reverse("admin:core_systemconfig_try", args=[which])


def page(config: SystemConfig) -> str:
    return reverse("admin:core_systemconfig_change", args=[config.pk])


@pytest.mark.slow
def test_form_is_tried_before_it_is_saved(sim: SimulatorHandle) -> None:
    found = tried(superuser(), "dingtalk", **TYPED, endpoint=sim.base_url)
    assert not SystemConfig.objects.exists()
    assert "全部通过" in found["end"]
    assert "还没有保存" in found["end"]
    assert "通过 钉钉接受 Client ID 和 Client Secret" in found["credentials"]
    assert "通过 已与 127.0.0.1 握手" in found["handshake"]
    assert "跳过 保存后由 Stream 推送服务连接" in found["worker"]
    assert "通过" in found["database"]
    assert re.search(r"\d (毫秒|秒)", found["credentials"])
    assert "demo-secret" not in found["whole"]
    wait_until(lambda: sim.connections() == [], within=20)


def test_wrong_secret_is_named_with_where_to_mend_it(sim: SimulatorHandle) -> None:
    found = tried(superuser(), "dingtalk", **TYPED | {"client_secret": "wrong-secret"}, endpoint=sim.base_url)
    assert "「凭证」没有通过" in found["end"]
    assert "没有通过 凭证错误" in found["credentials"]
    assert "怎么办：在钉钉开放平台「凭证与基础信息」核对" in found["credentials"]
    assert "跳过 「凭证」没有通过" in found["handshake"]
    assert "wrong-secret" not in found["whole"]


@pytest.mark.slow
def test_empty_secret_is_the_stored_one_and_a_new_address_wants_it_again(
    sim: SimulatorHandle, door: tuple[str, list[Any]]
) -> None:
    config = dingtalk(client_id="dingdemo", client_secret="demo-secret", endpoint=sim.base_url)
    root = superuser()
    found = tried(root, config)
    assert "通过" in found["credentials"]
    assert "还没有保存" not in found["end"]
    assert "没有正在运行的 Stream 推送服务" in found["worker"]
    found = tried(root, config, endpoint=door[0])
    assert "修改了地址，请重新填写钉钉Client Secret" in found["complete"]
    assert "跳过" in found["tcp"]
    assert door[1] == []
    config.refresh_from_db()
    assert config.params["endpoint"] == sim.base_url


@pytest.mark.slow
@pytest.mark.parametrize("field", ["endpoint", "proxy"])
def test_what_may_not_be_saved_is_not_connected_to(
    door: tuple[str, list[Any]], field: str, settings: Any
) -> None:
    settings.SIMULATOR = False
    typed = TYPED | {field: door[0]}
    found = tried(superuser(), "dingtalk", **typed)
    assert "没有通过" in found["complete"]
    assert all("跳过" in found[name] for name in ("proxy", "dns", "tcp", "tls", "credentials", "open"))
    settings.SIMULATOR = True
    operator, config = member(OPERATOR), dingtalk(client_id="dingdemo", client_secret="demo-secret")
    assert operator.post(address("dingtalk"), typed).status_code == 403
    assert "只有超级管理员" in tried(operator, config, **typed)["complete"]
    assert door[1] == []


def test_only_those_who_may_change_it_try_it(sim: SimulatorHandle) -> None:
    config = dingtalk(client_id="dingdemo", client_secret="demo-secret", endpoint=sim.base_url)
    auditor = member(AUDITOR)
    assert "data-try=" not in auditor.get(page(config)).text
    for which in (config.pk, "dingtalk", 999, "nothing"):
        assert auditor.post(address(which), TYPED).status_code == 403
    assert Client().post(address(config.pk)).status_code == 302
    assert superuser().get(address(config.pk)).status_code == 403
    guarded = Client(enforce_csrf_checks=True)
    guarded.cookies = superuser_cookies()
    assert guarded.post(address(config.pk), TYPED).status_code == 403
    assert sim.state()["counters"].get("tokens", 0) == 0


def superuser_cookies() -> Any:
    from django.contrib.auth.models import User

    client = Client()
    client.force_login(User.objects.get(username="root"))
    return client.cookies


def test_tests_are_throttled_and_few_at_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMITS = True
    monkeypatch.setattr(trying, "pace", trying.Throttle(2))
    root = superuser()
    first = root.post(address("dingtalk"), {})
    assert "没有通过" in read_trial(first)["complete"]
    with trying._rooms, trying._rooms:
        assert "正在进行别的测试" in read_trial(root.post(address("dingtalk"), {}))["end"]
    refused = root.post(address("dingtalk"), {})
    assert (refused.status_code, "太频繁" in refused.json()["error"]) == (429, True)


def test_room_is_given_back_when_the_reader_leaves() -> None:
    root = superuser()
    for _ in range(trying.AT_ONCE + 1):
        answer = root.post(address("dingtalk"), {})
        next(iter(answer.streaming_content))  # type: ignore[attr-defined]
        answer.close()
    assert "没有通过" in read_trial(root.post(address("dingtalk"), {}))["complete"]


@pytest.mark.slow
def test_application_that_is_served_under_another_configuration_gets_no_second_connection(
    sim: SimulatorHandle,
) -> None:
    first = dingtalk(client_id="dingdemo", client_secret="demo-secret", endpoint=sim.base_url)
    connected(first)
    found = tried(superuser(), "dingtalk", **TYPED, endpoint=sim.base_url)
    assert "已使用这个 Client ID" in found["complete"]
    second = dingtalk(client_id="dingdemo", client_secret="demo-secret", endpoint=sim.base_url, enabled=False)
    found = tried(_root(), second)
    assert "跳过 工作进程 host:1 正在运行" in found["handshake"]


def _root() -> Client:
    client = Client()
    client.cookies = superuser_cookies()
    return client


def next_of(client: Client, config: SystemConfig) -> str:
    """接下来 as the page asks for it."""
    asked = f"{reverse('admin:core_systemconfig_live')}?page=1&ids={config.pk}"
    shown: str = client.get(asked).json()["configs"][str(config.pk)]["next"]
    assert (shown in client.get(page(config)).text) or not shown
    return shown


@pytest.mark.slow
def test_next_step_follows_the_guide_and_goes_when_the_first_message_came() -> None:
    config, root = dingtalk(enabled=False), superuser()
    assert "接下来：启用" in next_of(root, config)
    config, _ = configs.save("dingtalk", config.name, True, {}, config=config)
    shown = next_of(root, config)
    assert "接下来：启动 Stream 推送服务" in shown
    assert f"manage.py start_dingtalk_stream --config-id {config.pk}" in shown
    assert "/path/to" not in shown
    assert "[program:dingtalk-stream]" in shown
    assert "WantedBy=multi-user.target" in shown
    now = timezone.now()
    Worker.objects.create(owner="host:1", host="host", pid=1, scope="", started_at=now, heartbeat_at=now)
    assert "接下来：连接钉钉" in next_of(root, config)
    row = connected(config, status=ClientStatus.PARKED, last_error="凭证错误：请核对。", last_error_at=now)
    assert "重新复制过来" in next_of(root, config)
    type(row).objects.update(status=ClientStatus.CONNECTED)
    shown = next_of(root, config)
    assert "接下来：在开放平台选择 Stream 推送并发布" in shown
    assert "验证连接通道" in shown
    received(config)
    assert "接下来：登记可以使用的人员" in next_of(root, config)
    Staff.objects.create(staff_id="lisi", name="李四", role=Role.ANALYST)
    assert next_of(root, config) == ""


@pytest.mark.slow
def test_next_step_with_its_paths_is_for_those_who_may_act() -> None:
    config, auditor = dingtalk(), member(AUDITOR)
    assert next_of(auditor, config) == ""
    assert "start_dingtalk_stream --config-id" not in text_of(auditor.get(page(config)))
    assert SECRET not in auditor.get(page(config)).text


def test_first_page_lists_the_steps_of_the_guide_until_all_are_done() -> None:
    root = superuser()
    steps = root.get("/?part=steps").context["steps"]
    assert [step.title for step in steps] == [
        "在开放平台创建应用", "取得应用凭证", "添加钉钉配置", "启动 Stream 推送服务", "在开放平台选择 Stream 推送并发布",
        "在钉钉里 @ 机器人", "登记人员", "添加通知规则",
    ]  # fmt: skip
    assert not any(step.done for step in steps)
    config = dingtalk()
    connected(config)
    received(config)
    steps = root.get("/?part=steps").context["steps"]
    assert [step.done for step in steps] == [True] * 6 + [False] * 2


def test_chooser_says_what_to_begin_with_and_what_one_needs() -> None:
    root = superuser()
    text = text_of(root.get("/admin/core/systemconfig/add/"))
    assert text.index("从这里开始") < text.index("通义千问")
    assert "需要准备： ¦ 钉钉开放平台里一个企业内部应用的 Client ID 和 Client Secret" in text
    dingtalk()
    text = text_of(root.get("/admin/core/systemconfig/add/"))
    assert "从这里开始" not in text
    assert text.index("通义千问") < text.index("建议接着做") < text.index("自建模型")
