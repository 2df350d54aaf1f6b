"""``manage.py http_tools``: files for apply_configs, of known devices and of OpenAPI documents."""

from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import CommandError, CommandParser

from bifang.core.command import OperatorCommand
from bifang.core.errors import BifangError
from secops_agent.connectors.http_tools.drafts import draft_from_openapi, preset_names, read_preset

NEXT = "# 草稿：GET 列为 read，其余列为 dangerous 并关闭（enabled: false）。只留要用的，写上令牌和 success，再执行 apply_configs。\n"


class Command(OperatorCommand):
    """Writes to standard output; changes nothing."""

    help = "HTTP 工具的 YAML：presets 列出现成的，preset 名称 输出一个，from-openapi 文件 按 OpenAPI 写草稿"

    def add_arguments(self, parser: CommandParser) -> None:
        """What to write."""
        parser.add_argument("act", choices=["presets", "preset", "from-openapi"])
        parser.add_argument("what", nargs="?", default="", help="现成的名称，或 OpenAPI 文件")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it."""
        act, what = options["act"], options["what"]
        try:
            if act == "presets":
                self.stdout.write("\n".join(preset_names()))
            elif act == "preset":
                self.stdout.write(read_preset(what))
            else:
                draft = draft_from_openapi(Path(what).read_text("utf-8"))
                self.stdout.write(
                    NEXT + yaml.safe_dump(draft, allow_unicode=True, sort_keys=False, width=120)
                )
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"读不了 {what}：{error}") from None
        except BifangError as error:
            raise CommandError(error.message) from None
