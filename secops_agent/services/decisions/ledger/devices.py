"""Devices beside the ledger: which can be read, when it is their turn, and what their answer means for what was ordered."""

import ipaddress
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from bifang.core.database.db import database_now
from bifang.core.models import SystemConfig
from secops_agent.models.automation.block import BlockRecord, BlockState, DeviceReading
from secops_agent.services.clock import clock
from secops_agent.services.decisions.ledger.blocks import compare
from secops_agent.services.mcp import catalogue
from secops_agent.services.mcp.mappings import mapped_actions
from secops_agent.services.notifications.delivery import administrators

EVERY: Final = timedelta(minutes=10)
MOST: Final = 50  # that are asked for one by one, where a device lists none
MOST_KEPT: Final = 20_000
_NAMED: Final = 20
_BLOCK: Final = "block_ip"
_BETWEEN: Final = re.compile("[，,、]")


@dataclass(frozen=True, slots=True)
class ReadingTurn:
    """What is to be read from ``began`` on: ``lists`` names the tool that tells all, ``tool`` the one that is asked for each of ``targets`` by
    ``parameter``; "": none."""

    config_id: int
    began: datetime
    lists: str
    tool: str
    parameter: str
    targets: tuple[str, ...]


def due() -> list[ReadingTurn]:
    """Devices whose turn it is; whoever gets one here reads it, no other process does."""
    now, found = database_now(), []
    for config in catalogue.services():
        reader = _reader(config, now)
        if reader is None:
            continue
        DeviceReading.objects.get_or_create(config=config, defaults={"due_at": now})
        if DeviceReading.objects.filter(config=config, due_at__lte=now).update(due_at=now + EVERY):
            found.append(reader)
    return found


def _reader(config: SystemConfig, now: datetime) -> ReadingTurn | None:
    """The tools that list and verify its blocks, if it has one that may be used now."""
    mapped = mapped_actions(config).get(_BLOCK)
    tools = {tool.name: tool for tool in catalogue.tools_of(config)} if mapped else {}
    blocker = tools.get(mapped.tool) if mapped else None
    reader = tools.get(blocker.verify) if blocker else None
    lister = tools.get(mapped.lists) if mapped else None
    if reader and not lister and not reader.schema.get("required"):
        lister = reader
    if mapped is None or not (reader or lister):
        return None
    parameter = next((name for name, source in mapped.arguments.items() if source == "ip"), "")
    mine = BlockRecord.objects.filter(kind=_BLOCK, state=BlockState.ACTIVE, action__connector_config=config)
    targets = tuple(mine.order_by("verified_at", "pk").values_list("target", flat=True)[:MOST])
    names = lister.name if lister else "", reader.name if reader else ""
    return ReadingTurn(config.pk, now, *names, parameter, targets)


def addresses_in(answer: str) -> Iterator[str]:
    """Every value of an answer that is an address and nothing else: not one that a remark names."""
    for line in answer.splitlines():
        pieces = _BETWEEN.split(line)
        for piece in pieces:
            name, _, value = piece.rpartition("：") if "：" in piece else piece.rpartition(": ")
            if not name and len(pieces) > 1:
                continue
            try:
                yield str(ipaddress.ip_interface(value.strip(" -·[]\"'")).ip)
            except ValueError:
                continue


def note_problem(config_id: int, problem: str) -> None:
    """It could not be read; what was read before stays, with its time."""
    DeviceReading.objects.filter(config_id=config_id).update(problem=problem[:500])


def note_reading(config_id: int, addresses: Collection[str], began: datetime) -> None:
    """What a device had when it was asked: kept, compared, and told to administrators where it differs in a new way."""
    has = set(addresses)
    with transaction.atomic():
        row = DeviceReading.objects.select_for_update().select_related("config").get(config_id=config_id)
        row.addresses, row.read_at, row.problem = sorted(has)[:MOST_KEPT], began, ""
        rows = BlockRecord.objects.filter(action__connector_config_id=config_id, kind=_BLOCK)
        _note_seen(rows.filter(state=BlockState.ACTIVE, since__lt=began), has, began)
        view = compare(row)
        drift = [*(f"-{each}" for each in view.missing), *(f"+{each}" for each in view.lingering)]
        fresh = sorted(set(drift) - set(row.told))
        row.told = sorted(drift)
        row.save()
        if fresh:
            _tell(row.config, fresh, began)


def _note_seen(rows: Any, has: set[str], now: datetime) -> None:
    for stands in (True, False):
        proof = f"{clock(now)} 读取设备：{'有' if stands else '没有'}这一条。"
        mine = [pk for pk, target in rows.values_list("pk", "target") if (target in has) is stands]
        BlockRecord.objects.filter(pk__in=mine).update(stands=stands, verified_at=now, proof=proof)


def _tell(config: SystemConfig, fresh: Collection[str], now: datetime) -> None:
    missing = [each[1:] for each in fresh if each.startswith("-")]
    lingering = [each[1:] for each in fresh if each.startswith("+")]
    parts = (("下过令、设备上没有", missing), ("已经解除、设备上还有", lingering))
    lines = [
        f"- {word}：{'、'.join(found[:_NAMED])}{f' 等 {len(found)} 个' if len(found) > _NAMED else ''}"
        for word, found in parts
        if found
    ]
    head = f"设备「{config.name}」与封禁台账不一致"
    text = "\n".join([f"**{head}**", "", *lines, "", "请到设备核实；「封禁台账」里有全部。"])
    administrators.tell(None, head, text, key=f"drift:{config.pk}:{now.timestamp():.0f}")
