"""Second looks: investigations that ask foreign tools, queued with the investigation and told as an update of its message."""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Final, Literal

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pydantic import TypeAdapter

from bifang.channels.queues import claims
from bifang.core.database.db import database_now
from bifang.core.database.rows import NewRow, insert_many
from bifang.core.models import SystemConfig
from bifang.core.processes import process_name
from secops_agent.config import MODEL_KINDS
from secops_agent.models import Investigation, InvestigationState, SecondLook
from secops_agent.models.choices import AssetType
from secops_agent.services.chats import platforms
from secops_agent.services.investigations.checks.base import Evidence
from secops_agent.services.investigations.dossiers import Dossier, load_dossier
from secops_agent.services.investigations.evidence_items import ForeignAnswer
from secops_agent.services.investigations.subject import Examined, read
from secops_agent.services.investigations.wording import BY_CODE
from secops_agent.services.mcp.catalogue import ready_tools
from secops_agent.services.mcp.definitions import AlertField, ReadyTool
from secops_agent.services.notifications.matching import follow_up

MOST_VALUES: Final = 3  # of one field
MOST_CALLS_SHOWN: Final = 3  # of one tool
_DOMAIN: Final = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}", re.IGNORECASE
)
_HASH: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128}", re.IGNORECASE)


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


# Whoever writes an alert chooses its indicators: only what is nothing else than what it says goes out.
_SHAPES: Final[Mapping[str, Callable[[str], object]]] = {
    "ip": _is_address, "domain": _DOMAIN.fullmatch, "hash": _HASH.fullmatch,
}  # fmt: skip


def fields_of(subject: Examined) -> dict[AlertField, tuple[str, ...]]:
    """By field, the first values. People's accounts are no assets here."""
    assets = [each for each in subject.assets if each.asset_type != AssetType.ACCOUNT]
    hosts = (each.name for each in assets if each.asset_type == AssetType.HOST)
    found: dict[AlertField, tuple[str, ...]] = {
        "ip": _observed(subject, "ip"), "domain": _observed(subject, "domain"), "hash": _observed(subject, "hash"),
        "host": tuple(hosts), "asset": tuple(each.name for each in assets),
    }  # fmt: skip
    return {name: values[:MOST_VALUES] for name, values in found.items()}


def _observed(subject: Examined, kind: str) -> tuple[str, ...]:
    shape = _SHAPES[kind]
    return tuple(value for one, value in subject.indicators if one == kind and shape(value))


def arguments_for(tool: ReadyTool, fields: Mapping[AlertField, tuple[str, ...]]) -> list[dict[str, str]]:
    """What the tool is asked, once for each; nothing where the alert lacks a field that it wants."""
    names = list(tool.investigation)
    given = product(*(fields[tool.investigation[name]] for name in names)) if names else ()
    return [dict(zip(names, values, strict=True)) for values in given][:MOST_CALLS_SHOWN]


LEASE: Final = timedelta(seconds=240)
ATTEMPTS: Final = 3
MOST_CALLS: Final = 9  # of foreign tools, for one alert
OFF: Final = "off"
UNFINISHED: Final = f"试了 {ATTEMPTS} 次都没有完成，请看日志"
Part = Literal["summary", "for", "against"]
PARTS: Final[Mapping[Part, str]] = {"summary": "总结", "for": "支持", "against": "反对"}


@dataclass(frozen=True, slots=True)
class ModelStatement:
    """One sentence of the model, with the records and the other sources that it rests on."""

    part: Part
    text: str
    evidence: tuple[Evidence, ...]
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelReading:
    """What was kept of a model's answer. ``verdict``: what it leans to, "" is 证据不足. ``note``: why there is nothing."""

    statements: tuple[ModelStatement, ...] = ()
    verdict: str = ""
    confidence: str = ""
    dropped: int = 0
    model: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Payer:
    """Through which chat configuration it counts, and the AI configurations that are asked, in this order."""

    config_id: int | None
    ai_configs: tuple[int, ...]


_STATEMENTS: Final = TypeAdapter(tuple[ModelStatement, ...])
_ANSWERS: Final = TypeAdapter(tuple[ForeignAnswer, ...])


def payer() -> Payer | None:
    """Whose models read; None: nobody's."""
    wanted = settings.INVESTIGATION_MODEL
    robot = SystemConfig.objects.chats().filter(enabled=True).exclude(ai_config=None).first()
    if not wanted:
        chain = (robot.ai_config_id, robot.ai_fallback_id) if robot else ()
        asked = tuple(dict.fromkeys(each for each in chain if each))
        return Payer(robot.pk, asked) if robot else None
    if wanted == OFF:
        return None
    kind, _, name = wanted.partition("/")
    rows = SystemConfig.objects.current().filter(enabled=True, kind__in=MODEL_KINDS)
    row = rows.filter(kind=kind, name=name).first() or rows.filter(name=wanted).order_by("pk").first()
    return Payer(robot.pk if robot else None, (row.pk,)) if row else None


def why_unread() -> str:
    """Why no model reads investigations, as the configuration is."""
    wanted = settings.INVESTIGATION_MODEL
    if wanted == OFF:
        return "BIFANG_INVESTIGATION_MODEL=off"
    return f"没有启用名为「{wanted}」的AI配置" if wanted else f"没有启用的{platforms()}配置设了AI配置"


def queue(row: Investigation) -> None:
    """If there is anything to look with; in the caller's transaction."""
    forget(row)
    if payer() is not None or any(tool.investigation for tool in ready_tools()):
        SecondLook.objects.create(investigation=row, requested_at=database_now())


def forget(row: Investigation) -> None:
    """What was said of it before."""
    SecondLook.objects.filter(investigation=row).delete()


def claim() -> SecondLook | None:
    """The oldest that waits; asked every second or two, it writes only where one does."""
    claims.release_expired(SecondLook)
    if not SecondLook.objects.filter(state=InvestigationState.WAITING).exists():
        return None
    for row in claims.claim(SecondLook, process_name(), 1, hold=LEASE, count_try=True):
        if row.attempts <= ATTEMPTS:
            return SecondLook.objects.select_related("investigation").get(pk=row.pk)
        failed = {"state": InvestigationState.FAILED, "finished_at": database_now(), "note": UNFINISHED}
        claims.of(row).update(**claims.NOBODY, **failed)
    return None


@dataclass(frozen=True, slots=True)
class LookMaterial:
    """What a second look begins with; ``calls``: what foreign tools are asked."""

    dossier: Dossier
    calls: tuple[tuple[ReadyTool, Mapping[str, str]], ...]
    payer: Payer | None
    spent: bool


def gather(row: SecondLook) -> LookMaterial:
    """Raises NotFound: the alert is gone."""
    fields = fields_of(read(row.investigation.alert_id))
    calls = [
        (tool, given) for tool in ready_tools() if tool.investigation for given in arguments_for(tool, fields)
    ]
    return LookMaterial(
        load_dossier(row.investigation.facts),
        tuple(calls[:MOST_CALLS]),
        payer(),
        _readings_today() >= settings.INVESTIGATION_READINGS_A_DAY,
    )


def _readings_today() -> int:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return SecondLook.objects.filter(requested_at__gte=midnight).exclude(model="").count()


def finish(
    row: SecondLook,
    answers: Sequence[ForeignAnswer],
    reading: ModelReading,
    records: Sequence[NewRow] = (),
) -> bool:
    """Keep it and have the message updated, unless another worker did; ``records``: what it leaves in audit and accounts."""
    values = {
        "state": InvestigationState.DONE, "answers": _ANSWERS.dump_python(tuple(answers), mode="json"),
        "words": _STATEMENTS.dump_python(reading.statements, mode="json"), "verdict": reading.verdict,
        "confidence": reading.confidence, "dropped": reading.dropped, "model": reading.model[:100],
        "note": reading.note[:300], "line": _line(reading)[:300], "finished_at": database_now(),
        **claims.NOBODY,
    }  # fmt: skip
    with transaction.atomic():
        if not claims.of(row).update(**values):
            return False
        for record in records:
            insert_many(record.model, [record.values])
        if row.investigation.trigger == Investigation.ARRIVAL:
            follow_up([row.investigation.alert_id])
    return True


def _line(reading: ModelReading) -> str:
    """What messages say: facts only, without what the model leans to."""
    return next((each.text for each in reading.statements if each.part == "summary"), "")


def how_told(row: SecondLook | None) -> str:
    """How an investigation came about, for whoever reads it."""
    if row is None:
        return BY_CODE
    if row.state in (InvestigationState.WAITING, InvestigationState.CLAIMED):
        return f"{BY_CODE}：补充（模型、外部工具）还没有完成"
    return (
        "由固定的检查得出；模型的意见另列，不改变建议" if row.words else f"{BY_CODE}：{row.note.rstrip('。')}"
    )


def statements_of(row: SecondLook) -> tuple[ModelStatement, ...]:
    """As they were stored."""
    return _STATEMENTS.validate_python(row.words)


def answers_of(row: SecondLook) -> tuple[ForeignAnswer, ...]:
    """As they were stored."""
    return _ANSWERS.validate_python(row.answers)


def newest(alert_id: int) -> SecondLook | None:
    """Of any of the alert's investigations."""
    return (
        SecondLook.objects.filter(investigation__alert_id=alert_id).order_by("-requested_at", "-pk").first()
    )
