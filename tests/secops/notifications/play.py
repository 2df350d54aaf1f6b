"""A few random hours of alerts and trouble on a clock of its own; whoever works on them may be killed at any statement."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection

from bifang.channels.models import GroupState, KnownGroup, OutboxRow, State
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from dingtalk_integration.models import ApiUsage
from secops_agent.models import Alert, NotificationRule, NotificationTarget, Silence, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.delivery import (
    announcing,
    digests,
    escalation,
    reaching,
    silence_lines,
)
from secops_agent.services.notifications.rules import delete_rule
from secops_agent.services.notifications.targets import destination
from secops_agent.services.operations import deadlines
from tests.dingtalk.quota_aid import use
from tests.secops.inventory_aid import ACTOR, alert, host, store

from . import stage

LEVELS: Final = ("critical", "high", "medium")
GROUP: Final = stage.GROUP
OTHER: Final = {**GROUP, "conversation_id": "cidOther"}
PERSON: Final = {"kind": "person", "config": "钉钉", "staff_id": "lisi"}
ROBOT: Final = {
    "kind": "webhook", "name": "应急群", "url": "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef",
}  # fmt: skip
CHAIN: Final = [{"after_minutes": 5, "to": [{**PERSON, "staff_id": "wangwu"}]}, {"after_minutes": 10}]
QUIET: Final = {"quiet_from": "12:00", "quiet_until": "14:00"}
TOGETHER: Final = {"from": 3, "within_seconds": 60}  # nine of any rules
RULES: Final[dict[str, dict[str, Any]]] = {
    "全部": {"severities": [], "targets": [GROUP, ROBOT], "on": ["new", "risen", "reopened", "sla_broken"]},
    "严重": {"severities": ["critical"], "targets": [OTHER, GROUP], "escalate": CHAIN, "repeat": 1},
    "李四": {"severities": ["critical", "high"], "targets": [PERSON], "hours": QUIET},
}
STEPS: Final[tuple[Callable[[], int], ...]] = (
    announcing.step, digests.tell_digests, silence_lines.tell_silences, deadlines.watch,
    reaching.note_failures, reaching.heal, escalation.step,
)  # fmt: skip


class Killed(BaseException):
    """kill -9, as far as the database can tell."""


@contextmanager
def killed_after(statements: int) -> Iterator[None]:
    """The process ends before the next statement."""
    left = [statements]

    def execute(run: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return run(sql, params, many, context)

    with suppress(Killed), connection.execute_wrapper(execute):
        yield


class Play:
    """``expected``: which alert is to be told at which destination, as the rules stood when it was stored."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = datetime(2026, 11, 24, 2, tzinfo=UTC)
        self.number = 0
        self.refusing: set[str] = set()
        self.expected: set[tuple[int, str]] = set()

    def prepare(self) -> None:
        """A corporation, its rules and groups."""
        for staff_id, role in (("lisi", "analyst"), ("wangwu", "analyst"), ("boss", "admin")):
            stage.staff(staff_id, staff_id, role)
        self.config = stage.configure(edition="custom", monthly_calls=100, monthly_messages=100)
        for conversation in ("cidGroup", "cidOther"):
            KnownGroup.objects.create(
                config_id=self.config.pk, conversation_id=conversation, title=conversation, corp_id="dingcorp",
                learned_at=self.now, last_seen_at=self.now,
            )  # fmt: skip
        store(host("web-01"), at=self.now)
        for name in RULES:
            self.rule(name)

    def rule(self, name: str) -> None:
        """As it is written; what it told goes on."""
        stage.rule(name=name, group=TOGETHER, **RULES[name])

    # What happens

    def arrive(self) -> None:
        for _ in range(self.random.choice((1, 2, 3, 12))):
            self.number += 1
            self._store(f"k{self.number}", 0)

    def repeat(self) -> None:
        if self.number:
            self._store(f"k{self.random.randint(1, self.number)}", self.random.randint(1, 9**9))

    def _store(self, key: str, number: int) -> None:
        known = set(Alert.objects.values_list("pk", flat=True))
        level, name = self.random.choice(LEVELS), f"web-0{self.random.randint(1, 3)}"
        record = alert(key, number, severity=level, assets=(host(name),), at=self.now)
        if not self.random.randrange(4):
            with killed_after(self.random.randint(0, 60)):
                store(record, at=self.now)
        store(record, at=self.now)  # the source sends what it got no answer for again
        for row in Alert.objects.exclude(pk__in=known):
            self._expect(row)

    def _expect(self, row: Alert) -> None:
        targets = NotificationTarget.objects.filter(step=None, rule__enabled=True).select_related("rule")
        for target in targets:
            if row.severity in (RULES[target.rule.name]["severities"] or LEVELS):
                self.expected.add((row.pk, destination(target)))

    def silence(self) -> None:
        scope = self.random.choice((("asset", "web-01"), ("source", "suricata"), ("all", "")))
        with suppress(BifangError):
            silences.silence(*scope, self.random.choice((10, 60, 3000)), ACTOR)

    def end(self) -> None:
        for row in Silence.objects.filter(ends_at__gt=self.now)[:1]:
            silences.end(row.pk, ACTOR)

    def treat(self) -> None:
        ids = list(Alert.objects.order_by("pk").values_list("pk", flat=True))
        acts = (
            lambda pk, who: triage.close(pk, "benign", who),
            triage.acknowledge,
            triage.reopen,
        )
        if ids:
            with suppress(BifangError):
                self.random.choice(acts)(
                    self.random.choice(ids), Actor.person(Staff.objects.all()[0], "dingtalk")
                )

    def spend(self) -> None:
        used = self.random.choice((0, 0, 85, 96, 99, 100))
        use("ding1", used, family=self.random.choice(("robot", "webhook")))

    def late(self) -> None:
        ids = list(Alert.objects.order_by("pk").values_list("pk", flat=True))
        chosen = self.random.sample(ids, min(len(ids), 12))
        Alert.objects.filter(pk__in=chosen).update(due_at=self.now)

    def break_something(self) -> None:
        """A target cannot be reached, or can be again."""
        kind = self.random.randrange(5)
        if kind == 0:
            self.refusing ^= {self.random.choice(("cidGroup", "cidOther", "lisi", "robot"))}
        elif kind == 1:
            state = self.random.choice((GroupState.OPEN, GroupState.OUTSIDERS, GroupState.REMOVED))
            KnownGroup.objects.filter(conversation_id="cidOther").update(state=state)
        elif kind == 2:
            Staff.objects.filter(staff_id="lisi").update(active=self.random.random() < 0.5)
        elif kind == 3:
            SystemConfig.objects.update(enabled=self.random.random() < 0.5)
        else:
            self.refusing.clear()

    def rewrite(self) -> None:
        """A rule is deleted, or written anew: what another rule wants told in the same place is still told there."""
        name = self.random.choice(("全部", "严重"))
        row = NotificationRule.objects.filter(name=name).first()
        if row is None:
            return self.rule(name)
        delete_rule(row, ACTOR)
        left = {destination(each) for each in NotificationTarget.objects.filter(step=None)}
        self.expected = {pair for pair in self.expected if pair[1] in left and self._wanted(*pair)}
        return None

    def _wanted(self, pk: int, where: str) -> bool:
        """Does a rule that is left want it there? It was stored while that rule was there only if it is older."""
        row = Alert.objects.get(pk=pk)
        targets = NotificationTarget.objects.filter(step=None, rule__created_at__lte=row.created_at)
        return any(
            destination(each) == where and row.severity in (RULES[each.rule.name]["severities"] or LEVELS)
            for each in targets.select_related("rule")
        )

    def pass_time(self) -> None:
        self.now += timedelta(minutes=self.random.choice((1, 3, 12, 61)))

    # Who works

    def work(self) -> None:
        """Some of what a worker does from its start on; it is killed now and then."""
        reaching.catch_up()
        for step in self.random.sample(STEPS, self.random.randint(2, len(STEPS))):
            if not self.random.randrange(5):
                with killed_after(self.random.randint(0, 40)):
                    step()
            else:
                step()
        self.deliver()

    def deliver(self) -> None:
        """DingTalk takes a message, refuses it, or no answer comes; some stay with a sender that is killed."""
        for row in OutboxRow.objects.filter(state=State.PENDING).order_by("pk"):
            place = row.target.get("staff_id") or row.target["conversation_id"]
            robot = bool(row.target.get("robot"))
            chance = self.random.random()
            if ("robot" if robot else place) in self.refusing:
                self._over(row, state=State.DEAD, last_error="对方拒绝", last_error_at=self.now)
            elif chance < 0.85:
                route = "robot" if robot else "private" if row.target.get("staff_id") else "group"
                self._over(row, state=State.DONE, route=route, sent_at=self.now)
            elif chance < 0.9:
                self._over(row, state=State.UNKNOWN, last_error="没有答复", last_error_at=self.now)

    @staticmethod
    def _over(row: OutboxRow, **columns: Any) -> None:
        OutboxRow.objects.filter(pk=row.pk).update(**columns)

    def run(self, events: int) -> None:
        """So many things happen."""
        happen = (
            self.arrive, self.arrive, self.arrive, self.repeat, self.silence, self.end, self.treat, self.spend, self.late,
            self.break_something, self.rewrite,
        )  # fmt: skip
        for _ in range(events):
            self.random.choice(happen)()
            self.work()
            self.pass_time()

    def finish(self) -> None:
        """All trouble is over, a worker starts, and time passes."""
        reaching.catch_up()
        Silence.objects.filter(ends_at__gt=self.now).update(ends_at=self.now)
        ApiUsage.objects.all().delete()
        self.refusing.clear()
        KnownGroup.objects.update(state=GroupState.OPEN)
        Staff.objects.update(active=True)
        SystemConfig.objects.update(enabled=True)
        for minutes in (0, 1, 3, 5, 5, 6, 61, 61, 61, 61, 600, 1500, 61, 61, 3, 3):
            self.now += timedelta(minutes=minutes, seconds=1)
            for step in STEPS:
                while step() and step is announcing.step:
                    pass
            for row in OutboxRow.objects.filter(state=State.PENDING):
                self._over(row, state=State.DONE, route="group", sent_at=self.now)

    @staticmethod
    def busiest() -> Counter[str]:
        """Place → the most alert groups that it was told of for the first time within a minute."""
        most: Counter[str] = Counter()
        times: dict[str, list[datetime]] = {}
        told: set[str] = set()
        rows = OutboxRow.objects.filter(key__startswith="note:alert:").order_by("created_at", "pk")
        for name, key, at in rows.values_list("key", "order_key", "created_at"):
            if (message := name.split(":")[2]) in told:
                continue
            told.add(message)
            recent = times.setdefault(key, [])
            recent.append(at)
            while recent[0] <= at - timedelta(seconds=60):
                recent.pop(0)
            most[key] = max(most[key], len(recent))
        return most
