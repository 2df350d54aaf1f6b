"""Both quotas of an organisation: shared, forecast, warned of once, stepped down by, and what DingTalk says of them."""

from contextlib import suppress
from datetime import date, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from bifang.channels import allowance as port
from bifang.channels.models import OutboxRow
from bifang.channels.ports import Part, ReplyTarget
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.errors import RemoteError
from bifang.core.monitoring.health import check_health
from bifang.core.monitoring.metrics import render_metrics
from dingtalk_integration.applications import ApplicationClients
from dingtalk_integration.cards.platform import card_service
from dingtalk_integration.channel import DingTalkChannel
from dingtalk_integration.models import ApiUsage, QuotaState
from dingtalk_integration.quotas.api_usage import CallCounter
from dingtalk_integration.quotas.quota import Month, forecast, quota_usage, today
from dingtalk_integration.quotas.quota_warnings import warn
from secops_agent.models import AuditRecord, Staff
from tests.admin_pages import serve_plain_static, superuser, text_of
from tests.databases import Database
from tests.dingtalk.quota_aid import custom, save, use
from tests.simulator import running_simulator

pytestmark = pytest.mark.usefixtures("database")
GROUP = ReplyTarget("cidDemoGroup==", True, "lisi", "dingdemo")


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    settings.RATE_LIMITS = True


async def look() -> CallCounter:
    """What a worker does every few seconds."""
    counter = CallCounter()
    await counter.save()
    return counter


@pytest.mark.parametrize(
    ("day", "reset_day", "first", "resets"),
    [
        ("2026-11-26", 1, "2026-11-01", "2026-12-01"),
        ("2026-11-01", 1, "2026-11-01", "2026-12-01"),
        ("2026-12-31", 1, "2026-12-01", "2027-01-01"),
        ("2026-11-14", 15, "2026-10-15", "2026-11-15"),
        ("2026-11-15", 15, "2026-11-15", "2026-12-15"),
        ("2027-03-01", 28, "2027-02-28", "2027-03-28"),
        ("2027-01-05", 28, "2026-12-28", "2027-01-28"),
    ],
)
def test_month_goes_from_reset_to_reset(day: str, reset_day: int, first: str, resets: str) -> None:
    found = Month.of(date.fromisoformat(day), reset_day)
    assert found == Month(date.fromisoformat(first), date.fromisoformat(resets))


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ({}, 0),
        ({10: 30}, 30 + 30 * 20),
        ({1: 700, 10: 70}, 770 + 10 * 20),
        (dict.fromkeys(range(1, 11), 5), 50 + 5 * 20),
    ],
)
def test_forecast_goes_by_the_last_week(calls: dict[int, int], expected: int) -> None:
    days = {date(2026, 11, day): number for day, number in calls.items()}
    assert forecast(days, sum(calls.values()), date(2026, 11, 10), date(2026, 12, 1)) == expected


def test_applications_of_one_organisation_share_what_its_widest_edition_gives() -> None:
    save("dinga", "corp1")
    save("dingb", "corp1", edition="professional")
    save("dingc", "corp2")
    for client_id, calls in (("dinga", 60_000), ("dingb", 50_000), ("dingc", 2_500)):
        use(client_id, calls)
    found = [(one.corp_id, one.total, one.percent) for one in quota_usage() if one.ledger == "calls"]
    assert found == [("corp1", 110_000, 55), ("corp2", 2_500, 50)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calls", "step"),
    [
        (0, "full"), (59, "full"), (94, "full"),
        (95, "digest"), (97, "digest"), (98, "none"), (150, "none"),
    ],
)  # fmt: skip
def test_calls_step_down_at_their_thresholds(calls: int, step: str, settings: Any) -> None:
    config_id = save("dinga", "corp1", **custom(100, 100))
    use("dinga", calls)
    use("dinga", 99, family="webhook", purpose="answer")
    found = port.allowance(config_id)
    assert (found.step, found.percent) == (step, calls if step != "full" else 0)
    settings.RATE_LIMITS = False
    assert port.allowance(config_id) == port.FULL


def test_month_that_is_over_leaves_room_again() -> None:
    config_id = save("dinga", **custom(100))
    use("dinga", 100)
    assert port.allowance(config_id).step == "none"
    ApiUsage.objects.update(day=today() - timedelta(days=35))
    assert port.allowance(config_id) == port.FULL


@pytest.mark.slow
@pytest.mark.both_databases
async def test_administrators_of_the_organisation_are_warned_once_at_each_threshold(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def prepare() -> None:
        save("dinga", "corp1", **custom(100, 100))
        for corp_id, staff_id, role in (
            ("corp1", "boss", "admin"),
            ("corp1", "lisi", "analyst"),
            ("x", "other", "admin"),
        ):
            Staff.objects.create(corp_id=corp_id, staff_id=staff_id, name=staff_id, role=role)

    def told() -> list[str]:
        return list(OutboxRow.objects.order_by("pk").values_list("title", flat=True))

    await db.call(prepare)
    found = []
    for calls in (59, 60, 70, 80, 95, 100):
        await db.call(use, "dinga", calls)
        await look()
        await look()
        found.append(len(await db.call(told)))
    assert found == [0, 1, 1, 2, 3, 3], "at 100 % a message would only be refused"
    assert set(await db.call(lambda: list(OutboxRow.objects.values_list("target__staff_id", flat=True)))) == {
        "boss"
    }
    assert caplog.text.count("dingtalk 额度已用") == 4
    assert await db.call(AuditRecord.objects.filter(what__startswith="钉钉额度已用").count) == 4
    await db.call(use, "dinga", 100, family="webhook", purpose="answer")
    await look()
    assert len(await db.call(told)) == 4, (
        "messages can be told of, through calls; and only the highest threshold"
    )


async def test_nothing_is_said_where_notifications_are_off(database: Database) -> None:
    def prepare() -> None:
        save("dinga", "corp1", notifications_enabled=False, **custom(100))
        Staff.objects.create(corp_id="corp1", staff_id="boss", name="boss", role="admin")
        use("dinga", 90)

    await db.call(prepare)
    await look()
    assert await db.call(OutboxRow.objects.count) == 0
    assert await db.call(lambda: QuotaState.objects.get().told) == 80


async def test_refusal_counts_as_used_up_until_a_call_is_accepted_again(database: Database) -> None:
    counter = CallCounter()
    clients = ApplicationClients(ConfigCache(), counter)
    channel = DingTalkChannel(clients, card_service(clients))
    one = Part(1, "lease", "key", None, 0, "note:alert:1:1", "标题", "正文", "", GROUP, 0)
    with running_simulator() as sim:
        config_id = await db.call(save, "dingdemo", "corp1", sim.base_url)
        given = {name: getattr(one, name) for name in one.__slots__} | {"config_id": config_id}
        sim.faults(openapi_quota={"value": True, "path": "/v1.0/robot"})
        with pytest.raises(RemoteError, match="额度已用完") as caught:
            await channel.deliver(Part(**given))
        assert caught.value.permanent, "it would keep back what is said later in the conversation"
        assert (await db.call(port.allowance, config_id)).step == "none"
        assert counter.allowance(config_id).step == "none"
        sim.faults(clear=True)
        await channel.deliver(Part(**given))
        await counter.save()
        assert await db.call(port.allowance, config_id) == port.FULL
    await channel.close()


def test_scarcity_is_shown_and_makes_nothing_unready(settings: Any, tmp_path: Any) -> None:
    serve_plain_static(settings, tmp_path)
    save("dinga", "corp1", **custom(10, 10))
    use("dinga", 9)
    use("dinga", 2, family="webhook", purpose="answer")
    use("dinga", 1, family="base", purpose="probe")
    finding = next(one for one in check_health().findings if one.name == "dingtalk_quota")
    assert (finding.state, finding.public) == ("ok", "正常")
    assert "已用 10 次，为额度 10 的 100%" in finding.detail
    assert "资源管理" in finding.detail
    warn(quota_usage())
    client = superuser()
    assert "100%" in text_of(client.get("/?part=system"))
    page = text_of(client.get("/admin/dingtalk_integration/apiusage/"))
    assert "已用 10 / 10，照此到" in page
    assert "预计不够用" in page
    assert "回答 0 · 告警 9 · 报告 0 · 检查 1" in page
    assert "为额度 10 的 100%" in client.get("/admin/core/systemconfig/").content.decode()
    figures = render_metrics().decode()
    assert 'bifang_dingtalk_quota_used{corp="corp1",ledger="calls",purpose="probe"} 1.0' in figures
    assert 'bifang_dingtalk_quota_percent{corp="corp1",ledger="calls"} 100.0' in figures
    assert 'bifang_dingtalk_quota_percent{corp="corp1",ledger="messages"} 20.0' in figures


def test_no_limit_means_no_step_and_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    config_id = save("dinga", **custom(0, 0))
    use("dinga", 1_000_000)
    warn(quota_usage())
    assert port.allowance(config_id) == port.FULL
    assert caplog.records == []


def test_check_of_a_configuration_is_counted_as_a_check() -> None:
    with running_simulator() as sim:
        config_id = save("dingdemo", "", sim.base_url)
        with suppress(SystemExit):  # no worker runs, which the command says
            call_command("check_dingtalk_stream", "--config-id", str(config_id), stdout=StringIO())
        counted = sim.state()["metered"]["calls"]
    calls = next(one for one in quota_usage() if one.ledger == "calls")
    assert calls.used == {"probe": counted}
