"""Alerts in any state, made at once; and the same numbers reckoned without the database."""

from collections import Counter
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from secops_agent.models import Alert
from secops_agent.services.records import SEVERITIES

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 26, 10, 30, tzinfo=ZONE)


def row(number, first_seen, **more):
    """An alert as the database has it."""
    values = {
        "identity": f"{number:032x}", "source": "suricata", "rule_name": "规则", "title": "告警", "severity": "high",
        "first_seen": first_seen, "last_seen": first_seen, "created_at": first_seen,
    } | more  # fmt: skip
    if values.get("closed_at"):
        values["status"] = "closed"
    return Alert(**values)


def random_rows(count, seed, days=70):
    """Alerts of the last days in every state, one by one."""
    random = Random(seed)
    for number in range(count):
        first = NOW - timedelta(seconds=random.randrange(days * 86400))
        more = {"severity": random.choice(SEVERITIES), "rule_name": f"规则 {random.randrange(12)}",
                "source": random.choice(("wazuh", "WAF", "suricata"))}  # fmt: skip
        if random.random() < 0.8:
            more["due_at"] = first + timedelta(hours=random.choice((4, 24, 72)))
        arrived = more["created_at"] = first + timedelta(seconds=random.randrange(300))
        if random.random() < 0.7:
            more["acknowledged_at"] = arrived + timedelta(seconds=random.randrange(90_000))
            more["status"] = "acknowledged"
        if random.random() < 0.6:
            more["closed_at"] = more.get("acknowledged_at", arrived) + timedelta(
                seconds=random.randrange(400_000)
            )
            more["closed_by_source"] = random.random() < 0.2
            more["verdict"] = random.choice(("false_positive", "true_positive", "benign"))
        yield row(number, first, **more)


def reckon(rows, period):
    """What `AlertFigures` should say."""

    def within(at):
        return at is not None and period.start <= at < period.end

    def severities(chosen):
        counts = Counter(each.severity for each in chosen)
        return tuple((name, counts[name]) for name in SEVERITIES if counts[name])

    left = [
        one
        for one in rows
        if one.first_seen < period.end and (one.closed_at is None or one.closed_at >= period.end)
    ]
    closed = [one for one in rows if within(one.closed_at)]
    return {
        "new": severities(one for one in rows if within(one.first_seen)),
        "closed": severities(closed),
        "open": severities(left),
        "overdue": severities(one for one in left if one.due_at and one.due_at < period.end),
        "recovered": sum(one.closed_by_source for one in closed),
        "kept": sum(1 for one in closed if one.due_at and one.closed_at <= one.due_at),
        "broken": sum(
            1 for one in rows if within(one.due_at) and (one.closed_at is None or one.closed_at > one.due_at)
        ),
        "acknowledging": minutes(
            one.acknowledged_at - one.created_at for one in rows if within(one.acknowledged_at)
        ),
        "closing": minutes(one.closed_at - one.created_at for one in closed if not one.closed_by_source),
    }


def minutes(spans):
    """(count, median, mean, what nine of ten do not exceed); None for nothing."""
    ordered = sorted(span.total_seconds() / 60 for span in spans)
    count = len(ordered)
    if not count:
        return None
    middle = ordered[(count - 1) // 2 : count // 2 + 1]
    ninth = next(span for at, span in enumerate(ordered, 1) if at * 10 >= count * 9)
    return count, round(sum(middle) / len(middle), 1), round(sum(ordered) / count, 1), round(ninth, 1)
