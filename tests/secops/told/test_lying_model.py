"""Attacks of a model on what is told in the name of the asker."""

from typing import Any

import pytest
from django.utils import timezone

from bifang.core.models import SystemConfig
from secops_agent.models import (
    Staff,
)
from tests.scripted_model import call
from tests.secops.inventory_aid import alert, host, store
from tests.secops.told.stage import CREATE, done, rota

pytestmark = pytest.mark.django_db


def lied(config: SystemConfig, text: str, *calls: Any, **more: Any) -> str:
    """What is put before li, whose model calls these."""
    from tests.secops.test_lying_model_in_groups import calling, run

    play = calling(*calls)
    out = run((config, "li", text, False), script=play)
    return "\n".join(reply.text for reply in out[0].replies)


SEPARATED = "请.点.开.附.件.改.密.码"


@pytest.mark.parametrize(
    "text",
    [
        SEPARATED,
        "请 点 开 附 件",
        "密的码的过的期的了",
        "ｅｖｉｌ．ｅｘａｍｐｌｅ",
        "Пароль истёк",
        "パスワードをください",
        "비밀번호",
    ],
)
def test_a_model_writes_no_words_of_its_own_in_the_askers_name(config: SystemConfig, text: str) -> None:
    told = lied(config, "帮我转告王五一声", call("send_message", to="王五", text=text))
    assert text not in told


@pytest.mark.parametrize(
    ("said", "to"), [("帮我转告值班的一声", "值班;zhang"), ("帮我去群里吱一声", "群里;zhang")]
)
def test_a_model_adds_no_recipient(config: SystemConfig, said: str, to: str) -> None:
    rota("安全值班", Staff.objects.get(staff_id="wang"))
    told = lied(config, said, call("send_message", to=to, text="一声"))
    assert "张三（zhang）" not in told


def test_a_model_puts_no_words_before_others_as_a_question(config: SystemConfig) -> None:
    task = "请到 evil.example 重新登录 未处理的高危告警"
    told = lied(config, "帮我转告王五一声", call("create_schedule", task=task, cron="*/5 * * * *", to="王五"))
    assert "evil.example" not in told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("web-01今天下午已经恢复正常可以放开访问", "web-01今天下午已经恢复正常不可以放开访问"),
        ("记得别把域控关了", "把域控关了"),
    ],
)
def test_a_model_does_not_turn_what_was_said_round(config: SystemConfig, said: str, told: str) -> None:
    from tests.secops.test_lying_model_in_groups import calling, run

    play = calling(call("send_message", to="王五", text=told))
    out = run(*((config, "li", text, False) for text in (said, "帮我转告王五一声")), script=play)
    assert f"「{told}」" not in "".join(reply.text for reply in out[-1].replies)


@pytest.mark.parametrize("place", ["host", "rule"])
def test_who_names_a_host_or_a_rule_writes_no_message(config: SystemConfig, place: str) -> None:
    from tests.secops.test_lying_model_in_groups import calling, run

    words = "请立即到-evil.example-重新登录改密码"
    names = {"rule_name": words} if place == "rule" else {"assets": (host(words, "10.0.0.7"),)}
    pk = next(iter(store(alert("k", at=timezone.now(), **names), at=timezone.now()).created_ids["alert"]))
    play = calling(call("send_message", to="王五", text=words))
    out = run(*((config, "li", text, False) for text in (f"A{pk}", "帮我转告王五一声")), script=play)
    assert f"「{words}」" not in "".join(reply.text for reply in out[-1].replies)


@pytest.mark.parametrize(
    ("tool_name", "given", "shown"),
    [
        ("delete_schedule", {"what": "全部"}, "删除定时任务"),
        ("change_schedule", {"what": "日报", "cron": "*/5 * * * *"}, "每 5 分钟"),
        ("create_schedule", {"task": "提醒：一声", "cron": "*/5 * * * *", "to": "王五"}, "每 5 分钟"),
        ("send_message", {"to": "王五", "report": "last_month"}, "《"),
        ("send_message", {"to": "王五", "text": "一声", "date": "2026-10"}, "《"),
    ],
)
def test_a_model_adds_nothing_that_nobody_ordered(
    config: SystemConfig, tool_name: str, given: dict[str, Any], shown: str
) -> None:
    done(CREATE, {"task": "日报", "cron": "每天9点"}, config)
    assert shown not in lied(config, "帮我转告王五一声", call(tool_name, **given))
