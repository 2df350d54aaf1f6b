"""Fetching from 云安全中心: signed, page by page, from where it left off, and what stands in its way."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.urls import reverse
from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.configuration.configs import FieldErrors
from bifang.core.models import SystemConfig
from secops_agent.connectors.aliyun.client import (
    AccessKey,
    canonical_query,
    log_service_headers,
    signed_headers,
)
from secops_agent.connectors.aliyun.config import AliyunSettings
from secops_agent.models import Alert, ImportJob, Pull
from secops_agent.services.intake import pulls
from secops_agent.tasks.pulls import run_due
from tests.admin_pages import serve_plain_static, superuser, tried
from tests.fake_aliyun import KEY_ID, KEY_SECRET, FakeAliyun, event

pytestmark = pytest.mark.django_db


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAliyun]:
    monkeypatch.setattr(AliyunSettings, "__post_init__", _without_pause, raising=False)
    with FakeAliyun() as server:
        yield server


def _without_pause(settings: AliyunSettings) -> None:
    object.__setattr__(settings, "pause_s", 0.01)


def connect(server: FakeAliyun, **more: Any) -> SystemConfig:
    values = {"access_key_id": KEY_ID, "access_key_secret": KEY_SECRET, "endpoint": server.address, **more}
    return configs.save("aliyun_sas", "云安全中心", True, values)[0]


def again(config: SystemConfig, **values: Any) -> str:
    """As if its time had come."""
    Pull.objects.filter(config=config).update(next_at=timezone.now() - timedelta(seconds=1), **values)
    return run_due()


def told(config: SystemConfig) -> str:
    return SystemConfig.objects.get(pk=config.pk).last_error


def test_the_signature_is_that_of_the_documentation() -> None:
    """https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature, the fixed example."""
    parameters = {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
    headers = signed_headers(
        AccessKey("YourAccessKeyId", "YourAccessKeySecret"), "ecs.cn-shanghai.aliyuncs.com", "RunInstances", "2014-05-26",
        parameters, at=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC), nonce="3156853299f313e23d1673dc12e1703d",
    )  # fmt: skip
    assert headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )
    assert canonical_query({"b": "v=a b*c~d/e", "a": "时"}) == "a=%E6%97%B6&b=v%3Da%20b%2Ac~d%2Fe"


def test_the_signature_of_the_log_service_is_that_of_its_documentation() -> None:
    """https://help.aliyun.com/zh/sls/developer-reference/request-signatures, the example of ListLogstores."""
    key = AccessKey("bq2sjzesjmo86kq35behupbq", "4fdO2fTDDnZPU/L7CHNdemB2Nsk=")
    parameters = {"size": "1000", "offset": "0", "logstoreName": ""}
    headers = log_service_headers(
        key, "/logstores", parameters, at=datetime(2015, 11, 9, 6, 11, 16, tzinfo=UTC)
    )
    assert headers["Date"] == "Mon, 09 Nov 2015 06:11:16 GMT"
    assert headers["Authorization"] == "LOG bq2sjzesjmo86kq35behupbq:jEYOTCJs2e88o+y5F4/S5IsnBJQ="
    key, asked = AccessKey("LTAIexample", "s3cr3t/KEY+="), 'host: web-01 and "登录 失败"'
    parameters = {
        "type": "log",
        "from": "1795000000",
        "to": "1795003600",
        "query": asked,
        "line": "50",
        "reverse": "true",
    }
    at = datetime(2026, 11, 30, 3, 4, 5, tzinfo=UTC)
    headers = log_service_headers(
        key, "/logstores/nginx", parameters, at=at
    )  # as aliyun-log-python-sdk 0.9.52 signs it
    assert headers["Authorization"] == "LOG LTAIexample:WW9P38oeHV7eo4+XKV8vwiutrDQ="


def test_alerts_come_page_by_page_once(fake: FakeAliyun) -> None:
    now = timezone.now()
    fake.events += [event(number, now - timedelta(minutes=number % 600)) for number in range(250)]
    config = connect(fake, days=1)
    assert run_due() == "云安全中心：250 条，新增 250"
    assert Alert.objects.filter(source="aliyun_sas").count() == 250
    assert [one["CurrentPage"] for one in fake.asked] == ["1", "2", "3", "1"]
    row = Pull.objects.get(config=config)
    assert (row.last_seen, row.last_new, row.claimed_until, told(config)) == (250, 250, None, "")
    assert row.next_at > timezone.now() + timedelta(minutes=4)
    assert run_due() == "没有到期的拉取"
    assert ImportJob.objects.filter(format="aliyun_sas", name="云安全中心").count() == 3


@pytest.mark.slow
def test_the_next_time_begins_a_little_before_the_last(fake: FakeAliyun) -> None:
    config = connect(fake, days=30)
    run_due()
    fake.asked.clear()
    # One that is shown late, with a time before the cursor, and one that is new.
    fake.events += [event(1, timezone.now() - timedelta(minutes=10)), event(2, timezone.now())]
    assert again(config) == "云安全中心：2 条，新增 2"
    assert again(config) == "云安全中心：2 条，新增 0"
    assert list(Alert.objects.values_list("count", flat=True)) == [1, 1]
    assert len(fake.asked) == 4


def test_what_was_handled_in_the_console_is_closed_by_its_source(fake: FakeAliyun) -> None:
    config, now = connect(fake), timezone.now()
    fake.events.append(event(1, now - timedelta(minutes=3)))
    run_due()
    fake.events[0] |= {"EventStatus": 32, "OperateTime": int(timezone.now().timestamp() * 1000)}
    again(config)
    alert = Alert.objects.get()
    assert (alert.status, alert.closed_by_source) == ("closed", True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"access_key_id": "LTAI5tOther"}, "不接受这个 AccessKey"),
        ({"access_key_secret": "wrong-secret"}, "SignatureDoesNotMatch"),
        ({}, "没有权限"),
    ],
)
def test_wrong_credentials_are_shown_and_not_tried_again_until_they_change(
    fake: FakeAliyun, values: dict[str, str], word: str
) -> None:
    fake.allowed = False
    config = connect(fake, **values)
    run_due()
    assert word in told(config)
    count = len(fake.asked)
    assert again(config) == "没有到期的拉取"
    assert len(fake.asked) == count == 1
    fake.allowed = True
    config = configs.save(
        "aliyun_sas", "云安全中心", True, {"access_key_id": KEY_ID, "access_key_secret": KEY_SECRET, "every_minutes": 6}, config=config
    )[0]  # fmt: skip
    assert run_due() == "云安全中心：0 条，新增 0"
    assert told(config) == ""


@pytest.mark.slow
def test_throttling_is_waited_for_and_then_put_off(fake: FakeAliyun) -> None:
    busy = (400, "Throttling.User", "Request was denied due to user flow control.")
    fake.events.append(event(1, timezone.now()))
    fake.refusals += [busy, (429, "", "")]
    config = connect(fake, days=1)
    assert run_due() == "云安全中心：1 条，新增 1"
    fake.refusals += [busy] * 3
    again(config)
    row = Pull.objects.get(config=config)
    assert (row.failures, row.parked, row.claimed_until) == (1, False, None)
    assert "放慢" in told(config)
    again(config)
    row.refresh_from_db()
    assert (row.failures, told(config)) == (0, "")


def test_each_failure_waits_longer(fake: FakeAliyun) -> None:
    fake.refusals += [(500, "InternalError", "")] * 20
    config, waits = connect(fake, days=1), []
    run_due()
    for _ in range(4):
        row = Pull.objects.get(config=config)
        waits.append(round((row.next_at - timezone.now()) / timedelta(minutes=1)))
        again(config)
    assert waits == [5, 10, 20, 40]


def test_a_clock_that_is_wrong_is_named_with_the_difference() -> None:
    with FakeAliyun(clock_ahead=timedelta(minutes=40)) as fake:
        config = connect(fake, days=1)
        run_due()
    assert "本机慢 40 分钟" in told(config)
    assert not Pull.objects.get(config=config).parked


@pytest.mark.slow
def test_a_break_midway_repeats_the_span_and_loses_nothing(fake: FakeAliyun) -> None:
    now = timezone.now()
    fake.events += [event(number, now - timedelta(minutes=1)) for number in range(150)]
    fake.refusals += [None, (500, "InternalError", "")]
    config = connect(fake, days=1)
    run_due()
    assert (Alert.objects.count(), Pull.objects.get(config=config).cursor) == (100, None)
    assert again(config) == "云安全中心：150 条，新增 50"


def test_a_dead_process_is_followed_when_its_lease_is_over(fake: FakeAliyun) -> None:
    config = connect(fake)
    assert pulls.take(config, timezone.now()) is not None
    assert again(config) == "没有到期的拉取"
    assert again(config, claimed_until=timezone.now() - timedelta(seconds=1)) == "云安全中心：0 条，新增 0"


def test_who_was_overtaken_changes_nothing(fake: FakeAliyun) -> None:
    config = connect(fake)
    turn = pulls.take(config, timezone.now())
    assert turn is not None
    Pull.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    other = pulls.take(config, timezone.now())
    assert other is not None
    assert not pulls.advance(turn, timezone.now())
    pulls.fail(turn, "太晚了", timedelta(minutes=5), park=True)
    assert (told(config), Pull.objects.get().parked) == ("", False)


@pytest.mark.both_databases
def test_of_several_processes_one_fetches(fake: FakeAliyun) -> None:
    connect(fake, days=1)
    said: list[str] = []

    def work() -> None:
        try:
            said.append(run_due())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(said)[:1] == ["云安全中心：0 条，新增 0"]
    assert len(fake.asked) == 2


def test_what_answers_something_else_is_no_success(fake: FakeAliyun) -> None:
    fake.refusals.append((200, "", ""))
    config = connect(fake, days=1)
    run_due()
    assert "错误" in told(config)


def test_beyond_the_air_gap_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    config = configs.save(
        "aliyun_sas", "云", True, {"access_key_id": KEY_ID, "access_key_secret": KEY_SECRET}
    )[0]
    monkeypatch.setenv("BIFANG_AIRGAPPED", "1")
    run_due()
    assert "气隙模式" in told(config)


def test_a_foreign_address_is_refused() -> None:
    with pytest.raises(FieldErrors, match="BIFANG_ADDRESS_ALLOW_LIST"):
        configs.save(
            "aliyun_sas", "云", True, {"access_key_id": KEY_ID, "access_key_secret": KEY_SECRET, "endpoint": "https://tds.attacker.example"}
        )  # fmt: skip


def test_the_secret_is_in_no_error_and_no_log(fake: FakeAliyun, caplog: pytest.LogCaptureFixture) -> None:
    config = connect(fake, access_key_id="LTAI5tOther")
    run_due()
    assert KEY_SECRET not in told(config) + caplog.text
    assert KEY_SECRET not in repr(configs.load(config))


@pytest.mark.slow
def test_the_page_tries_a_key_and_tells_how_far_it_is(
    fake: FakeAliyun, settings: Any, tmp_path: Path
) -> None:
    serve_plain_static(settings, tmp_path)
    fake.events.append(event(1, timezone.now() - timedelta(hours=1)))
    config, root = connect(fake), superuser()
    assert "AccessKey 有效，可以查询；最近一天有 1 条待处理的告警" in tried(root, config)["alerts"]
    assert "SignatureDoesNotMatch" in tried(root, config, access_key_secret="wrong-secret")["alerts"]
    assert not Alert.objects.exists()
    address = reverse("admin:core_systemconfig_change", args=[config.pk])
    assert "还没有开始" in root.get(address).content.decode()
    run_due()
    page = root.get(address).content.decode()
    assert "1 条，新增 1" in page
    assert KEY_SECRET not in page
