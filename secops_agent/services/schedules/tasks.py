"""Kinds of scheduled tasks: one declaration each; the functions that do them stand above the services and are named here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Protocol, cast

from django.utils.module_loading import import_string

from bifang.channels.ports import FileToSend
from bifang.core.errors import InvalidInput
from secops_agent.models.automation.schedule import REMINDER
from secops_agent.services.people.staff import Person

LONGEST_QUESTION: Final = 200
REPORTS: Final = {"daily": "日报", "weekly": "周报", "monthly": "月报"}
QUESTION: Final = "question"
ATTACHMENTS: Final = {
    "": "不附文件",
    "pdf": "PDF",
    "png": "图片（概要）",
    "markdown": "Markdown",
    "csv": "CSV",
}


@dataclass(frozen=True, slots=True)
class TaskOrder:
    """One run: for whom it reads, whether others than they will read the result, and as what file it is wanted too."""

    arguments: Mapping[str, Any]
    reader: Person
    shared: bool
    now: datetime
    attachment: str = ""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """``text`` is DingTalk markdown to be sent, "" for nothing; ``note`` one line for the history."""

    text: str
    note: str
    file: FileToSend | None = None


class TaskWork(Protocol):
    """What a task does. Runs in a task process; whatever it writes, it can be run again."""

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raises InvalidInput for what could not be done."""
        ...

    def run(self, order: TaskOrder) -> TaskResult:
        """Do it. Raises BifangError; what is not permanent is tried again."""
        ...


@dataclass(frozen=True)
class TaskKind:
    """``words`` matches the texts that mean it. ``told``: without a destination it would be for nothing."""

    name: str
    title: str
    words: str
    place: str
    told: bool = True

    @cached_property
    def work(self) -> TaskWork:
        """Who does it."""
        return cast("TaskWork", import_string(self.place))


TASKS: Final[tuple[TaskKind, ...]] = (
    TaskKind(
        "report", "安全报告", "(?:安全)?(?:日报|周报|月报)", "secops_agent.tasks.reports.REPORT"
    ),
    TaskKind(
        "feeds", "更新漏洞情报", "(?:更新|同步|下载)?(?:漏洞)?情报(?:更新|同步)?", "secops_agent.tasks.feeds.FEEDS", told=False
    ),
    TaskKind(
        "match", "重新比对组件与漏洞", "(?:重新)?(?:比对|匹配)(?:组件与漏洞|组件|SBOM)?|SBOM ?(?:重新)?(?:比对|匹配)",
        "secops_agent.tasks.matching.MATCH", told=False,
    ),
    TaskKind(
        REMINDER, "提醒", "提醒[:：].+", "secops_agent.tasks.questions.REMINDER"
    ),
    TaskKind(QUESTION, "查询", "", "secops_agent.tasks.questions.QUESTION"),
)  # fmt: skip
BY_NAME: Final = {kind.name: kind for kind in TASKS}


def read_task(text: str) -> tuple[TaskKind, dict[str, str]]:
    """The task that a text means, with its arguments: one by name, else a question. Raises InvalidInput."""
    plain = " ".join(text.split())
    if not plain or len(plain) > LONGEST_QUESTION:
        raise InvalidInput(
            f"请写明要做什么，最多 {LONGEST_QUESTION} 个字，例如 日报、未处理的高危告警、更新漏洞情报。"
        )
    kind = kind_meant(plain)
    arguments = _arguments(kind, plain)
    kind.work.check(arguments)
    return kind, arguments


def kind_meant(text: str) -> TaskKind:
    """One whose words a text is, else a question."""
    named = (each for each in TASKS if each.words and re.fullmatch(each.words, text.strip(), re.IGNORECASE))
    return next(named, BY_NAME[QUESTION])


def _arguments(kind: TaskKind, plain: str) -> dict[str, str]:
    if kind.name == "report":
        return {"period": next(name for name, word in REPORTS.items() if word in plain)}
    return {"text": plain} if kind.name in (QUESTION, REMINDER) else {}


def title_of(task: str, arguments: Mapping[str, Any]) -> str:
    """日报, 未处理的高危告警, 更新漏洞情报: what it is called, and what `read_task` reads again."""
    return REPORTS.get(str(arguments.get("period"))) or str(arguments.get("text") or BY_NAME[task].title)
