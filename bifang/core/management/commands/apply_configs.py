"""``manage.py apply_configs FILE``: configurations and staff from a YAML file, idempotent and atomic."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from bifang.core.command import OperatorCommand
from bifang.core.configuration.documents import read_yaml
from bifang.core.configuration.sections import apply_sections
from bifang.core.errors import BifangError


class Command(OperatorCommand):
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


def _parse(name: str, text: str) -> Any:
    try:
        return read_yaml(text)
    except BifangError as error:
        raise CommandError(f"{name} {error.message}没有写入任何内容。") from None
