"""``manage.py apply_configs FILE``: configurations and staff from a YAML file, idempotent and atomic."""

import sys
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from bifang.core.errors import BifangError
from bifang.core.sections import apply_sections


class Command(BaseCommand):
    """Prints ``id<TAB>kind<TAB>name`` for each configuration."""

    help = "从 YAML 文件写入配置与人员：可重复执行、要么全部成功要么不变；「-」表示标准输入"

    def add_arguments(self, parser: CommandParser) -> None:
        """The file."""
        parser.add_argument("file", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, check, apply."""
        document = _parse(options["file"], _read(options["file"]))
        try:
            with transaction.atomic():
                lines = apply_sections(document or {})
        except BifangError as error:
            raise CommandError(f"{options['file']}：{error.message} 没有写入任何内容。") from None
        for line in lines:
            self.stdout.write(line)


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"读不到文件 {name}：{error.strerror}。") from None
    except UnicodeDecodeError:
        raise CommandError(f"文件 {name} 不是 UTF-8 编码，请另存为 UTF-8。") from None


class _StrictLoader(yaml.SafeLoader):
    """A key given twice is a mistake, not a choice."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.MarkedYAMLError(problem=f"键「{key}」写了两次", problem_mark=key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _parse(name: str, text: str) -> Any:
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"第 {mark.line + 1} 行" if mark else ""
        raise CommandError(f"{name} {place}不是合法的 YAML：{error.problem}。没有写入任何内容。") from None
    except yaml.YAMLError as error:
        raise CommandError(f"{name} 不是合法的 YAML：{error}。没有写入任何内容。") from None
