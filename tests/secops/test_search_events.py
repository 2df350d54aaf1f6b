"""search_events: bounded in rows, characters and time, without secrets, and for nobody who may not read raw events."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from secops_agent.models import Alert
from secops_agent.services.alerts.queries import events
from tests.secops.demo_aid import use
from tests.secops.inventory_aid import alert, host, person, store

pytestmark = pytest.mark.both_databases
PROCESS = "C:\\Windows\\Temp\\挖矿.exe -o pool.example"


@pytest.fixture
def estate(database: Any) -> None:
    for staff_id, role in (("manager01", "admin"), ("lisi", "analyst"), ("zhou", "viewer")):
        person(staff_id, staff_id, role)
    now = timezone.now()
    store(
        alert(
            "a",
            at=now - timedelta(hours=1),
            assets=(host("web-01"),),
            raw={"cmd": PROCESS, "password": "hunter22"},
        ),
        alert(
            "b",
            at=now - timedelta(hours=2),
            assets=(host("db-02"),),
            raw={"log": {"line": f"start {PROCESS.upper()}"}},
        ),
        alert("c", at=now - timedelta(hours=40), assets=(host("web-01"),), raw={"cmd": PROCESS}),
        alert("d", at=now - timedelta(hours=1), raw={"cmd": "ls"}),
    )


def found(**asked: Any) -> list[str]:
    ids = use("search_events", **asked).data
    return [
        str(title)[-1]
        for title in Alert.objects.filter(pk__in=ids).order_by("-last_seen").values_list("title", flat=True)
    ]


def test_a_word_is_found_in_the_events_themselves(estate: None) -> None:
    assert found(keyword="挖矿.EXE") == ["a", "b"]
    assert found(keyword="挖矿.exe", since_hours=48) == ["a", "b", "c"]
    assert found(keyword="挖矿.exe", since_hours=48, asset="web-01") == ["a", "c"]
    assert found(keyword="挖矿.exe", since_hours=48, limit=2) == ["a", "b"]
    result = use("search_events", keyword="pool.example")
    assert "原始事件含=pool.example，时间=最近 24 小时" in result.text
    assert str(Alert.objects.get(title="规则 a").pk) in result.fields
    assert use("search_events", keyword="没有").status == "no_data"


@pytest.mark.parametrize("keyword", [".*", "(a+)+$", "%", "_", "\\", "' OR 1=1 --", "\ud83d"])
def test_a_keyword_is_no_pattern(estate: None, keyword: str) -> None:
    assert use("search_events", keyword=keyword).status in ("no_data", "error") or keyword in ("_", "\\")


def test_secrets_are_neither_shown_nor_found(estate: None) -> None:
    assert "hunter22" not in use("search_events", keyword="pool.example").text
    assert use("search_events", keyword="hunter22").status == "no_data"


def test_only_who_may_read_private_parts_is_told_and_never_a_group(estate: None) -> None:
    """What they are told is the same whether there is any or not."""
    for asker in ({"as_": "zhou"}, {"as_": "zhou", "group": True}, {"as_": "lisi", "group": True}):
        there, not_there = (use("search_events", keyword=word, **asker) for word in ("挖矿", "没有"))  # type: ignore[arg-type]
        assert (there.text, there.status, there.data, there.fields) == (
            not_there.text,
            not_there.status,
            None,
            (),
        )
        assert bool(there.private_text) == (asker["as_"] == "lisi")
    with CaptureQueriesContext(connection) as asked:
        use("search_events", keyword="挖矿", as_="zhou")
    assert not any("alertpayload" in each["sql"] for each in asked)


def test_the_bounds_hold_and_are_told(estate: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert use("search_events", keyword="x", since_hours=721).status == "error"
    for name, value in (("MOST_EVENTS", 1), ("MOST_CHARACTERS", 10), ("SECONDS", 0.0)):
        with monkeypatch.context() as patch:
            patch.setattr(events, name, value)
            result = use("search_events", keyword="ls")
            assert "没有看完" in result.text, name
            assert result.status == "no_data" or name != "SECONDS"
