"""The importers by name, and the two doors: `detect` and `parse`."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import cast

from bifang.core.errors import InvalidInput
from secops_agent.services.records import Item, Rejected

from .base import BrokenFile, Importer, Options, Source

# A module per name, each with an `IMPORTER`.
NAMES = (
    "trivy", "grype", "sarif", "cyclonedx", "osv", "nuclei", "nmap", "generic",
    "wazuh", "suricata", "falco", "alertmanager", "aliyun_sas", "kev", "epss", "cnvd", "assets_csv",
)  # fmt: skip
_CLAIM = 0.5


@cache
def importers() -> dict[str, Importer]:
    """Every importer by name, in the order in which they are shown."""
    found = (cast("Importer", import_module(f"{__package__}.{name}").IMPORTER) for name in NAMES)
    return {importer.name: importer for importer in found}


def get(name: str) -> Importer:
    """The importer of that name, or InvalidInput that lists the names."""
    try:
        return importers()[name]
    except KeyError:
        raise InvalidInput(f"没有名为「{name}」的导入格式。可用的格式：{'、'.join(importers())}。") from None


def detect(source: Source, options: Options | None = None) -> str:
    """The name of the surest importer, "" if none claims the file. Raises InvalidInput (empty, binary, unreadable)."""
    head = source.head((options or Options()).limits)
    sure, name = max((importer.sniff(head), name) for name, importer in importers().items())
    return name if sure >= _CLAIM else ""


def parse(name: str, source: Source, options: Options | None = None) -> Iterator[Item]:
    """Records and rejections of a file.

    Raises InvalidInput at the first `next` for another format, an attack, or a file that breaks before its first
    record; a file that breaks later ends with a fatal Rejected. Limits (size, nesting, entities) raise at any point;
    what was yielded before stands.
    """
    options = options or Options()
    importer = get(name)
    _check(importer, source, options)
    begun = False
    try:
        for item in importer.parse(source, options):
            begun = begun or not isinstance(item, Rejected)
            yield item
    except BrokenFile as error:
        if not begun:
            raise
        yield Rejected(error.position, error.message, fatal=True)


def _check(importer: Importer, source: Source, options: Options) -> None:
    if importer.sniff(source.head(options.limits)) >= _CLAIM:
        return
    other = detect(source, options)
    if other:
        raise InvalidInput(f"这个文件像是 {other}，不是 {importer.name}：请按 {other} 格式导入。")
    raise InvalidInput(
        f"这个文件不像是 {importer.name}（{importer.title}）的输出：请检查导出的格式和内容是否完整。"
    )
