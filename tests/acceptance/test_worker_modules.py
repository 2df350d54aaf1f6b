"""A worker imports no page, no admin and no API, a third of the modules and a fifth of the memory, nor what nobody uses."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.doors import open_feishu
from tests.acceptance.worker import STAFF, open_stage, place
from tests.databases import Templates

APPROVER = {"staff_id": "wangwu", "name": "王五", "role": "approver"}
QUESTIONS = (
    "最近24小时有哪些高危告警", "有多少资产", "CVE-2021-44228 影响哪些资产", "今天谁值班", "日报", "封禁 203.0.113.9",
    "处置手册 勒索", "帮助",
)  # fmt: skip
OF_THE_WEB = re.compile(
    r"(bifang\.urls|bifang\.site|unfold|rest_framework|drf_spectacular"
    r"|redis|opentelemetry|jsonschema|univers|psycopg|(secops_agent|dingtalk_integration|feishu_integration|bifang\.core|bifang\.channels)\.(admin|web|api))(\..+)?"
)
# Django imports these of every installed application, in every process; Unfold's `apps` imports the rest.
OF_THE_REGISTRY = {
    "rest_framework", "rest_framework.apps", "rest_framework.checks", "drf_spectacular", "drf_spectacular.apps",
    "drf_spectacular.checks", "unfold", "unfold.apps", "unfold.contrib", "unfold.contrib.filters", "unfold.contrib.filters.apps",
    "unfold.sites", "unfold.dataclasses", "unfold.enums", "unfold.settings", "unfold.widgets", "unfold.exceptions",
    "unfold.utils",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("opened", [open_stage, open_feishu])
def test_worker_that_answers_imports_nothing_of_the_web(
    templates: Templates, tmp_path: Path, django_db_blocker: Any, opened: Any
) -> None:
    with (
        django_db_blocker.unblock(),
        templates.database("sqlite", tmp_path / "var") as database,
        opened(database) as stage,
    ):
        stage.apply({**stage.robot(), "ai_config": ""}, staff=(*STAFF, APPROVER))
        worker = stage.start(PYTHONPROFILEIMPORTTIME="1")
        for question in QUESTIONS:
            where = place()
            stage.say(question, where)
            stage.answers(where)
        imported = set(re.findall(r"^import time:.*\| +(\S+)$", worker.text, re.M))
    assert {"secops_agent.agent.service", "secops_agent.services.links"} <= imported
    assert sorted(filter(OF_THE_WEB.fullmatch, imported - OF_THE_REGISTRY)) == []
