"""Swapping shifts: both agree, by words or taps; only the one who is asked says yes."""

import re
from datetime import date, datetime, time, timedelta

import pytest
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import AuditRecord, OnCallOverride, OnCallSchedule, ShiftSwap, Staff, SwapState
from secops_agent.services.on_call import swaps
from secops_agent.services.on_call.schedules import apply_on_call_entries
from secops_agent.services.on_call.shifts import ZONE, on_call_at, shifts
from secops_agent.services.switches import ReadOnly
from tests.secops.decisions_aid import company, switch, talk

pytestmark = pytest.mark.both_databases
CODE = re.compile(r"[A-Z][A-Z2-9]{5}")


def tomorrow() -> date:
    """Asked for when it is needed: a run may go on over midnight."""
    return (timezone.now().astimezone(ZONE) + timedelta(days=1)).date()


@pytest.fixture
def config(database) -> SystemConfig:
    row = company()
    start = str(tomorrow() - timedelta(days=7))
    apply_on_call_entries(
        [{"name": "安全值班", "rotation": "daily", "start": start, "staff": ["li", "wang"]}]
    )
    return row


def private_to(staff_id: str) -> list[str]:
    rows = OutboxRow.objects.filter(target__is_group=False, target__staff_id=staff_id).order_by("pk")
    return list(rows.values_list("text", flat=True))


def holder() -> str:
    """Who is on call tomorrow: at noon, since before nine it is still the shift of today."""
    noon = datetime.combine(tomorrow(), time(12), ZONE)
    found = on_call_at(OnCallSchedule.objects.get(), noon).staff
    assert found is not None
    return found.staff_id


def asked(config: SystemConfig, words: str = "我和wang先生换明天") -> ShiftSwap:
    """li asks wang, by words and the own confirmation."""
    (proposed,) = talk(config, ("li", words))
    code = CODE.search(proposed)
    assert code, proposed
    (done,) = talk(config, ("li", f"确认 {code[0]}"))
    assert "班次暂时不变" in done, done
    return ShiftSwap.objects.get()


def test_whose_shift_goes_to_whom_is_shown_before_it_is_confirmed(config):
    """It is wang's shift: li would take it over, and gives none of their own."""
    assert holder() == "wang"
    (proposed,) = talk(config, ("li", "我和wang先生换明天"))
    for words in (
        "由wang先生改为li先生",
        "没有您的班，是wang先生的",
        "换自己的班，请改写您值班的那一天（最近的是",
    ):
        assert words in proposed, proposed
    day = tomorrow() + timedelta(days=1)
    (own,) = talk(config, ("li", f"我和wang先生换{day.month}月{day.day}日"))
    assert "由li先生改为wang先生" in own
    assert "没有您的班" not in own


@pytest.mark.slow
def test_both_agree_in_chat_and_the_rota_changes(config):
    swap, before = asked(config), holder()
    (request,) = private_to("wang")
    assert f"[接受换班 {swap.code}](dtmd:" in request
    assert f"[不换 {swap.code}](dtmd:" in request
    other, agreed, again = talk(
        config, ("sun", f"接受换班 {swap.code}"), ("wang", f"接受换班 {swap.code}"), ("wang", f"接受换班 {swap.code}")
    )  # fmt: skip
    assert "只有被邀请的本人" in other
    assert "已换班" in agreed
    assert "已换班，班次没有改变" in again
    assert {before, holder()} == {"li", "wang"}
    assert any("已换班" in text for text in private_to("li"))
    assert AuditRecord.objects.filter(subject=f"swap:{swap.code}").count() == 2


def test_asker_cannot_accept_and_may_withdraw(config):
    swap = asked(config)
    own, back, late = talk(
        config, ("li", f"接受换班 {swap.code}"), ("li", f"不换 {swap.code}"), ("wang", f"接受换班 {swap.code}")
    )  # fmt: skip
    assert "只有被邀请的本人" in own
    assert "已撤回" in back
    assert "已撤回，班次没有改变" in late
    assert not OnCallOverride.objects.exists()


def test_declined_changes_nothing_and_the_asker_is_told(config):
    swap = asked(config)
    talk(config, ("wang", f"不换 {swap.code}"))
    assert not OnCallOverride.objects.exists()
    assert any("没有换班" in text for text in private_to("li"))


def test_read_only_swaps_nothing(config):
    swap = asked(config)
    switch("read_only")
    (told,) = talk(config, ("wang", f"接受换班 {swap.code}"))
    assert "只读" in told
    assert ShiftSwap.objects.get().state == SwapState.ASKED
    with pytest.raises(ReadOnly):
        swaps.answer(swap.code, "corp", "wang", accepted=False, via="dingtalk")


def test_nobody_answers_and_it_expires_with_word_to_the_asker(config):
    swap = asked(config)
    ShiftSwap.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    (late,) = talk(config, ("wang", f"接受换班 {swap.code}"))
    assert "已过期" in late
    assert swaps.expire() == 1
    assert swaps.expire() == 0
    assert any("没有答复" in text for text in private_to("li"))


def test_rota_that_changed_since_is_not_swapped(config):
    swap = asked(config)
    start = str(tomorrow() - timedelta(days=7))
    apply_on_call_entries([{"name": "安全值班", "rotation": "daily", "start": start, "staff": ["sun"]}])
    (told,) = talk(config, ("wang", f"接受换班 {swap.code}"))
    assert "值班表变了" in told
    assert ShiftSwap.objects.get().state == SwapState.ASKED
    assert not OnCallOverride.objects.exists()


@pytest.mark.parametrize(
    ("name", "days", "said"),
    [("li", 1, "不能和自己换班"), ("sun", 400, "不用换"), ("wang", -5, "不用换")],
)
def test_what_cannot_be_swapped_is_refused(config, name, days, said):
    people = {row.staff_id: row for row in Staff.objects.all()}
    with pytest.raises(InvalidInput, match=said):
        swaps.ask("", people["li"], people[name], [tomorrow() + timedelta(days=days)], "dingtalk")
    assert not ShiftSwap.objects.exists()


def test_quoted_words_accept_nothing(config):
    swap = asked(config)
    (told,) = talk(config, ("wang", f"他说的是接受换班 {swap.code} 吗"))
    assert "已换班" not in told
    assert ShiftSwap.objects.get().state == SwapState.ASKED


def test_an_agreed_swap_is_called_so_and_not_a_substitute(config):
    swap = asked(config)
    talk(config, ("wang", f"接受换班 {swap.code}"))
    rota = swap.schedule
    now = timezone.now()
    found = shifts(rota, now, now + timedelta(days=7))
    assert {each.instead for each in found} == {"", "换班"}
    (told,) = talk(config, ("li", "明天谁值班"))
    assert "（换班）" in told
    for row in OnCallOverride.objects.all():
        assert (row.is_swap, row.what) == (True, "换班")
    plain = OnCallOverride(reason="换班 李四家里有事")
    assert (plain.is_swap, plain.what) == (False, "临时换人")
