"""值班: who is on call, and what people do about it, over HTTP: only what is theirs, and only by a form of ours."""

import json
import re
from datetime import date, datetime, time, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import OutboxRow, State
from bifang.channels.ports import ReplyTarget
from bifang.channels.queues import outbox
from bifang.core.models import Switch, SystemConfig
from bifang.core.rights import AUDITOR
from secops_agent.models import (
    AuditRecord,
    CalendarDay,
    CalendarFeed,
    OnCallOverride,
    OnCallSchedule,
    Role,
    ShiftSwap,
    Staff,
    SwapState,
)
from secops_agent.services.on_call.schedules import apply_on_call_entries
from secops_agent.services.on_call.shifts import ZONE, on_call_at
from tests.admin_pages import member, messages_of, serve_plain_static, superuser, text_of, with_role
from tests.secops.decisions_aid import company

pytestmark = pytest.mark.django_db
PAGE, SWAP, OVERRIDE, FEED = "/on-call/", "/on-call/swaps/", "/on-call/overrides/", "/on-call/calendar/"
MINUTE = "%Y-%m-%dT%H:%M"


def today(days: int = 0) -> date:
    """So many days later. Asked for when it is needed: a run may go on over midnight."""
    return timezone.now().astimezone(ZONE).date() + timedelta(days=days)


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


@pytest.fixture
def rota() -> OnCallSchedule:
    """li and wang take turns every day."""
    company()
    start = str(today(-7))
    apply_on_call_entries(
        [{"name": "安全值班", "rotation": "daily", "start": start, "staff": ["li", "wang"]}]
    )
    return OnCallSchedule.objects.get()


def login(staff_id: str) -> Client:
    """The person's own login."""
    user, made = User.objects.get_or_create(username=f"login-{staff_id}")
    if made:
        Staff.objects.filter(staff_id=staff_id).update(user=user)
    client = Client()
    client.force_login(user)
    return client


def asked(rota: OnCallSchedule, /, who: str = "li", other: str = "wang", **more: str) -> Any:
    """What was shown first is sent back, as the second page does."""
    given = {"rota": str(rota.pk), "colleague": other, "first": str(today(1)), "last": ""} | more
    seen = login(who).post(SWAP, given, follow=True)
    shown = (seen.context or {}).get("shown")
    return login(who).post(SWAP, given | {"shown": shown}, follow=True) if shown else seen


def holder() -> str:
    """Who is on call tomorrow: at noon, since before nine it is still the shift of today."""
    noon = datetime.combine(today(1), time(12), ZONE)
    found = on_call_at(OnCallSchedule.objects.get(), noon).staff
    assert found is not None
    return found.staff_id


def test_page_shows_now_next_the_own_shifts_and_the_days(rota: OnCallSchedule) -> None:
    CalendarDay.objects.update_or_create(date=today(1), defaults={"working": False, "name": "元旦"})
    client = login("li")
    answer = client.get(PAGE)
    text = text_of(answer)
    for words in ("下一位", "两周内没有空档", "我的班次", "元旦休息", "今天"):
        assert words in text
    (board,) = answer.context["boards"]
    assert len(board.days) == 14
    assert {spell.name for day in board.days for spell in day.spells} == {"li先生", "wang先生"}
    assert len(answer.context["mine"]) == 6
    assert {shift.staff.staff_id for _, shift in answer.context["mine"]} == {"li"}
    (board,) = client.get(PAGE, {"days": "28"}).context["boards"]
    assert len(board.days) == 28
    assert all(day.spells for day in board.days)


def test_gap_is_shown_and_filled(rota: OnCallSchedule) -> None:
    Staff.objects.filter(staff_id__in=("li", "wang")).update(active=False)
    client = superuser()
    text = text_of(client.get(PAGE))
    assert "现在无人值班" in text
    assert "两周内 1 段无人值班" in text
    given = {
        "rota": rota.pk,
        "person": "sun",
        "starts_at": f"{today()}T00:00",
        "ends_at": f"{today(20)}T00:00",
    }
    client.post(OVERRIDE, given)
    text = text_of(client.get(PAGE))
    assert "两周内没有空档" in text
    assert "sun先生" in text


def test_whose_shift_goes_to_whom_is_shown_before_anybody_is_asked(rota: OnCallSchedule) -> None:
    given = {"rota": str(rota.pk), "colleague": "wang", "first": str(today(2)), "last": ""}
    assert holder() == "li", "and the day after it is wang"
    for shown in ("", "别的"):
        page = login("li").post(SWAP, given | {"shown": shown})
        text = text_of(page)
        for words in (
            "由 wang先生 改为 ¦ li先生",
            "没有您的班，是wang先生的",
            "替 wang先生 值班，去问对方",
            "换一天",
        ):
            assert words in text, text
        assert not ShiftSwap.objects.exists()
        assert not OutboxRow.objects.exists()
    page = login("li").post(SWAP, given | {"first": str(today(1))})
    assert "由 li先生 改为 ¦ wang先生" in text_of(page)
    assert "没有您的班" not in text_of(page)
    asked(rota, first=str(today(2)))
    (request,) = OutboxRow.objects.values_list("text", flat=True)
    assert "由wang先生改为li先生" in request


@pytest.mark.slow
def test_swap_is_asked_and_accepted_over_the_pages(rota: OnCallSchedule) -> None:
    before = holder()
    assert "答复以前班次不变" in messages_of(asked(rota))
    assert OutboxRow.objects.filter(target__staff_id="wang").exists(), "told in DingTalk, too"
    swap = ShiftSwap.objects.get()
    assert holder() == before
    for page in (PAGE, "/"):
        assert "li先生 想和您换班" in text_of(login("wang").get(page))
    assert "您想和 wang先生 换班" in text_of(login("li").get(PAGE))
    assert "写了最后一天" in messages_of(asked(rota, **{"back-last": today(9)}))
    asked(rota, **{"back-first": today(8), "back-last": today(9)})
    days = {each["start"][:10] for each in ShiftSwap.objects.latest("pk").pieces}
    assert {str(today(8)), str(today(9))} <= days, "days that are not beside the first ones"
    ShiftSwap.objects.latest("pk").delete()
    done = login("wang").post(f"{SWAP}{swap.code}/", {"accepted": "1"}, follow=True)
    assert "已换班" in messages_of(done)
    assert {before, holder()} == {"li", "wang"}
    again = login("wang").post(f"{SWAP}{swap.code}/", {"accepted": "1"}, follow=True)
    assert "班次没有改变" in messages_of(again)
    assert OnCallOverride.objects.count() == len(swap.pieces)


@pytest.mark.slow
def test_swap_is_declined_or_withdrawn(rota: OnCallSchedule) -> None:
    for who, state in (("wang", SwapState.DECLINED), ("li", SwapState.WITHDRAWN)):
        asked(rota)
        swap = ShiftSwap.objects.latest("pk")
        login(who).post(f"{SWAP}{swap.code}/", {"accepted": "0"})
        swap.refresh_from_db()
        assert swap.state == state
    assert not OnCallOverride.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("who", "accepted"), [("sun", "1"), ("sun", "0"), ("zhang", "1"), ("zhang", "0"), ("li", "1")]
)
def test_only_whom_it_concerns_answers(rota: OnCallSchedule, who: str, accepted: str) -> None:
    asked(rota)
    swap = ShiftSwap.objects.get()
    answer = login(who).post(f"{SWAP}{swap.code}/", {"accepted": accepted}, follow=True)
    assert "只有被邀请的本人" in messages_of(answer)
    swap.refresh_from_db()
    assert swap.state == SwapState.ASKED
    assert not OnCallOverride.objects.exists()


@pytest.mark.slow
def test_who_has_no_part_in_a_swap_gets_no_buttons_and_a_viewer_does_not_see_it(rota: OnCallSchedule) -> None:
    asked(rota)
    code = ShiftSwap.objects.get().code
    page = login("sun").get(PAGE).content.decode()
    assert code in page
    assert f"{SWAP}{code}/" not in page
    assert code not in login("wu").get(PAGE).content.decode()


@pytest.mark.slow
def test_a_superuser_without_a_person_cannot_answer(rota: OnCallSchedule) -> None:
    asked(rota)
    answer = superuser().post(f"{SWAP}{ShiftSwap.objects.get().code}/", {"accepted": "1"}, follow=True)
    assert "没有对应的人员" in messages_of(answer)
    unknown = login("wang").post(f"{SWAP}XZZZZZ/", {"accepted": "1"}, follow=True)
    assert "没有等您答复的换班" in messages_of(unknown)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colleague": "li"}, "不能和自己换班"),
        ({"colleague": "nobody"}, "人员里没有"),
        ({"first": "2020-01-01"}, "超过一年"),
        ({"first": "下周"}, "看得懂"),
        ({"first": ""}, "看得懂"),
        ({"last": str(today(-3))}, "最后一天应在第一天或之后"),
        ({"last": str(today(60))}, "一次最多 14 天"),
        ({"rota": "x"}, "看得懂"),
        ({"rota": "9" * 5000}, "看得懂"),
        ({"first": "9999-12-31"}, "超过一年"),
        ({"first": "0001-01-01"}, "超过一年"),
        ({"colleague": "w" * 200}, "看得懂"),
        ({"colleague": "wang\x00"}, "看得懂"),
    ],
)
def test_an_impossible_swap_is_refused_with_the_reason(
    rota: OnCallSchedule, changes: dict[str, str], said: str
) -> None:
    given = {"other": changes.pop("colleague")} if "colleague" in changes else {}
    assert said in messages_of(asked(rota, **given, **changes))
    assert not ShiftSwap.objects.exists()


def test_a_colleague_of_another_corporation_is_refused(rota: OnCallSchedule) -> None:
    Staff.objects.create(corp_id="other", staff_id="fremd", name="外人", role=Role.ANALYST)
    assert "人员里没有「fremd」" in messages_of(asked(rota, other="fremd"))
    span = {"starts_at": f"{today(1)}T08:00", "ends_at": f"{today(1)}T10:00"}
    given = {"rota": rota.pk, "person": "外人", **span}
    assert "人员里没有「外人」" in messages_of(login("zhang").post(OVERRIDE, given, follow=True))


def test_viewers_only_look(rota: OnCallSchedule) -> None:
    client = login("wu")
    page = client.get(PAGE)
    assert page.status_code == 200
    assert 'data-opens="' not in page.content.decode().partition("<main")[2]
    now = timezone.now()
    span = {"starts_at": now.strftime(MINUTE), "ends_at": (now + timedelta(days=1)).strftime(MINUTE)}
    row = OnCallOverride.objects.create(
        schedule=rota,
        staff=Staff.objects.get(staff_id="sun"),
        starts_at=now,
        ends_at=now + timedelta(hours=1),
    )
    for address, given in (
        (SWAP, {"rota": rota.pk, "colleague": "wang", "first": today(1)}),
        (OVERRIDE, {"rota": rota.pk, "person": "wu", **span}),
        (f"{OVERRIDE}{row.pk}/remove/", {}),
        (FEED, {"rota": rota.pk, "whose": "all"}),
    ):
        assert client.post(address, given).status_code == 403, address
    assert OnCallOverride.objects.count() == 1
    assert not ShiftSwap.objects.exists()
    assert not CalendarFeed.objects.exists()


def test_analysts_set_no_substitute(rota: OnCallSchedule) -> None:
    now = timezone.now()
    given = {
        "rota": rota.pk,
        "person": "li",
        "starts_at": now.strftime(MINUTE),
        "ends_at": (now + timedelta(days=1)).strftime(MINUTE),
    }
    assert login("li").post(OVERRIDE, given).status_code == 403
    assert not OnCallOverride.objects.exists()


@pytest.mark.slow
def test_a_substitute_is_set_and_taken_back_on_record(rota: OnCallSchedule) -> None:
    client = login("zhang")
    start = datetime.combine(today(1), time(8), ZONE)
    given = {
        "rota": rota.pk,
        "person": "孙先生",
        "starts_at": start.strftime(MINUTE),
        "ends_at": (start + timedelta(hours=2)).strftime(MINUTE),
        "reason": "出\u202e差",
    }
    assert "人员里没有" in messages_of(client.post(OVERRIDE, given, follow=True))
    said = messages_of(client.post(OVERRIDE, given | {"person": "sun先生"}, follow=True))
    assert "由 sun先生 值班" in said
    row = OnCallOverride.objects.get()
    assert (row.starts_at, row.reason) == (start, "出差")
    assert on_call_at(rota, start).staff == row.staff
    assert "sun先生 值班，改按" in text_of(client.get(PAGE)).replace(" ¦ ", " ").replace("不再由 ", "")
    assert "已取消" in messages_of(client.post(f"{OVERRIDE}{row.pk}/remove/", follow=True))
    assert "没有这个临时换人" in messages_of(client.post(f"{OVERRIDE}{row.pk}/remove/", follow=True))
    assert not OnCallOverride.objects.exists()
    told = list(
        AuditRecord.objects.filter(subject=f"on_call:{rota.pk}")
        .order_by("pk")
        .values_list("actor_name", flat=True)
    )
    assert told[-2:] == ["zhang先生", "zhang先生"]


def test_who_is_put_in_and_who_is_relieved_are_told_at_once(rota: OnCallSchedule) -> None:
    start = datetime.combine(today(2), time(12), ZONE)
    given = {
        "rota": rota.pk, "person": "sun", "starts_at": start.strftime(MINUTE),
        "ends_at": (start + timedelta(hours=2)).strftime(MINUTE), "reason": "出差",
    }  # fmt: skip
    said = messages_of(login("zhang").post(OVERRIDE, given, follow=True))
    assert "已告知sun先生、wang先生。" in said
    told = {row.target["staff_id"]: row.text for row in OutboxRow.objects.all()}
    assert set(told) == {"sun", "wang"}
    for text in told.values():
        for words in (
            "zhang先生",
            f"{start:%m-%d} 12:00 至 {start:%m-%d} 14:00",
            "由sun先生值班，原来是wang先生",
            "出差",
        ):
            assert words in text.replace("\\", ""), text
    back = login("zhang").post(f"{OVERRIDE}{OnCallOverride.objects.get().pk}/remove/", follow=True)
    assert "已告知wang先生、sun先生。" in messages_of(back)
    assert OutboxRow.objects.count() == 4
    SystemConfig.objects.update(enabled=False)
    assert "没能告知sun先生、wang先生，请您转告" in messages_of(
        login("zhang").post(OVERRIDE, given, follow=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "length", "person", "said"),
    [
        (timedelta(hours=1), timedelta(hours=-1), "sun", "结束应晚于开始"),
        (timedelta(hours=1), timedelta(days=40), "sun", "最长 31 天"),
        (timedelta(days=-3), timedelta(days=1), "sun", "已经过去"),
        (timedelta(hours=1), timedelta(hours=1), "gone", "人员里没有"),
        (timedelta(days=700_000), timedelta(hours=1), "sun", "超过一年"),
        (timedelta(days=-9_000), timedelta(hours=1), "sun", "超过一年"),
    ],
)
def test_an_impossible_substitute_is_refused(
    rota: OnCallSchedule, start: timedelta, length: timedelta, person: str, said: str
) -> None:
    Staff.objects.create(staff_id="gone", name="走了", corp_id="corp", active=False)
    first = timezone.now().astimezone(ZONE) + start
    given = {
        "rota": rota.pk,
        "person": person,
        "starts_at": first.strftime(MINUTE),
        "ends_at": (first + length).strftime(MINUTE),
    }
    assert said in messages_of(superuser().post(OVERRIDE, given, follow=True))
    assert not OnCallOverride.objects.exists()


def test_what_is_over_is_not_taken_back(rota: OnCallSchedule) -> None:
    now = timezone.now()
    row = OnCallOverride.objects.create(
        schedule=rota,
        staff=Staff.objects.get(staff_id="sun"),
        starts_at=now - timedelta(days=2),
        ends_at=now - timedelta(days=1),
    )
    assert "已经结束" in messages_of(superuser().post(f"{OVERRIDE}{row.pk}/remove/", follow=True))
    assert OnCallOverride.objects.exists()


@pytest.mark.slow
def test_a_feed_of_the_own_shifts_is_shown_once(rota: OnCallSchedule) -> None:
    client = login("li")
    made = client.post(FEED, {"rota": rota.pk, "whose": "mine"})
    assert "no-store" in made["Cache-Control"]
    address = made.context["address"]
    calendar = Client().get(address)
    assert calendar.status_code == 200
    assert "wang先生" not in calendar.content.decode()
    feed = CalendarFeed.objects.get()
    assert feed.staff is not None
    assert feed.staff.staff_id == "li"
    assert address.rpartition("/")[2] not in client.get(PAGE).content.decode()
    refused = superuser().post(FEED, {"rota": rota.pk, "whose": "mine"}, follow=True)
    assert "没有自己的班次" in messages_of(refused)
    assert "看得懂" in messages_of(client.post(FEED, {"rota": rota.pk, "whose": "wang"}, follow=True))
    for unknown in (rota.pk + 9, 10**30):
        assert client.post(FEED, {"rota": unknown, "whose": "all"}).status_code == 404
    assert CalendarFeed.objects.count() == 1


@pytest.mark.slow
def test_read_only_stops_swaps(rota: OnCallSchedule) -> None:
    asked(rota)
    swap = ShiftSwap.objects.get()
    Switch.objects.create(name="read_only", on=True)
    assert "只读模式" in messages_of(asked(rota))
    assert "只读模式" in messages_of(
        login("wang").post(f"{SWAP}{swap.code}/", {"accepted": "1"}, follow=True)
    )
    assert ShiftSwap.objects.count() == 1
    assert not OnCallOverride.objects.exists()


def test_nothing_is_done_without_the_token_or_by_a_link(rota: OnCallSchedule) -> None:
    asked(rota)
    code = ShiftSwap.objects.get().code
    login("wang")
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="login-wang"))
    for address in (SWAP, f"{SWAP}{code}/", OVERRIDE, f"{OVERRIDE}1/remove/", FEED):
        assert client.post(address, {"accepted": "1", "rota": rota.pk}).status_code == 403, address
        assert client.get(address).status_code == 405, address
    assert Client().get(PAGE)["Location"].startswith("/admin/login/")
    assert Client().post(PAGE).status_code == 405
    assert ShiftSwap.objects.get().state == SwapState.ASKED


def test_an_empty_house_says_what_to_do() -> None:
    answer = superuser().get(PAGE)
    assert "还没有启用的值班表" in text_of(answer)
    assert reverse("admin:secops_agent_oncallschedule_add") in answer.content.decode()
    assert "请管理员" in text_of(member(Role.VIEWER).get(PAGE))
    assert member(AUDITOR).get(PAGE).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("who", [Role.VIEWER, Role.ANALYST, Role.ADMIN])
def test_the_page_costs_the_same_with_many_rotas(who: Role) -> None:
    company()
    client = with_role(who)
    costs = []
    for size in (1, 15):
        start = str(today(-7))
        apply_on_call_entries(
            [
                {"name": f"值班{each}", "rotation": "daily", "start": start, "staff": ["li", "wang"]}
                for each in range(size)
            ]
        )
        for row in OnCallSchedule.objects.all():
            asker, other = Staff.objects.get(staff_id="li"), Staff.objects.get(staff_id="wang")
            now = timezone.now()
            ShiftSwap.objects.create(
                code=f"X{row.pk}{size}",
                schedule=row,
                asker=asker,
                other=other,
                expires_at=now + timedelta(days=1),
            )
            OnCallOverride.objects.create(
                schedule=row, staff=other, starts_at=now, ends_at=now + timedelta(hours=1)
            )
        with CaptureQueriesContext(connection) as caught:
            assert client.get(PAGE).status_code == 200
        costs.append(len(caught))
    assert costs[0] == costs[1] <= 20, costs


def test_handover_that_did_not_arrive_is_sent_again_from_the_page(rota: OnCallSchedule) -> None:
    config = SystemConfig.objects.filter(kind="dingtalk").latest("pk")
    OutboxRow.objects.all().delete()
    key = f"handover:{rota.pk}:1:li"
    outbox.notify(
        config.pk, ReplyTarget("", is_group=False, staff_id="li"), "交接", key=key, title="值班交接 安全值班"
    )
    client = login("li")
    assert "无法送达" not in text_of(client.get(PAGE))
    OutboxRow.objects.update(state=State.DEAD, last_error="应用缺少接口权限")
    assert "值班交接 安全值班（单聊）无法送达：应用缺少接口权限" in text_of(client.get(PAGE))
    client.post("/again/", {"message": OutboxRow.objects.get().pk, "next": PAGE})
    assert OutboxRow.objects.get().state == State.PENDING
    assert "无法送达：应用" not in text_of(client.get(PAGE))


def test_swap_offers_who_takes_turns_with_their_next_shift(rota: OnCallSchedule) -> None:
    html = login("li").get(PAGE).content.decode()
    offered = html.partition('id="swap-who"')[2].partition("</select>")[0]
    assert 'value="wang"' in offered
    assert 'value="li"' not in offered, "not with oneself"
    assert "起值班）" in offered or "正在值班" in offered


def opened(client: Client, day: date) -> tuple[str, dict[str, str]]:
    """What a click on a day of the calendar opens, and what stands in it then."""
    html = client.get(PAGE).content.decode()
    days = re.findall(r'<li class="[^"]*">.*?</li>', html.partition('class="on-call-days"')[2], re.DOTALL)
    (shown,) = [each for each in days if f"{day:%m-%d} 周" in each]
    found = re.search(r'data-opens="([^"]+)" data-fills="([^"]+)"', shown)
    return (found[1], json.loads(unescape(found[2]))) if found else ("", {})


def test_a_click_on_a_day_opens_what_this_person_can_do_with_it(rota: OnCallSchedule) -> None:
    assert holder() == "li"
    root = superuser()
    mine, other = today(1), today(2)
    assert opened(login("li"), mine) == ("swap", {"swap-rota": str(rota.pk), "swap-first": str(mine)})
    cover = {"cover-rota": str(rota.pk), "cover-who": "li", "cover-name": "li先生", "cover-first": str(mine)}
    assert opened(login("wang"), mine) == ("cover", cover)
    assert opened(with_role(Role.ANALYST), other)[0] == "cover", "also of who is in no rota"
    chief = opened(root, other)
    assert chief == (
        f"override-{rota.pk}",
        {f"from-{rota.pk}": f"{other}T09:00", f"until-{rota.pk}": f"{today(3)}T09:00"},
    )
    fields = dict(zip(("starts_at", "ends_at"), chief[1].values(), strict=True))
    root.post(OVERRIDE, {"rota": rota.pk, "person": "sun"} | fields)
    assert OnCallOverride.objects.get().staff.staff_id == "sun"
    assert opened(with_role(Role.VIEWER), other) == ("", {})
    now = timezone.now().astimezone(ZONE)
    begins, ends = (
        datetime.strptime(each, MINUTE).replace(tzinfo=ZONE) for each in opened(root, today())[1].values()
    )
    assert begins >= now.replace(second=0, microsecond=0) - timedelta(minutes=1), "not what is over"
    assert begins < ends
