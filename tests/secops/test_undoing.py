"""撤销 alone: the last act where that is plain, else a question with what can be taken back."""

from collections.abc import Iterator

import pytest
from django.test import override_settings
from django.utils import timezone

from bifang.core.models import SystemConfig
from secops_agent.models import Alert, Proposal, Silence
from tests.secops.decisions_aid import company, some_alert, talk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def without_limits() -> Iterator[None]:
    with override_settings(RATE_LIMITS=False):
        yield


def say(config: SystemConfig, *words: str) -> list[str]:
    place = {"conversation": "cid-private-zhao", "is_group": False}
    return [answer for text in words for answer in talk(config, ("zhao", text), **place)]


def test_the_only_thing_that_was_done_is_undone() -> None:
    config, number = company(), some_alert()
    *_, answer = say(config, f"确认 A{number}", "撤销")
    assert "撤销了" in answer
    assert Alert.objects.get(pk=number).status == "open"


def test_beside_an_open_proposal_it_is_asked_which() -> None:
    config, number = company(), some_alert()
    *_, answer = say(config, "封禁 203.0.113.5 1天", f"确认 A{number}", "撤销")
    assert "要撤销哪一个" in answer
    assert f"撤销 A{number}" in answer
    assert f"取消 {Proposal.objects.get().code}" in answer
    assert Alert.objects.get(pk=number).status == "acknowledged"
    assert Proposal.objects.get().state == "proposed"


def test_what_was_confirmed_as_an_offer_is_undone_and_told() -> None:
    config, number = company(), some_alert()
    *_, answer = say(config, f"A{number} 误报关了吧", "好", "撤销")
    assert f"撤销了「关闭（误报） A{number}」" in answer
    assert Alert.objects.get(pk=number).status == "open"


def test_a_silence_is_taken_back_by_a_line_that_is_told() -> None:
    config, number = company(), some_alert()
    *_, answer = say(config, f"A{number}静默一下 两小时", "好", "撤销")
    assert f"取消静默 A{number}" in answer
    (done,) = say(config, f"取消静默 A{number}")
    assert not Silence.objects.filter(ends_at__gt=timezone.now()).exists(), done
