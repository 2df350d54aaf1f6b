"""What a failed run of chaos leaves behind."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from bifang.channels.models import InboxRow
from bifang.core.configuration import configs
from tests.chaos import findings
from tests.chaos.load import Asked, Load


@pytest.mark.slow
def test_rows_concerned_and_last_lines_are_kept(database: Any, tmp_path: Path) -> None:
    config, _ = configs.save("qwen", "模型", True, {"api_key": "k", "model": "qwen-plus"})
    given = {
        "config": config,
        "kind": "chat",
        "order_key": "k",
        "received_at": timezone.now(),
        "state": "done",
    }
    for name in ("回答了", "没有回答"):
        InboxRow.objects.create(external_id=name, text="长" * 5000, **given)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "bifang.log").write_text("".join(f"第 {number} 行\n" for number in range(10_000)))
    stage = SimpleNamespace(replies=lambda: [{"msg_id": "回答了", "at": 1.0}])
    house: Any = SimpleNamespace(home=tmp_path, ding=stage, feishu=SimpleNamespace(replies=list))
    load = Load(house, titles=["丢了的告警"])
    load.asked["钉钉"] = [Asked("回答了", "c", 0.0), Asked("没有回答", "c", 1.0)]
    place = findings.keep(house, load, [("钉钉：没有回答的", "1 / 2", False)])
    (row,) = [json.loads(line) for line in (place / "inbox.jsonl").read_text().splitlines()]
    assert row["external_id"] == "没有回答"
    assert len(row["text"]) == findings.WIDTH
    lines = (place / "logs_bifang.log").read_text().splitlines()
    assert (len(lines), lines[-1]) == (findings.LINES, "第 9999 行")
    assert "丢了的告警" in (place / "lost.txt").read_text()
    assert (place / "verdict.txt").read_text() == "✗ 钉钉：没有回答的：1 / 2\n"
