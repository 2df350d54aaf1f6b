"""``manage.py import_data FORMAT FILE``: alerts, assets and vulnerabilities from the tools that are there already."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from bifang.core.command import OperatorCommand
from bifang.core.errors import BifangError
from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.services.actors import Actor
from secops_agent.services.assets.inventory import require_record
from secops_agent.services.intake import ingest
from secops_agent.services.intake.ledger import NOTHING
from secops_agent.services.intake.receipts import Receipt
from secops_agent.services.records import AssetRecord

_LABELS = {
    "asset": "资产",
    "component": "组件",
    "vulnerability": "漏洞",
    "finding": "发现",
    "statement": "VEX 声明",
    "alert": "告警",
    "indicator": "情报",
}
_SHOWN = 20
_BAR = 30


class Command(OperatorCommand):
    """Counts what became of the file; the last line of ``--json`` is one JSON object. Fails if nothing was taken."""

    help = "导入文件：可重复执行，重复导入只更新最近发现时间；格式 auto 表示自动识别"

    def add_arguments(self, parser: CommandParser) -> None:
        """Format, file, and what the file may not say itself."""
        parser.add_argument("format", metavar="FORMAT", help=f"auto、{'、'.join(registry.importers())}")
        parser.add_argument("file", metavar="FILE", help="文件路径，可以是 .gz")
        parser.add_argument("--asset", default="", help="文件没有写明资产时，发现属于哪个已有资产")
        parser.add_argument("--source", default="", help="来源名称，用来区分同一工具的多套部署")
        parser.add_argument("--json", action="store_true", help="只输出一行 JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, store, tell."""
        path = Path(options["file"])
        source = Source.from_path(path)
        try:
            name = _format(options["format"], source)
            asset = require_record(options["asset"]) if options["asset"] else None
            receipt = _receipt(path, name, options)
            outcome = ingest.store(
                registry.parse(name, source, Options(asset=asset, source=options["source"])),
                Actor.system(f"import:{name}"),
                digest=_digest(path, name, options["source"], asset),
                progress=None if options["json"] else _progress_bar(),
            )
        except BifangError as error:
            raise CommandError(error.message) from None
        receipt.keep(outcome)
        if options["json"]:
            self.stdout.write(json.dumps(outcome.as_dict(name), ensure_ascii=False))
        else:
            self._tell(name, outcome)
        if outcome.refusal:
            raise CommandError(outcome.refusal)

    def _tell(self, name: str, outcome: ingest.ImportOutcome) -> None:
        self.stdout.write(f"{name} 导入完成：")
        for kind, label in _LABELS.items():
            numbers = (outcome.created[kind], outcome.updated[kind], outcome.unchanged[kind])
            if any(numbers):
                self.stdout.write(f"  {label}：新增 {numbers[0]}，更新 {numbers[1]}，未变 {numbers[2]}")
        if outcome.nothing:
            self.stdout.write(f"  {NOTHING}")
        if outcome.vanished:
            self.stdout.write(f"  本次扫描中已消失的发现：{outcome.vanished}")
        if outcome.matched:
            self.stdout.write(f"  与已知组件比对新增的发现：{outcome.matched}")
        if outcome.rejected:
            self.stdout.write(f"  未导入：{len(outcome.rejected)}")
        for each in outcome.rejected[:_SHOWN]:
            self.stdout.write(f"    {each.position}：{each.reason}")
        if len(outcome.rejected) > _SHOWN:
            self.stdout.write(f"    …… 其余 {len(outcome.rejected) - _SHOWN} 条用 --json 查看")


def _receipt(path: Path, name: str, options: dict[str, Any]) -> Receipt:
    said = {key: options[key] for key in ("asset", "source") if options[key]}
    size = path.stat().st_size if path.is_file() else 0
    return Receipt(name, path.name, size, "", said, Actor.system("import_data"))


def _format(name: str, source: Source) -> str:
    if name != "auto":
        return registry.get(name).name
    return registry.detect_or_ask(source, f"请写明格式：{'、'.join(registry.importers())}")


def _digest(path: Path, name: str, source: str, asset: AssetRecord | None) -> str:
    """The file and how it is read; the same again is the same import."""
    try:
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise CommandError(f"读不了 {path}：{error.strerror}。请检查路径和权限。") from None
    keys = asset.keys if asset else ""
    return hashlib.sha256(f"{content}\x1f{name}\x1f{source}\x1f{keys}".encode()).hexdigest()


def _progress_bar() -> ingest.Progress | None:
    """On a terminal only; to stderr, so that the output stays clean."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        filled = _BAR * done // max(total, 1)
        bar = "█" * filled + "░" * (_BAR - filled)
        sys.stderr.write(f"\r{bar} {done}/{total}" + ("\n" if done >= total else ""))
        sys.stderr.flush()

    return show
