"""Rotas as .ics files: what is written can be read, what is read is bounded, addresses are secret and revocable."""

import random
from contextlib import suppress
from datetime import timedelta

import icalendar
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models import AuditRecord, CalendarFeed, OnCallOverride, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.on_call import calendars, feeds
from secops_agent.services.on_call.shifts import ZONE, on_call_at
from tests.admin_pages import serve_plain_static

from .rota_aid import people, rota

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("test")
TOMORROW = (timezone.now().astimezone(ZONE) + timedelta(days=1)).replace(
    hour=20, minute=0, second=0, microsecond=0
)


@pytest.fixture
def browser(client, settings, tmp_path):
    serve_plain_static(settings, tmp_path)
    return client


@pytest.fixture(autouse=True)
def staff() -> dict[str, Staff]:
    return people()


def event(**changes: str) -> bytes:
    """A file of one event, 王五 tomorrow from 20:00 for two hours; "" leaves a line out."""
    lines = {
        "UID": "one@example", "SUMMARY": "夜班 王五", "DTSTART;TZID=Asia/Shanghai": f"{TOMORROW:%Y%m%dT%H%M%S}", "DURATION": "PT2H",
        **changes,
    }  # fmt: skip
    body = "\r\n".join(f"{name}:{value}" for name, value in lines.items() if value)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n{body}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n".encode()


def starts() -> list[str]:
    rows = OnCallOverride.objects.order_by("starts_at").values_list("starts_at", flat=True)
    return [f"{each.astimezone(ZONE):%m-%d %H:%M}" for each in rows]


def test_event_is_an_exception_and_the_same_one_replaces_it():
    schedule = rota()
    assert calendars.import_calendar(schedule, event(), ACTOR).shifts == 1
    assert on_call_at(schedule, TOMORROW + timedelta(hours=1)).staff.staff_id == "wangwu"
    calendars.import_calendar(schedule, event(SUMMARY="zhaoliu"), ACTOR)
    assert [each.staff.staff_id for each in OnCallOverride.objects.all()] == ["zhaoliu"]
    calendars.import_calendar(schedule, event(STATUS="CANCELLED"), ACTOR)
    assert not OnCallOverride.objects.exists()
    assert AuditRecord.objects.filter(what__contains="导入日历").count() == 3


def test_what_is_written_can_be_read_again(staff):
    schedule = rota()
    content = calendars.write_calendar(schedule, staff["wangwu"])
    found = icalendar.Calendar.from_ical(content).walk("VEVENT")
    assert found
    assert {str(each["summary"]) for each in found} == {"王五 安全值班"}
    done = calendars.import_calendar(schedule, content, ACTOR)
    assert done.shifts
    assert done.skipped == ()


def test_recurring_event_is_expanded_within_a_year():
    schedule = rota()
    day = f"{TOMORROW:%a}".upper()[:2]
    calendars.import_calendar(schedule, event(RRULE=f"FREQ=WEEKLY;INTERVAL=2;BYDAY={day};COUNT=3"), ACTOR)
    assert starts() == [f"{TOMORROW + timedelta(weeks=2 * number):%m-%d %H:%M}" for number in range(3)]
    later = TOMORROW + timedelta(days=1)
    calendars.import_calendar(
        schedule, event(**{"RRULE": "FREQ=DAILY", "EXDATE;TZID=Asia/Shanghai": f"{later:%Y%m%dT%H%M%S}"}), ACTOR
    )  # fmt: skip
    assert len(starts()) == 365
    assert f"{later:%m-%d %H:%M}" not in starts()[:5]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SUMMARY": "夜班 谁"}, "没有人员名单中的姓名"),
        ({"SUMMARY": "李四 王五"}, "有几个人的名字"),
        ({"RRULE": "FREQ=SECONDLY"}, "只支持每天、每周"),
        ({"RRULE": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "只支持每天、每周"),
        ({"RRULE": "FREQ=DAILY;INTERVAL=99999999"}, "只支持每天、每周"),
        ({"RRULE": "FREQ=DAILY", "DTSTART;TZID=Asia/Shanghai": "19000101T000000"}, "开始得太早"),
        ({"DURATION": "P900D"}, "31 天以内"),
        ({"DTSTART;TZID=Asia/Shanghai": "99991231T235959", "DURATION": "P3D"}, "看不懂"),
        ({"DTSTART;TZID=Asia/Shanghai": ""}, "没有开始时间"),
        ({"DTSTART;TZID=Asia/Shanghai": "tomorrow"}, ""),
    ],
)
def test_what_cannot_be_kept_is_left_out_and_told(changes, said):
    done = calendars.import_calendar(rota(), event(**changes), ACTOR)
    assert done.shifts == 0
    assert said in done.skipped[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe", b"not a calendar", b"BEGIN:VCALENDAR\r\n" + b"BEGIN:X\r\n" * 100_000, b"A" * (calendars.MOST_BYTES + 1),
        event(SUMMARY="x" * 100_000), event() * 600, event().replace(b"UID:", b"X:1\r\n" * 20_000 + b"UID:"),
        event(UID="a\0b"), event(**{"DTSTART;TZID=" + "A" * 5000: "20261128T010000"}),
    ],
)  # fmt: skip
def test_hostile_files_are_refused(content):
    with pytest.raises(InvalidInput):
        calendars.import_calendar(rota(), content, ACTOR)


@pytest.mark.slow
def test_broken_files_say_so_and_nothing_else_happens():
    schedule, chance = rota(), random.Random(7)
    whole = event(RRULE="FREQ=DAILY;COUNT=2", EXDATE="20260101T000000")
    for _ in range(60):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            broken[chance.randrange(len(broken))] = chance.choice(b"\r\n:;=,0Z\x00P")
        with suppress(InvalidInput):
            calendars.import_calendar(schedule, bytes(broken), ACTOR)


def test_zones_of_the_file_are_not_asked_for_their_rules():
    zone = (
        b"BEGIN:VTIMEZONE\r\nTZID:Own\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nRRULE:FREQ=SECONDLY\r\n"
    )
    zone += b"TZOFFSETFROM:+0800\r\nTZOFFSETTO:+0800\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    content = event().replace(b"BEGIN:VEVENT", zone + b"BEGIN:VEVENT")
    assert calendars.import_calendar(rota(), content, ACTOR).shifts == 1
    assert starts() == [f"{TOMORROW:%m-%d %H:%M}"]
    done = calendars.import_calendar(rota(), content.replace(b"TZID=Asia/Shanghai", b"TZID=Own"), ACTOR)
    assert "不认识的时区「Own」" in done.skipped[0]
    own = content.replace(b"TZID=Asia/Shanghai", b"TZID=Own")
    for hidden in (b"BEGIN:VTIME\r ZONE", b"BEGIN:VTIME\x0b ZONE", "BEGIN:VTIME\u2028 ZONE".encode()):
        done = calendars.import_calendar(rota(), own.replace(b"BEGIN:VTIMEZONE", hidden), ACTOR)
        assert "不认识的时区「Own」" in done.skipped[0]
    with pytest.raises(InvalidInput):
        calendars.import_calendar(rota(), own.replace(b"BEGIN:VTIMEZONE", b"BEGIN;X=1:VTIMEZONE"), ACTOR)


def test_feed_is_read_by_its_secret_until_it_is_revoked(browser, staff):
    schedule = rota()
    secret = feeds.make_feed(schedule, staff["lisi"], ACTOR)
    address = f"/api/v1/calendar/{secret}.ics"
    answer = browser.get(address)
    assert answer["Content-Type"].startswith("text/calendar")
    assert "李四 安全值班".encode() in answer.content
    assert "王五".encode() not in answer.content
    assert secret not in str(CalendarFeed.objects.values().get())
    assert browser.get("/api/v1/calendar/unknown.ics").status_code == 404
    assert browser.post(address).status_code == 405
    feeds.revoke_feed(CalendarFeed.objects.get().pk, ACTOR)
    assert browser.get(address).status_code == 404
    with pytest.raises(InvalidInput):
        feeds.revoke_feed(CalendarFeed.objects.get().pk, ACTOR)


def test_feed_of_somebody_who_left_answers_nothing(browser, staff):
    secret = feeds.make_feed(rota(), staff["lisi"], ACTOR)
    Staff.objects.filter(staff_id="lisi").update(active=False)
    assert browser.get(f"/api/v1/calendar/{secret}.ics").status_code == 404


def whole(user: User) -> str:
    """An address of everybody's shifts, made on the page; as it is asked for."""
    client = Client()
    client.force_login(user)
    page = client.post(reverse("web:on_call_subscribe"), {"rota": rota().pk, "whose": "all"})
    return str(page.context["address"]).partition("testserver")[2]


@pytest.mark.slow
@pytest.mark.parametrize("end", [
    lambda user: Staff.objects.filter(user=user).update(active=False),
    lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
    lambda user: Staff.objects.filter(user=user).update(role="none"),
    lambda user: user.delete(),
], ids=["left", "login off", "no role", "deleted"])  # fmt: skip
def test_feed_of_all_shifts_ends_with_whoever_made_it(browser, staff, end):
    user = User.objects.create_user("lisi")
    Staff.objects.filter(staff_id="lisi").update(user=user, role="analyst")
    address = whole(user)
    assert browser.get(address).status_code == 200
    end(user)
    assert browser.get(address).status_code == 404


def test_feed_of_all_shifts_whose_maker_is_unknown_answers_nothing(browser, staff):
    secret = feeds.make_feed(rota(), None, ACTOR)
    assert browser.get(f"/api/v1/calendar/{secret}.ics").status_code == 404


def test_makers_of_older_feeds_are_found_by_a_name_that_only_one_can_mean(staff):
    from importlib import import_module

    from django.apps import apps

    lisi, root = User.objects.create_user("u-lisi"), User.objects.create_superuser("root")
    Staff.objects.filter(staff_id="lisi").update(user=lisi)
    for name, number in (("甲", 1), ("甲", 2)):
        Staff.objects.create(staff_id=f"s{number}", name=name, user=User.objects.create_user(f"u{number}"))
    schedule = rota()
    rows = {
        name: CalendarFeed.objects.create(schedule=schedule, digest=name, made_by=name)
        for name in ("李四", "root", "甲", "走了的人")
    }
    import_module("secops_agent.migrations.0029_feed_makers").find_makers(apps, None)
    found = {name: CalendarFeed.objects.get(pk=row.pk).maker_id for name, row in rows.items()}
    assert found == {"李四": lisi.pk, "root": root.pk, "甲": None, "走了的人": None}
