"""``manage.py load_warning_lists``: MISP's warning lists as a list of what must never be blocked."""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from bifang.core.command import OperatorCommand
from secops_agent.models import IndicatorList
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.intelligence import lists
from secops_agent.services.records import ListedRecord, Rejected
from secops_agent.services.records.indicators import Unusable, read

NAME: Final = "MISP 警告清单"
# Public services; not the clouds, which attacks come from.
USUAL: Final = (
    "public-dns-v4", "public-dns-v6", "cloudflare", "akamai", "fastly", "googlebot", "microsoft-office365-ip", "microsoft-office365-cn",
)  # fmt: skip


class Command(OperatorCommand):
    """Optional data: from the package ``pymispwarninglists``, or from a copy of MISP/misp-warninglists."""

    help = "载入 MISP 的 warning lists（公共 DNS、CDN……），里面的地址永不封禁；可重复执行"

    def add_arguments(self, parser: CommandParser) -> None:
        """Which, and where they are."""
        parser.add_argument(
            "--list", action="append", metavar="NAME", help="载入哪一份，可重复；默认常用的几份"
        )
        parser.add_argument(
            "--folder", type=Path, metavar="DIR", help="misp-warninglists 的目录；默认取自 pymispwarninglists"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, and tell the number."""
        folder, names = options["folder"] or _packaged(), options["list"] or USUAL
        actor = Actor.system("import:load_warning_lists")
        if not IndicatorList.objects.filter(name=NAME).exists():
            row = IndicatorList(name=NAME, origin="MISP warning lists", default_days=None, protects=True)
            lists.save(row, ["name", "protects"], actor)
        found = [
            each for name in names for each in _entries(folder / "lists" / Path(name).name / "list.json")
        ]
        done = ingest.store(found, actor, announce=False)
        refused = f"，{len(done.rejected)} 条不能用" if done.rejected else ""
        self.stdout.write(f"「{NAME}」：新增 {len(done.created_ids.get('indicator', ()))} 条{refused}。")


def _packaged() -> Path:
    spec = find_spec("pymispwarninglists")
    if spec is None or spec.origin is None:
        raise CommandError(
            "没有安装 pymispwarninglists：请先 pip install pymispwarninglists，或用 --folder 指定 misp-warninglists 的目录。"
        )
    return Path(spec.origin).parent / "data" / "misp-warninglists"


def _entries(path: Path) -> Iterator[ListedRecord | Rejected]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"读不了 {path}：{error}") from None
    for text in document["list"]:
        try:
            kind, value = read(str(text))
        except Unusable as error:
            yield Rejected(str(text)[:100], str(error))
            continue
        if kind in ("ip", "cidr"):
            yield ListedRecord(NAME, kind, value, note=str(document["name"])[:300], origin="MISP")
