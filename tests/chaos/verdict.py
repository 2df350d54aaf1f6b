"""What was lost, repeated, out of order, forged, left over: every question and alert looked at, one by one."""

import contextlib
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from io import StringIO

import psutil
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from bifang.channels.models import OPEN, InboxRow, Outage, OutboxRow, State
from bifang.core.monitoring.health import check_health
from secops_agent.models import Alert, BrokerLetter, LetterState, NotificationTarget
from secops_agent.models.alerting.notification import AlertMessage, MessageState
from tests.acceptance.processes import processes_with
from tests.acceptance.worker import Stage
from tests.chaos.house import House, size_of
from tests.chaos.load import Asked, Load
from tests.deadline import wait_until

Line = tuple[str, str, bool]
NOT_SHOWN = (MessageState.WAITING, MessageState.UNDELIVERABLE)


def settled(house: House, load: Load) -> bool:
    """Until nobody waits for anything; False if that does not come.

    What could not be delivered, the quota being used up, is tried again after five minutes and more, the message and the
    place that it goes to each by a time of its own: now."""

    def done() -> bool:
        now = timezone.now()
        NotificationTarget.objects.filter(next_try_at__gt=now).update(next_try_at=now)
        refused = AlertMessage.objects.filter(state=MessageState.UNDELIVERABLE)
        refused.filter(due_at__gt=now).update(due_at=now)
        return (
            not InboxRow.objects.filter(state__in=OPEN).exists()
            and not OutboxRow.objects.filter(state__in=OPEN).exists()
            and not AlertMessage.objects.filter(state__in=NOT_SHOWN).exists()
            and Alert.objects.count() >= len(load.titles)
            and all(missing(house, load, name) == [] for name in load.asked)
        )

    try:
        wait_until(done, within=60, every=1.0, what="all settled")
    except AssertionError:
        return False
    return True


def stage_of(house: House, name: str) -> Stage:
    return house.ding if name == "钉钉" else house.feishu


def replies_of(house: House, name: str) -> dict[str, list[dict[str, object]]]:
    """By the message that they answer; who waits is also told so, which is no answer."""
    found: dict[str, list[dict[str, object]]] = defaultdict(list)
    for reply in stage_of(house, name).replies():
        if reply.get("msg_id"):
            found[str(reply["msg_id"])].append(reply)
    return found


def missing(house: House, load: Load, name: str) -> list[Asked]:
    """Questions without an answer."""
    found = replies_of(house, name)
    return [asked for asked in load.asked[name] if asked.msg_id not in found]


def concerned(house: House, load: Load) -> set[str]:
    """The messages of questions that were not answered, answered again, or out of order."""
    found = set[str]()
    for name, asked in load.asked.items():
        replies = replies_of(house, name)
        found |= {each.msg_id for each in asked if len(replies.get(each.msg_id, ())) != 1}
        rows = {
            number
            for where in {each.where for each in asked}
            for pair in _out_of_order(where, asked, replies)
            for number in pair[:2]
        }
        found |= set(InboxRow.objects.filter(pk__in=rows).values_list("external_id", flat=True))
    return found


def judge(house: House, load: Load) -> Iterator[Line]:
    """What, how it is, whether that is right."""
    for name in load.asked:
        yield from _answers(house, load, name)
    yield from _alerts(load)
    yield from _left(house)
    said = StringIO()
    try:
        call_command("verify_audit", stdout=said, stderr=said)
        yield "审计链", said.getvalue().split("。")[0], True
    except CommandError as error:
        yield "审计链", str(error), False
    yield from _health()


def _answers(house: House, load: Load, name: str) -> Iterator[Line]:
    found, asked = replies_of(house, name), load.asked[name]
    lost = [each.msg_id for each in asked if each.msg_id not in found]
    yield f"{name}：没有回答的", f"{len(lost)} / {len(asked)} {lost[:5]}", not lost
    again = [each for each in asked if len(found.get(each.msg_id, ())) > 1]
    unexcused = [each.msg_id for each in again if not _in_flight(house, each, found[each.msg_id])]
    yield f"{name}：重复的（不在途中的）", f"{len(again)}（{len(unexcused)}）{unexcused[:5]}", not unexcused
    wrong = [one for where in {each.where for each in asked} for one in _out_of_order(where, asked, found)]
    told = [f"{first} {late}: {seconds:.2f} s" for first, late, seconds in wrong]
    yield f"{name}：次序错的", f"{len(wrong)} {told}", not wrong


def _in_flight(house: House, asked: Asked, replies: list[dict[str, object]]) -> bool:
    last = max(float(str(reply["at"])) for reply in replies) / 1000
    return any(began <= last and asked.at <= ended for began, ended in house.disturbed)


def _out_of_order(
    where: str, asked: list[Asked], found: dict[str, list[dict[str, object]]]
) -> list[tuple[int, int, float]]:
    """Questions answered after one that was both said and received later, that one, and by how many seconds; what
    arrives late is next, by design."""
    mine = {each.msg_id for each in asked if each.where == where}
    rows = [
        (row.pk, row.said_ms, min(float(str(reply["at"])) for reply in found[row.external_id]))
        for row in InboxRow.objects.filter(external_id__in=mine)
        if row.external_id in found
    ]
    return [
        (first[0], late[0], (first[2] - late[2]) / 1000)
        for first in rows
        for late in rows
        if first[0] < late[0] and first[1] < late[1] and first[2] > late[2]
    ]


def _alerts(load: Load) -> Iterator[Line]:
    stored = list(Alert.objects.filter(title__startswith="混沌告警").values_list("title", "count"))
    lost = set(load.titles) - {title for title, _ in stored}
    yield "告警：丢失的", f"{len(lost)} / {len(load.titles)}（发送方重试 {load.refused} 次）", not lost
    double = len(stored) - len({title for title, _ in stored}) + sum(count > 1 for _, count in stored)
    yield "告警：重复的", str(double), not double
    touched = Alert.objects.exclude(status="open").count()
    yield "模型自作主张处理掉的", str(touched), not touched
    states = list(AlertMessage.objects.values_list("state", flat=True))
    open_ones = sum(state in NOT_SHOWN for state in states)
    yield (
        "通知：没有送到的",
        f"{open_ones} / {len(states)} {sorted(set(states))}",
        not open_ones and bool(states),
    )


def _left(house: House) -> Iterator[Line]:
    # A message about an alert that was refused is written anew.
    said = OutboxRow.objects.filter(state=State.DEAD).exclude(key__startswith="note:alert:")
    dead = [*InboxRow.objects.filter(state=State.DEAD), *said]
    letters = [row.error[:60] for row in BrokerLetter.objects.filter(state=LetterState.DEAD)]
    yield "消息流的死信", f"{len(letters)} {letters[:3]}", not letters
    yield "死信", f"{len(dead)} {[str(row.last_error)[:60] for row in dead[:3]]}", not dead
    grown, measured = [], 0
    for each in house.kept:
        before = each.known.get(each.pid)
        if before:
            now, measured = size_of(each.pid), measured + 1
            if now[0] > before[0] * 1.3 + 30 or now[1] > before[1] + 6 or now[2] > before[2] + 12:
                grown.append(f"{each.name} {before} → {now}")
    yield "内存、线程、套接字增长的进程", "；".join(grown) or f"没有（量了 {measured} 个）", not grown
    # Who finds no database at its start says so, ends with 2 and is started again.
    crashed = [
        f"{each.name} {code}"
        for each in house.kept
        for at, code in each.ended
        if code not in (0, -9)
        and not (code == 2 and any(began <= at <= end for began, end in house.disturbed))
    ]
    yield "自己退出而出错的进程", f"{len(crashed)} {crashed[:5]}", not crashed


def _health() -> Iterator[Line]:
    told = ""

    def well() -> bool:
        nonlocal told
        told = "；".join(
            f"{each.label}：{each.detail}" for each in check_health().findings if each.state == "failed"
        )
        return not told

    with contextlib.suppress(AssertionError):
        wait_until(well, within=0, every=2.0)
    standing = Outage.objects.exclude(since=None).count()
    yield "healthcheck", told or "全部通过", not told
    yield "还没有恢复的连接", str(standing), not standing


def stop(house: House) -> Iterator[Line]:
    """In order, and nothing stays."""
    house.stopping.set()
    connections.close_all()
    began = time.monotonic()
    for each in house.kept:
        assert each.started
        each.started.process.send_signal(signal.SIGTERM)
    late = []
    for each in house.kept:
        assert each.started
        try:
            code = each.started.process.wait(60)
        except psutil.TimeoutExpired:
            late.append(each.name)
            continue
        except Exception:  # subprocess.TimeoutExpired
            late.append(each.name)
            continue
        if code:
            late.append(f"{each.name} {code}")
    yield "正常停止", f"{time.monotonic() - began:.0f} 秒 {late}", not late
    left = [line for line in processes_with(str(house.home)) if "manage.py" in line or "gunicorn" in line]
    yield "留下的进程", f"{len(left)} {left[:3]}", not left
