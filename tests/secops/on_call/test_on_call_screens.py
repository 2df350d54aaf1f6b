"""The pages of on-call: calendar files, and one's own wishes."""

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from secops_agent.models import CalendarFeed, NotificationPreference, OnCallOverride, Staff
from tests.admin_pages import serve_plain_static

from .rota_aid import people, rota
from .test_calendars import event

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client, settings, tmp_path):
    serve_plain_static(settings, tmp_path)
    client.force_login(
        User.objects.create_superuser("root"), "secops_agent.services.people.logins.StaffBackend"
    )
    return client


def test_calendar_is_downloaded_and_imported_with_what_was_left_out(browser):
    people()
    schedule = rota(start="2026-01-05")
    got = browser.get(reverse("admin:secops_agent_oncallschedule_export", args=[schedule.pk]))
    assert got.content.startswith(b"BEGIN:VCALENDAR")
    address = reverse("admin:secops_agent_oncallschedule_import", args=[schedule.pk])
    for content, said in (
        (event(), "已导入 1 段"),
        (event(SUMMARY="谁"), "没有导入 谁"),
        (b"nothing", "不是能读懂的日历文件"),
    ):
        answer = browser.post(address, {"file": SimpleUploadedFile("a.ics", content)}, follow=True)
        assert said in answer.content.decode()
    assert OnCallOverride.objects.count() == 1


def test_feed_address_is_shown_once_and_works_until_revoked(browser):
    people()
    schedule = rota(start="2026-01-05")
    made = browser.post(reverse("web:on_call_subscribe"), {"rota": schedule.pk, "whose": "all"})
    address = made.context["address"]
    assert "no-store" in made["Cache-Control"]
    assert browser.get(address).status_code == 200
    feed = CalendarFeed.objects.get()
    listed = reverse("admin:secops_agent_calendarfeed_changelist")
    assert address.rpartition("/")[2] not in browser.get(listed).content.decode()
    revoke = {"action": "revoke", "_selected_action": [feed.pk]}
    assert "不能恢复" in browser.post(listed, revoke).content.decode()
    assert browser.get(address).status_code == 200, "asked, and nothing done yet"
    browser.post(listed, revoke | {"agreed": "1"})
    assert browser.get(address).status_code == 404


def test_people_change_their_own_wishes_only(browser):
    staff = people()
    user = User.objects.create_user("li")
    Staff.objects.filter(pk=staff["lisi"].pk).update(user=user)
    other = NotificationPreference.objects.create(staff=staff["wangwu"])
    browser.force_login(user, "secops_agent.services.people.logins.StaffBackend")
    wishes = {
        "usual": "group",
        "urgent": "private",
        "quiet_from": "22:00",
        "quiet_until": "07:00",
        "calls": "sms",
        "reminders": 1,
    }
    add = reverse("admin:secops_agent_notificationpreference_add")
    assert (
        browser.post(add, {"staff": staff["zhaoliu"].pk, **wishes}).status_code == 200
    )  # refused, shown again
    assert browser.post(add, {"staff": staff["lisi"].pk, **wishes}).status_code == 302
    assert NotificationPreference.objects.get(staff=staff["lisi"]).usual == "group"
    change = reverse("admin:secops_agent_notificationpreference_change", args=[other.pk])
    assert browser.post(change, {"staff": staff["lisi"].pk, **wishes}).status_code == 302
    other.refresh_from_db()
    assert other.usual == "private"
