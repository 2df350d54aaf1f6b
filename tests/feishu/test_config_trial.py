"""A Feishu configuration as operators see it: 测试连接, its live state, 接下来, readiness, and check_feishu_stream."""

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import ClientStatus, Worker
from bifang.core.configuration import configs
from bifang.core.models import SystemConfig
from bifang.core.monitoring import probes
from secops_agent.models import (
    CallState,
    NotificationRule,
    NotificationTarget,
    Role,
    Staff,
    WakeCall,
)
from secops_agent.services.operations.health import read_health
from tests.admin_pages import connected, dingtalk, received, serve_plain_static, superuser, tried
from tests.deadline import wait_until
from tests.feishu_simulator import FeishuHandle, running_feishu

pytestmark = pytest.mark.django_db
TYPED = {
    "name": "飞书机器人",
    "client_id": "cli_demo",
    "client_secret": "demo-secret",
    "use_long_connection": "on",
}


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> Iterator[None]:
    serve_plain_static(settings, tmp_path)
    settings.SIMULATOR = True
    probes.readiness.clear()
    yield
    probes.readiness.clear()


@pytest.fixture(scope="module")
def platform() -> Iterator[FeishuHandle]:
    with running_feishu() as sim:
        yield sim


@pytest.fixture
def sim(platform: FeishuHandle) -> FeishuHandle:
    platform.faults(clear=True)
    platform.post("/sim/reset", {})
    return platform


def make(sim: FeishuHandle, **values: Any) -> SystemConfig:
    given = {"client_id": "cli_demo", "client_secret": "demo-secret", "endpoint": sim.base_url, **values}
    return configs.save("feishu", "飞书机器人", given.pop("enabled", True), given)[0]


def worker_of(kind: str) -> None:
    now = timezone.now()
    Worker.objects.create(
        owner=f"host:{kind}", host="host", pid=1, scope="", kind=kind, started_at=now, heartbeat_at=now
    )


def live(config: SystemConfig) -> dict[str, str]:
    """What the page of a configuration asks for."""
    asked = f"{reverse('admin:core_systemconfig_live')}?page=1&ids={config.pk}"
    return dict(superuser_again().get(asked).json()["configs"][str(config.pk)])


def superuser_again() -> Client:
    from django.contrib.auth.models import User

    client = Client()
    client.force_login(User.objects.get(username="root"))
    return client


def test_form_is_tried_step_by_step_before_it_is_saved(sim: FeishuHandle) -> None:
    found = tried(superuser(), "feishu", **TYPED, endpoint=sim.base_url)
    assert "全部通过" in found["end"]
    assert "还没有保存" in found["end"]
    assert "机器人是「毕方」" in found["credentials"]
    assert "「演示企业」（tenant_demo）" in found["tenant"]
    assert "飞书给出连接地址 127.0.0.1" in found["open"]
    assert "已与 127.0.0.1 握手" in found["handshake"]
    assert "跳过 保存后由飞书长连接服务连接" in found["worker"]
    assert "demo-secret" not in found["whole"]
    wait_until(lambda: sim.connections() == [], within=20)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "faults", "step", "told"),
    [
        ({"client_secret": "wrong-secret"}, {}, "credentials", "核对 App ID 和 App Secret"),
        ({"tenant_key": "tenant_other"}, {}, "tenant", "配置里的企业标识却是 tenant_other"),
        ({}, {"openapi_status": 503}, "credentials", "问题不在凭证和应用设置"),
        ({}, {"endpoint_code": 1000040344}, "open", "飞书不接受这个应用的长连接"),
        ({}, {"endpoint_body": "html"}, "open", "登录门户"),
        ({}, {"handshake": "connections"}, "handshake", "50 个"),
    ],
)
def test_each_fault_is_named_by_the_step_that_meets_it(
    sim: FeishuHandle, typed: dict[str, str], faults: dict[str, Any], step: str, told: str
) -> None:
    sim.faults(**faults)
    found = tried(superuser(), "feishu", **TYPED | typed, endpoint=sim.base_url)
    assert "没有通过" in found[step]
    assert told in found[step]
    assert "wrong-secret" not in found["whole"]


def test_permission_that_nothing_needs_may_be_missing(sim: FeishuHandle) -> None:
    sim.faults(openapi_code={"value": 99991672, "path": "/open-apis/tenant"})
    found = tried(superuser(), "feishu", **TYPED, endpoint=sim.base_url)
    assert "跳过 应用没有开通「获取企业信息」" in found["tenant"]
    assert "全部通过" in found["end"]


@pytest.mark.slow
def test_handshake_leaves_a_worker_of_the_application_alone(sim: FeishuHandle) -> None:
    config = make(sim)
    connected(config)
    found = tried(superuser(), config)
    assert "跳过 工作进程 host:1 正在运行" in found["handshake"]
    assert "已连接（进程 host:1）" in found["worker"]
    assert sim.state()["calls"].get("endpoint", 0) == 1  # asked for an address only


def test_pages_show_how_it_is_and_what_comes_next(sim: FeishuHandle) -> None:
    superuser()
    config = make(sim)
    shown = live(config)
    assert "服务未运行" in shown["state"]
    assert "python manage.py start_feishu_stream" in shown["state"]
    assert "接下来：启动飞书长连接服务" in shown["next"]
    assert f"manage.py start_feishu_stream --config-id {config.pk}" in shown["next"]
    assert "[program:feishu-stream]" in shown["next"]
    assert "/path/to" not in shown["next"]
    worker_of("dingtalk")  # a worker of another channel serves nobody here
    assert "服务未运行" in live(config)["state"]
    worker_of("feishu")
    assert "正在连接" in live(config)["state"]
    row = connected(
        config, status=ClientStatus.PARKED, last_error="飞书不接受。", last_error_at=timezone.now()
    )
    shown = live(config)
    assert "请核对 App ID 和 App Secret 后保存" in shown["state"]
    assert "重新复制过来" in shown["next"]
    type(row).objects.update(status=ClientStatus.CONNECTED)
    assert "接下来：在飞书开放平台打开长连接并发布" in live(config)["next"]
    received(config)
    Staff.objects.create(staff_id="ou_lisi", name="李四", role=Role.ANALYST)
    assert live(config)["next"] == ""


@pytest.mark.slow
def test_configuration_without_long_connection_says_that_it_hears_nothing(sim: FeishuHandle) -> None:
    superuser()
    config = make(sim, use_long_connection=False)
    assert "收不到消息：打开「使用长连接」后保存" in live(config)["state"]
    worker_of("feishu")
    assert "接下来：使用长连接" in live(config)["next"]
    found = tried(superuser_again(), config)
    assert "跳过 不使用长连接" in found["handshake"]
    assert "由进程 host:feishu 回答；未使用长连接，收不到消息" in found["worker"]


def test_readiness_and_metrics_know_feishus_workers(sim: FeishuHandle) -> None:
    config, other = make(sim), dingtalk(use_stream_push=False, corp_id="corp")
    SystemConfig.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
    worker_of("dingtalk")
    answer = Client().get("/readyz")
    states = {one["name"]: one for one in answer.json()["checks"]}
    assert (answer.status_code, states["worker"]["state"]) == (503, "ok")
    assert "start_feishu_stream" in states["feishu_worker"]["message"]
    assert states["feishu_connection"]["state"] == "skipped"
    told = read_health(timezone.now())
    assert (told.missing, told.sound) == (("飞书长连接服务（start_feishu_stream）",), False)
    worker_of("feishu")
    assert read_health(timezone.now()).missing == ()
    Worker.objects.update(started_at=timezone.now() - timedelta(minutes=5))
    connected(config, status=ClientStatus.RETRYING, since=timezone.now() - timedelta(minutes=1))
    probes.readiness.clear()
    states = {one["name"]: one for one in Client().get("/readyz").json()["checks"]}
    assert (states["feishu_worker"]["state"], states["feishu_connection"]["state"]) == ("ok", "failed")
    probes.figures.clear()
    figures = Client().get("/metrics").content.decode()
    assert f'bifang_stream_connected{{config="{config.pk}"}} 0.0' in figures
    assert f'config="{other.pk}"' not in figures


def test_command_checks_machine_and_configuration(sim: FeishuHandle) -> None:
    config, out = make(sim), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("check_feishu_stream", "--config-id", str(config.pk), "--json", stdout=out)
    report = json.loads(out.getvalue())
    [found] = report["configs"]
    failed = {step["name"] for step in found["steps"] if step["verdict"] == "failed"}
    assert (ended.value.code, failed) == (1, {"worker"})
    needed = next(step for step in report["local"] if step["name"] == "dependencies")
    assert (needed["verdict"], "dingtalk-stream" in needed["detail"]) == ("passed", False)


def test_command_names_what_there_is(sim: FeishuHandle) -> None:
    config, out = make(sim), StringIO()
    with pytest.raises(SystemExit):
        call_command("check_feishu_stream", config_id=4711, stdout=out)
    assert "没有 ID 为 4711 的飞书配置" in out.getvalue()
    assert f"{config.pk}（飞书机器人）" in out.getvalue()


@pytest.mark.parametrize(
    ("last", "verdict", "told"),
    [
        (None, "skipped", "没有通知规则用它叫人"),
        (CallState.MADE, "passed", "加急 电话今天 1/10、本月 1/100"),
        (CallState.REFUSED, "failed", "用 加急 电话叫 李四：没有叫成（加急额度已用完）"),
    ],
)
def test_command_says_how_the_last_calls_went(
    sim: FeishuHandle, last: CallState | None, verdict: str, told: str
) -> None:
    config, now, out = make(sim), timezone.now(), StringIO()
    if last:
        person = Staff.objects.create(staff_id="ou_lisi", name="李四", role=Role.ANALYST)
        rule = NotificationRule.objects.create(name="严重告警")
        NotificationTarget.objects.create(
            rule=rule, step=0, kind="person", config=config, staff=person, by="urgent_call"
        )
        reason = "加急额度已用完。" if last == CallState.REFUSED else ""
        WakeCall.objects.create(
            config=config, staff=person, account="ou_lisi", means="urgent_call", text="x", created_at=now, due_at=now,
            called_at=now, state=last, reason=reason,
        )  # fmt: skip
    with pytest.raises(SystemExit):
        call_command("check_feishu_stream", "--config-id", str(config.pk), "--json", stdout=out)
    steps = {step["name"]: step for step in json.loads(out.getvalue())["configs"][0]["steps"]}
    assert steps["calls"]["verdict"] == verdict
    assert told in steps["calls"]["detail"]
