"""Marks of single occurrences leave with the retention; alerts, counts and young imports stay."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.core.database import retention as erasing
from secops_agent.models import Alert, AlertEvent
from secops_agent.services.alerts.queries import mentioned, words
from secops_agent.services.intake import comparisons, exposed, jobs, pulls, receipts, retrospect
from secops_agent.services.investigations import replays
from secops_agent.services.operations import retention
from secops_agent.services.schedules import runs
from secops_agent.services.vulnerabilities import resolutions

from .inventory_aid import NOW, alert, later, queries, store

pytestmark = pytest.mark.both_databases
DUE = later(days=-5)


@pytest.fixture
def aged(database):
    """Ten occurrences, one a day, of an alert that came in a hundred days ago."""
    store(*(alert("a", n, at=later(days=-n)) for n in range(10)))
    Alert.objects.update(created_at=later(days=-100))


@pytest.mark.slow
def test_marks_beyond_the_retention_go_and_counts_stay(aged):
    assert retention.drop_old(DUE) == 4
    assert sorted((NOW - at).days for at in AlertEvent.objects.values_list("at", flat=True)) == [
        0,
        1,
        2,
        3,
        4,
        5,
    ]
    assert Alert.objects.get().count == 10
    assert retention.drop_old(DUE) == 0


@pytest.mark.slow
def test_an_old_file_that_was_read_lately_still_counts_once(aged):
    old = alert("b", at=later(days=-50))
    store(old)
    Alert.objects.filter(title="规则 b").update(created_at=later(days=-1))
    assert retention.drop_old(DUE) == 4
    store(old)
    assert Alert.objects.get(title="规则 b").count == 1


def test_they_go_in_small_transactions_until_the_time_is_over(aged, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 2)
    assert retention.drop_old(DUE, end=0) == 0
    with queries() as caught:
        assert retention.drop_old(DUE) == 4
    deleting = [each["sql"] for each in caught.captured_queries if each["sql"].startswith("DELETE")]
    assert len(deleting) == 2


def test_what_runs_by_itself_is_scheduled_once(database):
    from django_q.models import Schedule

    from secops_agent.services.operations.periodic import ensure_schedules

    ensure_schedules()
    functions = sorted(Schedule.objects.values_list("func", flat=True))
    assert functions == sorted(
        [
            words.JOB,
            mentioned.JOB,
            comparisons.JOB,
            exposed.JOB,
            jobs.RECOVERY,
            jobs.SWEEP,
            receipts.JOB,
            erasing.JOB,
            resolutions.JOB,
            replays.JOB,
            runs.TICK,
            pulls.JOB,
            retrospect.JOB,
            "secops_agent.services.operations.source_watch.watch",
            "secops_agent.uploads.results.tell_finished",
        ]
    )
    assert all(each.next_run <= timezone.now() + timedelta(hours=1) for each in Schedule.objects.all())


def test_what_runs_by_itself_can_be_run_also_where_an_earlier_version_put_it_elsewhere(database):
    from django.utils.module_loading import import_string
    from django_q.models import Schedule

    from secops_agent.services.operations.periodic import OWN_JOBS, ensure_schedules

    ensure_schedules()
    Schedule.objects.filter(func=words.JOB).update(func="secops_agent.services.alerts.triage.words.index")
    ensure_schedules()
    assert Schedule.objects.count() == len(OWN_JOBS)
    assert all(callable(import_string(name)) for name in Schedule.objects.values_list("func", flat=True))
