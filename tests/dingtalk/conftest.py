"""Clicks are decided, and calls noted, before they are answered, however busy the machine is. A test of lateness says
so itself."""

import pytest

from dingtalk_integration.handlers import cards
from dingtalk_integration.webhook import views
from tests.deadline import GRACE_S


@pytest.fixture(autouse=True)
def _patience_with_clicks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "DECIDE_WITHIN_S", GRACE_S)
    monkeypatch.setattr(views, "STORE_WITHIN_S", GRACE_S)
    monkeypatch.setattr(views, "WAIT_S", GRACE_S)
