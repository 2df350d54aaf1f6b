"""``manage.py ask TEXT --as STAFF_ID``: ask the agent from a terminal, as someone, without a chat."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from bifang.core.command import OperatorCommand
from bifang.core.database import db
from bifang.core.models import SystemConfig
from secops_agent.agent.trial import Dialog, Trial, Tried, read_dialogs
from secops_agent.config import MODEL_KINDS
from secops_agent.services.people.staff import Person, find_person

_AT_ONCE: Final = 2  # lines asked of a real model at the same time: a small one serves them one by one
_OFFLINE: Final = "offline"


class Command(OperatorCommand):
    """Stores nothing: memory stays empty and actions are only shown as proposals."""

    help = "以某位人员的身份向毕方提问；不保存任何内容，操作只给出提议"

    def add_arguments(self, parser: CommandParser) -> None:
        """A sentence or a file of sentences, and who asks."""
        parser.add_argument("text", metavar="TEXT", nargs="?", default="", help="要问的话")
        parser.add_argument(
            "--as", dest="staff_id", metavar="STAFF_ID", required=True, help="提问者的员工 ID"
        )
        parser.add_argument(
            "--ai",
            default=_OFFLINE,
            metavar="NAME",
            help="模型配置的名称（有同名的写 类型/名称）；默认 offline（不使用大模型）",
        )
        parser.add_argument("--batch", metavar="FILE", help="每行一句话的文件，- 表示标准输入；每句各自独立")
        parser.add_argument(
            "--dialog",
            metavar="FILE",
            help='每行一段对话 {"id": …, "turns": ["…", …]} 的文件，- 表示标准输入；一段对话里记得前面说过的',
        )
        parser.add_argument(
            "--offers",
            choices=("off", "write", "all"),
            default="all",
            help="模型可以列出的操作，如聊天配置的 model_offers（默认 all，因为什么都不会执行）",
        )
        parser.add_argument("--json", action="store_true", help="每句输出一行 JSON")
        parser.add_argument("--group", action="store_true", help="按群聊回答（不显示个人信息）")

    def handle(self, *args: Any, **options: Any) -> None:
        """One line out for each sentence in."""
        if options["dialog"] is not None:
            return self._hold_dialogs(options)
        lines = _lines(options["text"], options["batch"])
        person = _person(options["staff_id"])
        trial_options = _options(options)
        try:
            asyncio.run(self._ask_all(lines, person, trial_options, as_json=options["json"]))
        finally:
            db.shut_down()

    def _hold_dialogs(self, options: dict[str, Any]) -> None:
        """A line out for each turn, with its place."""
        if options["text"].strip() or options["batch"] is not None:
            raise CommandError("--dialog 不能与要问的话或 --batch 一起用。")
        try:
            dialogs = read_dialogs(_read(options["dialog"]).split("\n"))
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(
                f'无法读懂 {options["dialog"]}：{error}。每行应为 {{"id": …, "turns": ["…"]}}。'
            ) from None
        person = _person(options["staff_id"])
        given = _options(options)
        try:
            asyncio.run(self._hold_all(dialogs, person, given, as_json=options["json"]))
        finally:
            db.shut_down()

    async def _hold_all(
        self, dialogs: list[tuple[Any, list[str]]], person: Person, options: dict[str, Any], *, as_json: bool
    ) -> None:
        trial = Trial(person, **options)
        try:
            for name, turns in dialogs:
                dialog = Dialog()
                for i, text in enumerate(turns, 1):
                    tried, dialog = await trial.turn(dialog, text)
                    self.stdout.write(tried.as_line(id=name, turn=i) if as_json else _shown(tried, True))
        finally:
            await trial.close()

    async def _ask_all(
        self, lines: list[str], person: Person, options: dict[str, Any], *, as_json: bool
    ) -> None:
        trial = Trial(person, **options)
        try:
            async for tried in _in_order(trial, lines, 1 if options["ai_config_id"] is None else _AT_ONCE):
                self.stdout.write(tried.as_line() if as_json else _shown(tried, len(lines) > 1))
        finally:
            await trial.close()


async def _in_order(trial: Trial, lines: Iterable[str], at_once: int) -> AsyncIterator[Tried]:
    """The answers in the order of the lines, ``at_once`` of them asked at the same time."""
    room = asyncio.Semaphore(at_once)

    async def ask(line: str) -> Tried:
        async with room:
            return await trial.ask(line)

    for job in [asyncio.ensure_future(ask(line)) for line in lines]:
        yield await job


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """For the `Trial`. Raises CommandError."""
    return {
        "ai_config_id": _ai_config(given["ai"]), "is_group": given["group"], "model_offers": given["offers"],
    }  # fmt: skip


def _lines(text: str, batch: str | None) -> list[str]:
    """What to ask. Raises CommandError."""
    if bool(text.strip()) == (batch is not None):
        raise CommandError("请给出要问的话，或用 --batch 文件 逐行提问（二选一）。")
    if batch is None:
        return [text]
    return [line.strip() for line in _read(batch).split("\n") if line.strip()]


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"无法读取 {name}：{error}。应为 UTF-8 文本，每行一句。") from None


def _person(staff_id: str) -> Person:
    person = find_person("", staff_id)
    if person is None:
        raise CommandError(
            f"没有员工 ID 为「{staff_id}」的在职人员：请先在「人员」中添加，或用 apply_configs 导入。"
        )
    return person


def _ai_config(name: str) -> int | None:
    """The id of a model's configuration; None for offline. Raises CommandError."""
    if name == _OFFLINE:
        return None
    enabled = SystemConfig.objects.current().filter(kind__in=MODEL_KINDS, enabled=True).order_by("id")
    (kind, _, named) = name.partition("/")
    found = list(enabled.filter(kind=kind, name=named) or enabled.filter(name=name))
    if len(found) != 1:
        known = "、".join(f"{row.kind}/{row.name}" for row in enabled) or "（一个也没有）"
        what = f"有几个叫「{name}」的模型配置" if found else f"没有启用的模型配置「{name}」"
        raise CommandError(f"{what}。可用的：{known}；不使用大模型写 offline。")
    return found[0].pk


def _shown(tried: Tried, several: bool) -> str:
    called = (
        f"[{tried.tool} {json.dumps(tried.arguments, ensure_ascii=False)} → {tried.status}]\n"
        if tried.tool
        else ""
    )
    return f"〉{tried.text}\n{called}{tried.answer}\n" if several else f"{called}{tried.answer}"
