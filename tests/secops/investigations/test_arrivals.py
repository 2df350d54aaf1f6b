"""Who is looked into when an alert comes: one a group, so many a day, by one worker, whatever happens to it."""

import asyncio
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from bifang.channels.queues import claims
from bifang.core.database import db
from secops_agent.agent.background.announcer import Announcer
from secops_agent.models import Alert, AlertMessage, Investigation, InvestigationReplay
from secops_agent.services.investigations import dossiers, replays, work
from secops_agent.services.investigations.replays import RuleRecord
from tests.secops.inventory_aid import alert, host, store
from tests.secops.notifications import stage

from .cases import arrive, past

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.both_databases("every test")]


def waiting() -> list[int]:
    rows = Investigation.objects.filter(trigger="arrival", state="waiting")
    return list(rows.order_by("pk").values_list("alert_id", flat=True))


def lapse() -> None:
    """The lease of whoever had it is over."""
    Investigation.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.slow
def test_grave_new_alerts_are_queued_once_a_group_and_others_not(settings):
    first = arrive("a")
    arrive("b")  # the same rule and asset
    arrive("c", assets=(host("web-02"),))
    arrive("d", severity="medium", rule_name="别的")
    arrive("e", status_hint="closed", rule_name="完了")
    store(alert("quiet", rule_name="导入"), announce=False)
    assert len(waiting()) == 2
    assert waiting()[0] == first.pk
    settings.INVESTIGATED = frozenset()
    arrive("f", rule_name="又一条")
    assert len(waiting()) == 2


def test_long_one_is_held_while_it_goes_on(monkeypatch):
    """The lease would be over before each check: nobody else comes to have it."""
    arrive("a")
    row, taken = Investigation.objects.get(), []

    class Slow:
        def __init__(self, check):
            self._check = check

        def __getattr__(self, name):
            return getattr(self._check, name)

        def look(self, subject):
            taken.append(claims.release_expired(Investigation))
            found = self._check.look(subject)
            lapse()
            return found

    monkeypatch.setattr(dossiers, "CHECKS", [Slow(check) for check in dossiers.CHECKS])
    work.step(60)
    row.refresh_from_db()
    assert (row.state, row.attempts, sum(taken)) == ("done", 1, 0)


def test_alert_that_becomes_grave_is_queued():
    arrive("a", severity="low")
    assert waiting() == []
    store(alert("a", 1, severity="critical", assets=(host("web-01"),)))
    assert len(waiting()) == 1


def test_row_comes_and_goes_with_the_transaction_of_the_alert():
    with transaction.atomic():
        arrive("a")
        assert Investigation.objects.count() == 1
        transaction.set_rollback(True)
    assert not Alert.objects.exists()
    assert not Investigation.objects.exists()


def test_no_more_than_the_budget_of_a_day(settings):
    settings.INVESTIGATIONS_A_DAY = 2
    for number in range(4):
        arrive(f"a{number}", rule_name=f"规则{number}")
    assert len(waiting()) == 2
    Investigation.objects.update(requested_at=timezone.now() - timedelta(days=2))
    arrive("tomorrow", rule_name="明天")
    assert len(waiting()) == 3


def test_worker_that_dies_leaves_it_to_another_and_its_late_result_counts_nothing(monkeypatch):
    pk = arrive("a").pk
    dead = work._claim()
    assert dead is not None
    assert work.step() == 0  # it is somebody's
    lapse()
    assert work.step() == 1
    done = Investigation.objects.get(alert_id=pk)
    assert (done.state, done.attempts) == ("done", 2)
    Investigation.objects.filter(pk=done.pk).update(conclusion="有人看过")
    work._conduct(dead)
    assert Investigation.objects.get(pk=done.pk).conclusion == "有人看过"


def test_what_keeps_failing_ends_and_says_so(monkeypatch):
    arrive("a")
    with monkeypatch.context() as broken:
        broken.setattr(work, "compile_dossier", lambda pk: 1 / 0)
        for _ in range(work.ATTEMPTS + 1):
            work.step()
            lapse()
    row = Investigation.objects.get()
    assert (row.state, row.last_error) == ("failed", work.FAILED)
    assert work.step() == 0


@pytest.mark.slow
def test_first_message_says_what_was_found_and_a_later_finding_follows_it_up():
    stage.configure()
    stage.rule()
    past("false_positive", 5)
    arrive("a")
    work.step()
    stage.announce()
    (first,) = stage.told()
    assert "- 调查：" in first
    assert "同一规则 90 天另有 5 条（误报 5）" in first
    assert "建议结论" not in first  # its rule has not shown that it may
    arrive("b", rule_name="别的")
    stage.announce()
    assert "- 调查：" not in stage.told()[1]
    work.step()
    AlertMessage.objects.update(
        due_at=F("due_at") - timedelta(minutes=2), sent_at=F("sent_at") - timedelta(minutes=2)
    )
    stage.announce()
    assert len(stage.told()) == 3
    assert "- 调查：" in stage.told()[2]
    stage.announce()
    assert len(stage.told()) == 3


def test_that_nothing_was_found_is_worth_no_second_message():
    stage.configure()
    stage.rule()
    arrive("a", assets=(host("nobody-knows-it"),))
    stage.announce()
    assert "- 调查：" not in stage.told()[0]
    work.step()
    assert Investigation.objects.get().conclusion == Investigation.NOTHING_FOUND
    AlertMessage.objects.update(
        due_at=F("due_at") - timedelta(minutes=2), sent_at=F("sent_at") - timedelta(minutes=2)
    )
    stage.announce()
    assert len(stage.told()) == 1
    assert not AlertMessage.objects.filter(wanted__gt=F("shown")).exists()


def test_messages_suggest_only_for_rules_that_have_earned_it():
    stage.configure()
    stage.rule()
    past("false_positive", 5)
    record = RuleRecord("suricata", "规则", judged=40, agreed=38, attacks=4, recalled=4)
    assert record.has_earned
    rules = replays._RULES.dump_python((record,), mode="json")
    now = timezone.now()
    InvestigationReplay.objects.create(since=now, until=now, figures={"rules": rules})
    arrive("a")
    work.step()
    stage.announce()
    assert "调查：建议结论：误报（把握中）；" in stage.told()[0]


def test_announcer_looks_before_it_tells():
    stage.configure()
    stage.rule()
    arrive("a")

    async def run() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(Announcer().run(stop))
        for _ in range(2400):
            if await db.call(stage.told):
                break
            await asyncio.sleep(0.05)
        stop.set()
        await task

    asyncio.run(run())
    assert "- 调查：" in stage.told()[0]
