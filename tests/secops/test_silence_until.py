"""silence_alerts to a moment: it ends then, whenever it is confirmed; and what the chat says of what only a page does."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from bifang.core.errors import BifangError
from secops_agent.models import Asset, Silence
from secops_agent.services.actors import Actor
from secops_agent.services.people.staff import find_person
from secops_agent.tools.arguments import parse
from secops_agent.tools.incidents import silences
from tests.secops.decisions_aid import company, some_alert, talk

pytestmark = pytest.mark.django_db


def asked(**given: Any) -> silences.SilenceAlerts:
    return parse(silences.SilenceAlerts, given)


def said(end: datetime) -> str:
    return f"{timezone.localtime(end):%Y-%m-%d %H:%M}"


def test_a_silence_to_a_moment_ends_then_whenever_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    company()
    code, person = f"A{some_alert()}", find_person("corp", "li")
    end = timezone.now() + timedelta(hours=5)
    plan = silences.check_silence(asked(scope=code, until=said(end)), person)
    assert f"到 {said(end)}" in plan.summary
    assert plan.arguments == {"scope": code, "until": said(end)}
    later = timezone.now() + timedelta(minutes=9)
    with monkeypatch.context() as clock:
        clock.setattr(timezone, "now", lambda: later)
        again = silences.check_silence(asked(**plan.arguments), person)
        assert again.summary == plan.summary, "what was shown is what is done"
        assert person is not None
        silences.silence(asked(**plan.arguments), Actor.person(person, "dingtalk"))
    assert abs(Silence.objects.get().ends_at - end) < timedelta(minutes=1)


def test_a_moment_that_is_over_is_refused() -> None:
    company()
    code = f"A{some_alert()}"
    with pytest.raises(BifangError, match="以后的时间"):
        silences.check_silence(asked(scope=code, until="2020-01-01 08:00"), None)
    with pytest.raises(BifangError, match="看不懂时间"):
        silences.check_silence(asked(scope=code, until="明天八点"), None)


def test_the_chat_says_where_assets_are_joined() -> None:
    config, now = company(), timezone.now()
    for name in ("web-01", "web-02"):
        Asset.objects.create(name=name, asset_type="host", first_seen=now, last_seen=now)
    lines = ("把资产 web-01 合并到 web-02", "合并资产 web-01 和 web-02", "web-01和web-02是同一台，合并一下")
    for answer in talk(config, *(("li", line) for line in lines)):
        assert "「合并到…」" in answer
        assert "没有执行任何操作" in answer
        assert "新建事件" not in answer
