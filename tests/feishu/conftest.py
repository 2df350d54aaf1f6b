"""Clicks in tests are decided in their answer, however busy the machine is; a test of lateness says so itself."""

import pytest

from feishu_integration.handlers import cards
from tests.deadline import GRACE_S


@pytest.fixture(autouse=True)
def _patience_with_clicks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "DECIDE_WITHIN_S", GRACE_S)
