"""Sources of API tokens: for which a token may write, asked once of every record.

Names are compared exactly: a source that differs in case, width or a space is another source, whose alerts are others.
"""

from collections.abc import Iterable, Iterator

from secops_agent.services.actors import Actor
from secops_agent.services.faults import Forbidden
from secops_agent.services.records import (
    AlertRecord,
    AssetRecord,
    ComponentRecord,
    FindingRecord,
    Item,
    ListedRecord,
    Rejected,
    ScanRecord,
    VexRecord,
)


def source_for(actor: Actor, named: str) -> str:
    """The source that the sender named, or the only one that it has. Raises Forbidden."""
    if not actor.sources:
        return named
    if not named:
        return actor.sources[0] if len(actor.sources) == 1 else ""
    _check(actor, named)
    return named


def permitted(actor: Actor, items: Iterable[Item]) -> Iterator[Item]:
    """All of them, or Forbidden at the first that speaks for another source; nothing is written before all are read."""
    for item in items:
        if actor.sources:
            for source in _sources_of(item):
                _check(actor, source)
        yield item


def _check(actor: Actor, source: str) -> None:
    if source not in actor.sources:
        raise Forbidden(
            f"这个 API 令牌只能代表来源{'、'.join(f'「{each}」' for each in actor.sources)}，不能代表「{source[:60]}」，没有导入任何内容："
            "请在地址里用 source 参数写明它可以代表的来源，改正内容里的来源，或换一个令牌。"
        )


def _sources_of(item: Item) -> Iterator[str]:
    """Whom a record speaks for: by what its identity, or the end of a scan, goes; a statement by its author.

    A vulnerability is nobody's: its identity is its number.
    """
    match item:
        case AlertRecord():
            yield item.source
            yield from _named(*item.assets)
        case FindingRecord():
            yield item.source
            yield from _named(item.asset, item.component, item.component and item.component.asset)
        case ComponentRecord():
            yield from _named(item, item.asset)
        case ScanRecord():
            yield item.source
            yield from _named(item.asset)
        case AssetRecord():
            yield from _named(item)
        case VexRecord():
            yield item.author
        case ListedRecord():
            yield item.list
        case Rejected():
            return


def _named(*parts: AssetRecord | ComponentRecord | None) -> Iterator[str]:
    """Where a part names no source, it claims none."""
    yield from (part.source for part in parts if part and part.source)
