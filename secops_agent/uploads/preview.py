"""What a file holds, before anybody decides to import it: read, counted, nothing written."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent.importers import registry
from secops_agent.importers.base import Source
from secops_agent.services.actors import Actor
from secops_agent.services.intake.foresight import MOST_READ, Foresight, foresee
from secops_agent.services.privacy import mask_personal
from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Item,
    ListedRecord,
    Rejected,
    VexRecord,
    VulnerabilityRecord,
)
from secops_agent.uploads.choices import Choices

KINDS: Final = {
    "asset": "资产",
    "component": "组件",
    "vulnerability": "漏洞",
    "finding": "发现",
    "statement": "VEX 声明",
    "alert": "告警",
    "indicator": "情报",
    "rule": "检测规则",
}
LINES: Final = 5
_UNREAD: Final = "文件太大，后面的没有比对"
_REASONS: Final = 3
_MOST: Final = 200_000  # records that are counted
_LONGEST_S: Final = 20.0
_LEVELS: Final = {"critical": "严重", "high": "高危", "medium": "中危", "low": "低危", "info": "信息"}
UNKNOWN: Final = (
    "认不出是什么工具的输出。可以发：扫描报告（Nessus、OpenVAS、Nmap、Trivy、Grype、SARIF、Nuclei 等）、SBOM（CycloneDX、SPDX）、"
    "资产表和情报清单（xlsx、CSV，第一行是列名）、安全产品导出的告警（JSON）。确实是其中一种时，请在网页「设置 → 导入任务 → 导入文件」选择格式。"
)
_PICTURE: Final = "图片，我看不了图片：请复制图里的告警编号或文字发给我，报告请发工具导出的文件"
_PDF: Final = " PDF，我读不了：请发工具导出的 JSON、XML、CSV 或 Excel（xlsx）"
# What a file begins with that is no text: what it is, and what to do instead.
_FOREIGN: Final[tuple[tuple[bytes, str], ...]] = (
    (b"MZ", "Windows 程序，不会打开，也不会导入"),
    (b"\x7fELF", "Linux 程序，不会打开，也不会导入"),
    (b"%PDF", _PDF),
    (b"Rar!", "RAR 压缩包：请解压，发送里面的文件"),
    (b"7z\xbc\xaf", "7z 压缩包：请解压，发送里面的文件"),
    (b"\x89PNG", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"-----BEGIN PGP", "PGP 加密的内容：请解密再发"),
    (b"Salted__", "加密的内容：请解密再发"),
)
_BY_NAME: Final = {
    "exe": "程序，不会打开，也不会导入", "dll": "程序，不会打开，也不会导入", "msi": "程序，不会打开，也不会导入",
    "bat": "脚本，不会打开，也不会导入", "ps1": "脚本，不会打开，也不会导入", "sh": "脚本，不会打开，也不会导入",
    "xls": "旧版 Excel 文件：请另存为 xlsx 或 CSV 再发",
    "doc": "Word 文件：请发工具导出的 JSON、XML、CSV 或 Excel（xlsx）",
    "docx": "Word 文件：请发工具导出的 JSON、XML、CSV 或 Excel（xlsx）",
    "pdf": _PDF,
    "rar": "压缩包：请解压，发送里面的文件", "7z": "压缩包：请解压，发送里面的文件", "tgz": "压缩包：请解压，发送里面的文件",
    "png": _PICTURE, "jpg": _PICTURE, "jpeg": _PICTURE,
}  # fmt: skip


@dataclass(slots=True)
class FilePreview:
    """``homeless``: findings and components of which the file does not say to what asset they belong.

    ``cut``: there is more than was counted. ``rejected`` records, ``reasons``: why the first ones are; ``unused``: about columns. ``flaws``: lines of
    vulnerabilities, which are shown where there is nothing that has them. ``lists``: of indicators, by name.
    ``records``: the assets that it names; ``foresight``: what it would change of those that we know.
    """

    format: str
    counts: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    assets: dict[str, None] = field(default_factory=dict)
    lists: dict[str, None] = field(default_factory=dict)
    records: dict[AssetRecord, None] = field(default_factory=dict)
    foresight: Foresight = field(default_factory=Foresight)
    homeless: int = 0
    cut: bool = False

    @property
    def told(self) -> str:
        """发现 12、漏洞 9，另有 2 条读不懂."""
        parts = "、".join(
            f"{label} {self.counts[kind]}" for kind, label in KINDS.items() if self.counts[kind]
        )
        more = f"，另有 {self.rejected} 条不会导入" if self.rejected else ""
        return (
            f"{parts}{' 以上（太大，没有数完）' if self.cut else ''}" if parts else "没有可以导入的记录"
        ) + more

    @property
    def shown(self) -> list[str]:
        """The first lines."""
        return (self.lines or self.flaws)[:LINES]

    @property
    def altered(self) -> list[str]:
        """web-01（同一个 IP 10.0.0.5）：负责人 李四 → 赵六; a line an asset that we know and that would change, as far as they are listed."""
        known = self.foresight
        lines = [
            mask_personal(plain(f"{each.name}（同一个{each.why}）：{each.told}", 300))
            for each in known.changes
        ]
        return [
            *lines,
            *([f"另有 {known.rest} 个资产"] if known.rest else []),
            *([_UNREAD] if known.cut or self.cut else []),
        ]

    @property
    def doubts(self) -> list[str]:
        """Lines about new assets that look like known ones, and one about the owners whom nobody can be found for."""
        return [*self.twins, *self.unowned]

    @property
    def twins(self) -> list[str]:
        """A line for each of the foresight's."""
        return [mask_personal(plain(each.told, 300)) for each in self.foresight.twins]

    @property
    def unowned(self) -> list[str]:
        """A line about the owners whom nobody can be found for, if there are any."""
        names = self.foresight.unlisted
        if not names:
            return []
        shown = mask_personal(plain("、".join(names[:LINES]), 200)) + (
            f" 等 {len(names)} 个" if len(names) > LINES else ""
        )
        return [f"负责人 {shown} 不在人员名单里（或有重名）：只按文字记下，通知不到人"]

    @property
    def whose(self) -> str:
        """The assets that it names."""
        names = list(self.assets)
        return "、".join(names[:3]) + (f" 等 {len(names)} 个" if len(names) > 3 else "")


def foreign_by_name(name: str) -> str:
    """What a file is that cannot be imported, by its extension; "" if it may be one that can."""
    lower = name.lower()
    if lower.endswith((".tar.gz", ".tar")):
        return _BY_NAME["tgz"]
    return _BY_NAME.get(lower.rpartition(".")[2], "") if "." in lower else ""


def require_readable(path: Path) -> None:
    """Raises InvalidInput, saying what it is and what to do, for programs, pictures and foreign archives."""
    with path.open("rb") as file:
        head = file.read(4096)
    said = next((words for mark, words in _FOREIGN if head.startswith(mark)), "")
    if said:
        raise InvalidInput(f"这是{said}。")


def formats_of(path: Path, name: str) -> list[str]:
    """One name if it is certain, several if it may be any of them. Raises InvalidInput if it is none we know."""
    require_readable(path)
    source = Source(name, path=path)
    sure = registry.detect(source)
    found = [sure] if sure else registry.candidates(source)
    if not found:
        registry.demand_known(source)
        raise registry.UnknownFormat(UNKNOWN + registry.doubt(source))
    return found


def look(path: Path, name: str, format_name: str, choices: Choices) -> FilePreview:
    """Read the file. Raises InvalidInput for one of another format, or one that breaks at once."""
    return look_into(Source(name, path=path), format_name, choices)


def look_into(source: Source, format_name: str, choices: Choices, seconds: float = _LONGEST_S) -> FilePreview:
    """`look`, for no longer than so many seconds."""
    found, end = FilePreview(format_name), time.monotonic() + seconds
    seen: set[int] = set()
    items = registry.parse(format_name, source, choices.options())
    for number, item in enumerate(items, 1):
        if number > _MOST or time.monotonic() > end:
            found.cut = True
            break
        _count(found, item, seen)
    return found


def foresee_in(found: FilePreview, actor: Actor) -> FilePreview:
    """With what it would change of assets that we know. On a database thread."""
    found.foresight = foresee(found.records, actor)
    return found


def _count(found: FilePreview, item: Item, seen: set[int]) -> None:
    if isinstance(item, Rejected):
        _count_rejected(found, item)
        return
    kind = _kind_of(item)
    mark = hash((kind, _identity(item)))
    if not kind or mark in seen:
        return
    seen.add(mark)
    found.counts[kind] += 1
    if isinstance(item, ListedRecord):
        found.lists[item.list] = None
    for asset in _assets_of(item):
        if asset is None:
            found.homeless += 1
        elif len(found.assets) < 10_000:
            found.assets[plain(asset.name, 60)] = None
            if len(found.records) <= MOST_READ:
                found.records[asset] = None
    lines = found.flaws if kind == "vulnerability" else found.lines
    if len(lines) < LINES:
        lines.append(_line(item))


def _count_rejected(found: FilePreview, item: Rejected) -> None:
    """A column that is not used is no record that is not taken."""
    if item.unused:
        found.unused.append(mask_personal(plain(item.reason, 320)))
        return
    found.rejected += 1
    if len(found.reasons) < _REASONS:
        found.reasons.append(mask_personal(plain(f"{item.position}：{item.reason}", 120)))


def _kind_of(item: Item) -> str:
    kinds = {
        AssetRecord: "asset", ComponentRecord: "component", VulnerabilityRecord: "vulnerability", FindingRecord: "finding",
        AlertRecord: "alert", VexRecord: "statement", ListedRecord: "indicator",
    }  # fmt: skip
    return kinds.get(type(item), "")


def _identity(item: Item) -> object:
    match item:
        case AssetRecord():
            return item.keys
        case ComponentRecord():
            return item.asset and item.asset.keys, item.purl or (item.name, item.version)
        case VulnerabilityRecord():
            return item.vuln_id
        case FindingRecord():
            return item.source, item.kind, item.asset and item.asset.keys, item.key
        case AlertRecord():
            return item.source, item.dedup_key
        case VexRecord():
            return item.author, item.vulnerability, item.product, item.platform, item.asset
        case ListedRecord():
            return item.list, item.kind, item.value
    return ""


def _assets_of(item: Item) -> Iterator[AssetRecord | None]:
    if isinstance(item, AssetRecord):
        yield item
    elif isinstance(item, FindingRecord | ComponentRecord):
        yield item.asset
    elif isinstance(item, AlertRecord):
        yield from item.assets


def _line(item: Item) -> str:
    match item:
        case AssetRecord():
            parts: Iterable[str] = (item.name, "、".join(ip for ip in item.ips[:3] if ip != item.name))
        case ComponentRecord():
            parts = (item.name, item.version)
        case VulnerabilityRecord():
            parts = (_LEVELS[item.severity], item.vuln_id, item.title)
        case FindingRecord():
            where = item.asset.name if item.asset else ""
            named = item.vulnerability or item.rule_id
            parts = (_LEVELS[item.severity], "" if named in item.title else named, item.title, where)
        case AlertRecord():
            parts = (_LEVELS[item.severity], item.title, "、".join(each.name for each in item.assets[:2]))
        case VexRecord():
            parts = (item.vulnerability, item.status, item.product, item.author)
        case ListedRecord():
            parts = (item.value, item.note, item.origin)
        case _:
            parts = ()
    return plain(" · ".join(part for part in parts if part), 120)
