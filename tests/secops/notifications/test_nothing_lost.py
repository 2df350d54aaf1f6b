"""Whatever comes together (silences, storms, a scarce quota, limits, people): in the end every alert was told of or counted."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow
from dingtalk_integration.models import ApiUsage
from secops_agent.models import Alert, AlertMessage, Silence
from secops_agent.services.alerts import triage
from secops_agent.services.notifications import digests, silence_lines, silences
from secops_agent.services.notifications.storms import STORM
from secops_agent.services.operations import deadlines
from tests.dingtalk.quota_aid import custom, use
from tests.secops.inventory_aid import ACTOR, alert, host, later, store

from . import stage
from .test_messages import age
from .test_quota import told_alerts

pytestmark = [pytest.mark.both_databases, pytest.mark.slow]
LEVELS = ("critical", "high", "medium")


class Play:
    """A few hours of random events."""

    def __init__(self, seed):
        self.random, self.number = random.Random(seed), 0

    def arrive(self):
        for _ in range(self.random.choice((1, 3, 3, STORM + 10))):
            self.number += 1
            name = f"web-0{self.random.randint(1, 3)}"
            level = self.random.choice(LEVELS)
            store(alert(f"k{self.number}", severity=level, assets=(host(name),), at=timezone.now()))

    def repeat(self):
        if self.number:
            key = f"k{self.random.randint(1, self.number)}"
            at = later(days=9, minutes=self.random.randint(1, 999))
            store(alert(key, self.random.randint(1, 9**9), severity=self.random.choice(LEVELS), at=at))

    def silence(self):
        scope = self.random.choice((("asset", "web-01"), ("source", "suricata"), ("all", "")))
        if scope[0] != "source" or self.number:
            silences.silence(*scope, self.random.choice((10, 60, 3000)), ACTOR)

    def end(self):
        for row in Silence.objects.filter(ends_at__gt=timezone.now())[:1]:
            silences.end(row.pk, ACTOR)

    def close(self):
        ids = list(Alert.objects.exclude(status="closed").order_by("pk").values_list("pk", flat=True))
        if ids:
            triage.close(self.random.choice(ids), "benign", ACTOR)

    def spend(self):
        use("ding1", self.random.choice((0, 0, 50, 96, 99, 100)))

    def late(self):
        ids = list(Alert.objects.order_by("pk").values_list("pk", flat=True))
        chosen = self.random.sample(ids, min(len(ids), 5))
        Alert.objects.filter(pk__in=chosen).update(due_at=timezone.now())

    def time(self):
        span = timedelta(minutes=self.random.choice((1, 3, 61)))
        for row in Silence.objects.all():
            Silence.objects.filter(pk=row.pk).update(
                starts_at=row.starts_at - span, ends_at=row.ends_at - span
            )
        age(span.total_seconds())

    def work(self):
        """Some of what a worker does; it may be killed after each step."""
        steps = (stage.announce, digests.tell_digests, silence_lines.tell_silences, deadlines.watch)
        for step in self.random.sample(steps, self.random.randint(1, 4)):
            step()

    def finish(self):
        """Everything that holds messages back is over."""
        Silence.objects.filter(ends_at__gt=timezone.now()).update(ends_at=timezone.now())
        ApiUsage.objects.all().delete()
        for _ in range(8):
            age(90_000)
            for step in (deadlines.watch, stage.announce, silence_lines.tell_silences, digests.tell_digests):
                step()


@pytest.mark.parametrize("seed", range(4))
def test_every_alert_is_told_or_counted_and_nothing_twice(database, settings, seed):
    settings.RATE_LIMITS = True
    stage.configure(**custom(100))
    store(host("web-01"))
    stage.rule(severities=[], on=["new", "risen", "reopened", "sla_broken"])
    play = Play(seed)
    events = (
        play.arrive,
        play.arrive,
        play.repeat,
        play.silence,
        play.end,
        play.close,
        play.spend,
        play.late,
    )
    for _ in range(25):
        play.random.choice(events)()
        play.work()
        play.time()
    play.finish()
    assert told_alerts() == set(Alert.objects.values_list("pk", flat=True))
    open_ones = AlertMessage.objects.exclude(kind="storm").filter(state__in=("waiting", "undeliverable"))
    assert not open_ones.exists()
    keys = Counter(OutboxRow.objects.values_list("key", flat=True))
    assert max(keys.values(), default=1) == 1
