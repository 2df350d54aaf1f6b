"""What people do to alerts from the list and the page: to which ones, with what said, and taking it back."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.models import Switch
from bifang.core.rights import AUDITOR
from secops_agent.models import Alert, AuditRecord, Case, History, Role, Silence, Staff, TriageBatch
from secops_agent.services.alerts import batches, triage
from secops_agent.services.cases import orders
from secops_agent.services.notifications.delivery.events import DEEDS
from tests.admin_pages import member, messages_of, serve_plain_static, text_of
from tests.secops.decisions_aid import robot
from tests.secops.inventory_aid import ACTOR, alert, person, store

from .desk import arrived, at_desk, do

pytestmark = pytest.mark.django_db
STATE = (
    "status", "verdict", "assignee", "acknowledged_at", "closed_at", "closed_by", "closed_count", "closed_by_source", "closed_via",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def states() -> list[tuple[Any, ...]]:
    return list(Alert.objects.order_by("pk").values_list(*STATE))


def undo(client: Client, batch: TriageBatch | None = None, **values: Any) -> Any:
    last = batch or TriageBatch.objects.latest("pk")
    return client.post(reverse("web:alert_undo"), {"batch": last.pk, "list": "tab=all"} | values, follow=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "values", "told", "column", "value"),
    [
        ("acknowledge", {}, "已确认 3 条告警", "status", "acknowledged"),
        ("close:benign", {"note": ["", "发布"]}, "已关闭（正常行为） 3 条告警", "verdict", "benign"),
        ("assign", {"person": "me"}, "已指派给人员lisi 3 条告警", "assignee__name", "人员lisi"),
    ],
)
@pytest.mark.both_databases
def test_many_are_changed_at_once_and_put_back_exactly(
    act: str, values: Any, told: str, column: str, value: str
) -> None:
    client, rows = at_desk(Role.ANALYST), arrived("a", "b", "c")
    triage.assign(rows[0].pk, person("wangwu", "王五"), ACTOR)
    before = states()
    page = do(client, act, *rows, **values)
    assert told in text_of(page)
    assert set(Alert.objects.values_list(column, flat=True)) == {value} or column == "assignee__name"
    assert "共 3 条恢复原样" in messages_of(undo(client))
    assert states() == before
    actions = History.objects.filter(entity="alert", via="admin").values_list("action", "actor_name")
    assert set(actions) == {(act.partition(":")[0], "人员lisi"), ("undo", "人员lisi")}
    assert AuditRecord.objects.filter(what__contains="撤销").count() == 3
    assert "不能再撤销" in messages_of(undo(client))
    assert states() == before


@pytest.mark.slow
@pytest.mark.parametrize("act", ["severity", "nothing", "close:grave", ""])
def test_what_no_button_sends_changes_nothing_and_is_told(act: str) -> None:
    client, rows = at_desk(Role.ANALYST), arrived("a")
    before = states()
    page = do(client, act, *rows)
    assert page.status_code == 200
    assert messages_of(page)
    assert states() == before


def test_reopening_can_be_taken_back_and_messages_know_the_word() -> None:
    client, (row,) = at_desk(Role.ANALYST), arrived("a")
    triage.close(row.pk, "true_positive", ACTOR, "是攻击")
    before = states()
    do(client, "reopen", row)
    assert Alert.objects.get().status == "open"
    undo(client)
    assert states() == before
    assert "undo" in DEEDS


def test_undo_stands_beside_another_alert_only_while_it_is_new() -> None:
    client, (done, other) = at_desk(Role.ANALYST), arrived("a", "b")
    do(client, "close:benign", done)
    pages = {row.pk: reverse("web:alert", args=[row.pk]) for row in (done, other)}
    assert 'id="undo"' in client.get(pages[other.pk]).content.decode(), "the next one is opened at once"
    TriageBatch.objects.update(at=timezone.now() - timedelta(minutes=2))
    assert 'id="undo"' in client.get(pages[done.pk]).content.decode()
    assert 'id="undo"' not in client.get(pages[other.pk]).content.decode()


def test_undoing_leaves_what_somebody_has_touched_since() -> None:
    client, rows = at_desk(Role.ANALYST), arrived("a", "b", "c")
    do(client, "close:false_positive", *rows, note="扫描")
    triage.reopen(rows[1].pk, ACTOR)
    Alert.objects.filter(pk=rows[2].pk).update(closed_at=timezone.now())
    said = messages_of(undo(client))
    assert f"A{rows[0].pk} 共 1 条恢复原样" in said
    assert "2 条没有撤销：告警之后又被改过" in said
    assert [row[0] for row in states()] == ["open", "open", "closed"]


@pytest.mark.slow
def test_only_the_person_who_did_it_takes_it_back_and_only_for_a_while() -> None:
    client, other, (row,) = at_desk(Role.ANALYST), at_desk(Role.ADMIN, "boss"), arrived("a")
    do(client, "acknowledge", row)
    assert 'id="undo"' in client.get(reverse("web:alerts")).content.decode()
    assert 'id="undo"' not in other.get(reverse("web:alerts")).content.decode()
    assert "只能撤销自己刚做的" in messages_of(undo(other))
    assert Alert.objects.get().status == "acknowledged"
    TriageBatch.objects.update(at=timezone.now() - batches.UNDO_FOR - timedelta(seconds=1))
    assert 'id="undo"' not in client.get(reverse("web:alerts")).content.decode()
    assert "不能再撤销" in messages_of(undo(client))
    assert Alert.objects.get().status == "acknowledged"
    do(client, "close:benign", row)
    assert TriageBatch.objects.count() == 1, "what cannot be undone any more is not kept"


@pytest.mark.slow
def test_person_who_left_is_not_given_an_alert_by_undoing() -> None:
    client, (row,) = at_desk(Role.ANALYST), arrived("a")
    gone = person("wangwu", "王五")
    triage.assign(row.pk, gone, ACTOR)
    do(client, "assign", row, person="me")
    gone.delete()
    undo(client)
    assert Alert.objects.get().assignee is None


@pytest.mark.slow
def test_what_could_not_be_done_is_told_with_its_reason() -> None:
    client, rows = at_desk(Role.ANALYST), arrived("a", "b", "c")
    triage.close(rows[0].pk, "benign", ACTOR)
    page = do(client, "acknowledge", *rows)
    assert "已确认 2 条告警" in text_of(page)
    assert "1 条没有确认：告警现在是「已关闭」，不能这样做。" in messages_of(page)
    assert "没有确认" in messages_of(do(client, "acknowledge", *rows))
    for act, values, reason in (
        ("close:benign", {}, "请写明原因"), ("close:", {"note": "x"}, "请选择结论"), ("close:worst", {"note": "x"}, "请选择结论"),
        ("assign", {}, "请先选择处理人"), ("assign", {"person": "999"}, "请先选择处理人"), ("delete", {}, "没有这个操作"),
        ("acknowledge", {"ids": []}, "没有选中任何一条"), ("acknowledge", {"ids": ["x", "-1", "9" * 30]}, "没有选中任何一条"),
        ("comment", {"one": rows[0].pk}, "备注不能为空"),
        ("acknowledge", {"one": 2**62}, "没有这个编号的告警"),
    ):  # fmt: skip
        before = states()
        assert reason in messages_of(do(client, act, *rows, **values)), (act, values)
        assert states() == before


def test_all_that_match_are_those_that_stood_in_the_list() -> None:
    client = at_desk(Role.ANALYST)
    arrived("a", "b", severity="low")
    arrived("c", severity="critical")
    mark = client.get(reverse("web:alerts")).context["mark"]
    arrived("d", severity="low")
    do(client, "close:benign", list="severity=low&tab=all", all="1", mark=mark, note="噪声")
    assert [row[0] for row in states()] == ["closed", "closed", "open", "open"]
    assert "共 2 条恢复原样" in messages_of(undo(client))


def test_all_that_match_may_not_be_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secops_agent.services.alerts.batches.MOST", 2)
    client, rows = at_desk(Role.ANALYST), arrived("a", "b", "c")
    for said in (do(client, "acknowledge", all="1", mark=rows[-1].pk), do(client, "acknowledge", *rows)):
        assert "一次最多处理" in messages_of(said)
    assert {row[0] for row in states()} == {"open"}


POSTS = ("alert_act", "alert_undo", "alert_silence", "alert_propose")


def test_those_who_only_read_change_nothing() -> None:
    (row,) = arrived("a")
    values = {"act": "acknowledge", "one": row.pk, "here": row.pk, "minutes": "60", "tool": "isolate_host", "asset": "web-01", "batch": "1"}  # fmt: skip
    for client in (at_desk(Role.VIEWER), member(AUDITOR)):
        for name in POSTS:
            assert client.post(reverse(f"web:{name}"), values).status_code == 403, name
    analyst = at_desk(Role.ANALYST, "wu")
    for name in (*POSTS, "saved_view", "saved_view_delete"):
        assert Client().post(reverse(f"web:{name}"), values).url.startswith("/admin/login/")
        assert analyst.get(reverse(f"web:{name}")).status_code == 405
    assert Alert.objects.get().status == "open"
    assert not Silence.objects.exists()


def test_forms_of_other_sites_are_refused() -> None:
    (row,) = arrived("a")
    client = Client(enforce_csrf_checks=True)
    at_desk(Role.ANALYST)
    client.force_login(Staff.objects.get().user)
    for name in (*POSTS, "saved_view", "saved_view_delete"):
        assert client.post(reverse(f"web:{name}"), {"act": "acknowledge", "one": row.pk}).status_code == 403
    assert Alert.objects.get().status == "open"


def test_where_one_goes_next_is_never_another_site() -> None:
    (row,) = arrived("a")
    client = at_desk(Role.ANALYST)
    for odd in ("//evil.example", "https://evil.example/", "tab=all&next=//evil.example"):
        posted = {"act": "acknowledge", "one": row.pk, "list": odd}
        assert client.post(reverse("web:alert_act"), posted).status_code == 400
    answer = client.post(
        reverse("web:alert_act"), {"act": "acknowledge", "one": row.pk, "here": "//evil.example"}
    )
    assert answer.url.startswith("/alerts/?")
    assert client.post(reverse("web:alert_act"), {"list": "q=" + "x" * 3000}).status_code == 400


def test_read_only_mode_stops_acts() -> None:
    (row,) = arrived("a")
    client = at_desk(Role.ANALYST)
    do(client, "acknowledge", row)
    Switch.objects.update_or_create(name="read_only", defaults={"on": True})
    before = states()
    for answer in (do(client, "close:benign", row), do(client, "comment", row, note="x"), undo(client)):
        assert "只读模式" in messages_of(answer)
    assert states() == before


def test_login_without_a_person_acts_but_is_assigned_nothing() -> None:
    (row,) = arrived("a")
    client = member(Role.ADMIN)
    Staff.objects.all().delete()
    root = Client()
    from django.contrib.auth.models import User

    root.force_login(User.objects.create_superuser("root"))
    assert "没有对应的「人员」" in messages_of(do(root, "assign", row, person="me"))
    do(root, "acknowledge", row)
    assert (Alert.objects.get().status, Alert.objects.get().assignee) == ("acknowledged", None)
    assert client.get(reverse("web:alerts")).status_code == 302, "who is nobody any more sees nothing"


def test_a_note_is_cut_and_stays_a_note() -> None:
    client, (row,) = at_desk(Role.ANALYST), arrived("a")
    before = states()
    do(client, "comment", one=row.pk, here=row.pk, note="看" * 5000)
    newest = History.objects.latest("pk")
    assert (newest.action, len(newest.note), newest.changes) == ("comment", 2000, {})
    assert states() == before
    assert not TriageBatch.objects.exists()


def test_undoing_a_close_is_told_where_the_close_was_told() -> None:
    """A rule about reopened alerts hears of it, as of any other."""
    client, (row,) = at_desk(Role.ANALYST), arrived("a")
    do(client, "close:benign", row)
    store(alert("b"))
    undo(client)
    assert Alert.objects.get(pk=row.pk).status == "open"
    assert History.objects.filter(entity_id=row.pk, action="undo").get().changes["status"] == [
        "closed",
        "open",
    ]


def test_what_closing_leaves_open_is_told_before_a_verdict_is_chosen() -> None:
    client = at_desk(Role.ANALYST)
    first, second, alone = arrived("a", "b", "c")
    orders.create([first.pk, second.pk], ACTOR, "被入侵")
    ask = reverse("web:alert_cases")

    def told(*rows: Alert) -> str:
        named = "、".join(f"A{each.pk}" for each in rows)
        return f"其中属于进行中的事件的：E{Case.objects.get().pk}（{named}）。关闭告警，事件仍然开着。"

    for chosen, some in (
        ({"ids": [first.pk, alone.pk]}, (first,)),
        ({"one": second.pk}, (second,)),
        ({"all": "1", "list": "tab=all", "mark": alone.pk}, (first, second)),
    ):
        answer = client.post(ask, chosen)
        assert answer.content.decode() == told(*some), chosen
        assert answer.get("X-Spares") == (None if "one" in chosen else str(len(some)))
    assert client.post(ask, {"ids": [alone.pk]}).content == b""
    Alert.objects.filter(pk__in=[second.pk, alone.pk]).update(assignee=person("zhao", "赵六"))
    Alert.objects.filter(pk=first.pk).update(assignee=Staff.objects.get(staff_id="lisi"))
    both = client.post(ask, {"ids": [first.pk, second.pk, alone.pk]}).content.decode()
    assert both == f"其中 赵六 2 条 正在处理。{told(first, second)}"
    given = client.post(f"{ask}?closes=0", {"ids": [first.pk, second.pk]}).content.decode()
    assert given == "其中 赵六 1 条 正在处理。", "whom they are taken from, where they are given to somebody"
    assert client.get(reverse("web:alerts")).content.decode().count(f'data-asks="{ask}') == 2
    Alert.objects.update(assignee=None)
    assert ask in client.get(reverse("web:alerts")).content.decode()
    assert at_desk(Role.VIEWER, "wang").post(ask, {"one": first.pk}).status_code == 403
    assert states().count(states()[0]) == 3, "asking changes nothing"


def test_those_of_open_cases_are_left_out_where_that_is_chosen() -> None:
    client = at_desk(Role.ANALYST)
    first, second, alone = arrived("a", "b", "c")
    orders.create([first.pk, second.pk], ACTOR, "被入侵")
    chosen = {"act": "close:benign", "note": "演练", "spare": "1"}
    said = client.post(reverse("web:alert_act"), chosen | {"ids": [first.pk]}, follow=True).content.decode()
    assert "都属于进行中的事件，没有关闭" in said
    client.post(reverse("web:alert_act"), chosen | {"ids": [first.pk, second.pk, alone.pk]})
    closed = Alert.objects.filter(status="closed")
    assert list(closed) == [alone]


def test_whose_alerts_others_closed_hears_of_it_once() -> None:
    robot("", "dingtalk")
    client, rows = at_desk(Role.ANALYST), arrived("a", "b", "c", "d")
    li, zhao = person("lisi2", "李四"), person("zhaoliu", "赵六")
    for row, owner in zip(rows, (li, li, zhao, None), strict=True):
        if owner:
            triage.assign(row.pk, owner, ACTOR)
    do(client, "close:benign", *rows, note=["", "发布"])
    (told,) = OutboxRow.objects.filter(target__staff_id="lisi2")
    codes = "、".join(f"A{row.pk}" for row in rows[:2])
    assert told.text == f"**人员lisi** 已关闭（正常行为）您名下的 2 条告警：{codes}。\n\n原因：发布"
    assert not OutboxRow.objects.filter(target__staff_id__in=("zhaoliu", "lisi")).exists(), (
        "one alert tells of itself"
    )


def test_a_noisy_rule_is_silenced_where_it_is_listed() -> None:
    client = at_desk(Role.ANALYST)
    arrived(*(f"n{number}" for number in range(12)), rule_name="端口扫描")
    Alert.objects.update(
        status="closed", verdict="false_positive", first_seen=timezone.now() - timedelta(hours=3)
    )
    risks = client.get(reverse("web:home"), {"part": "risks"}).content.decode()
    assert "近 24 小时新增 12 条，近 7 天新增 12 条" in risks
    html = client.get(reverse("web:home")).content.decode()
    assert 'id="silence-rule"' in html
    assert '<output id="silence-rule-past">' in html, "a statement, no box to fill in"
    posted = {"rule": "端口扫描", "minutes": "120", "next": reverse("web:home")}
    done = client.post(reverse("web:rule_silence"), posted, follow=True)
    made = Silence.objects.get()
    assert (made.scope, made.value) == ("rule", "端口扫描")
    assert "过去 2 小时里发生过这样的告警 12 条" in messages_of(done)
    week = client.post(reverse("web:rule_silence"), posted | {"minutes": "10080"}, follow=True)
    assert "需要「审批」角色" in messages_of(week)
    assert at_desk(Role.VIEWER, "looker").post(reverse("web:rule_silence"), posted).status_code == 403
    assert Silence.objects.count() == 1
