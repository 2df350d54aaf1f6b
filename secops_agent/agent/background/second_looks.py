"""Second looks in a worker's loop: investigations continued by the company's own tools and by a model.

It runs as the system with what a viewer may read, in nobody's conversation, and writes nothing but its own row.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from django.utils import timezone

from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.database.rows import NewRow
from bifang.core.errors import BifangError
from secops_agent.agent.background import reading
from secops_agent.agent.conversation.records import BIFANG
from secops_agent.agent.llms.models import Models
from secops_agent.agent.policy import Policy, redacted
from secops_agent.agent.turn import loop
from secops_agent.agent.turn.limits import TurnLimits
from secops_agent.agent.turn.outcome import TurnOutcome
from secops_agent.agent.turn.toolbox import build_reading_toolbox
from secops_agent.connectors.tool_caller import ServiceCaller
from secops_agent.llm.types import LLM, Message, ToolCall, ToolSpec
from secops_agent.models import Alert, Role, SecondLook
from secops_agent.models.people.audit import AuditKind
from secops_agent.services.audit.trail import entry
from secops_agent.services.investigations import looks
from secops_agent.services.investigations.evidence_items import EvidenceItem, ForeignAnswer, evidence_of, told
from secops_agent.services.investigations.looks import LookMaterial, ModelReading, Payer
from secops_agent.services.mcp.definitions import ReadyTool
from secops_agent.services.mcp.schemas import check_arguments
from secops_agent.services.operations.usage import load_prices, usage_row
from secops_agent.services.people.staff import Person
from secops_agent.tools.base import Prepared, Tool, Toolbox, ToolResult

log = logging.getLogger(__name__)
EVERY_S: Final = 2.0
TOGETHER: Final = 3  # looks of one process at a time
CALLS_S: Final = 45.0  # all foreign tools together
READING_S: Final = 150.0
LONGEST_ANSWER: Final = 1500  # characters of a foreign answer
LIMITS: Final = TurnLimits(
    steps=4, calls=4, tokens=30_000, seconds=60, second_seconds=30, result_chars=2500, tool_seconds=10, retries=1,
    answer_tokens=900,
)  # fmt: skip
# What it may look up by itself; `investigate_alert` would begin anew, and lists of people are none of its business.
TOOLS: Final = frozenset(
    ["get_alert", "list_alerts", "get_asset", "lookup_indicator", "lookup_cve", "affected_assets", "list_vulnerabilities", "search_runbook"]
)  # fmt: skip
_SPENT: Final = "今天由模型读的次数（BIFANG_INVESTIGATION_READINGS_A_DAY）已经用完"
_LATE: Final = f"模型在 {READING_S:.0f} 秒内没有答完"


class SecondLooks:
    """One per process; several processes share the work by claiming rows."""

    def __init__(self, configs: ConfigCache, *, models: Models | None = None) -> None:
        self._models, self._policy = models or Models(configs), Policy(configs)
        self._caller = ServiceCaller(configs)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what is under way then is done again by whoever comes next."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                work = asyncio.create_task(self._steps())
                await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(stop.wait(), EVERY_S)
        finally:
            stopping.cancel()
            await self._caller.close()

    async def _steps(self) -> None:
        try:
            while await self.step():
                pass
        except Exception:
            log.exception("调查的补充出错，稍后重试")

    async def step(self) -> int:
        """Do a few of those that wait, side by side; how many. Raises DatabaseError."""
        rows = [row for _ in range(TOGETHER) if (row := await db.call(looks.claim)) is not None]
        await asyncio.gather(*(self._look(row) for row in rows))
        return len(rows)

    async def _look(self, row: SecondLook) -> None:
        """An error that nobody foresaw leaves the row to be tried again, when its lease is over."""
        alert_id = row.investigation.alert_id
        try:
            material = await db.call(looks.gather, row)
            answers = await asyncio.gather(*(self._ask(tool, given) for tool, given in material.calls))
            outcome, found = await self._have_read(alert_id, material, answers)
            records = await db.call(_records, alert_id, material.payer, outcome, found)
            await db.call(looks.finish, row, answers, found, records)
        except Exception:
            log.exception("调查 A%s 的补充出错，稍后重试", alert_id)

    # The company's own tools

    async def _ask(self, tool: ReadyTool, given: Mapping[str, str]) -> ForeignAnswer:
        """Whatever goes wrong is a line, not a failure."""
        asked = "，".join(f"{name}={value}" for name, value in given.items())[:200]
        try:
            check_arguments(tool.schema, given)
            async with asyncio.timeout(CALLS_S):
                answered = await self._caller.call(tool, given)
        except BifangError as error:
            return ForeignAnswer(tool.service, tool.name, asked, error.message[:LONGEST_ANSWER], failed=True)
        except TimeoutError:
            return ForeignAnswer(tool.service, tool.name, asked, "没有及时应答。", failed=True)
        text = answered.text[:LONGEST_ANSWER] or "对方没有返回内容。"
        return ForeignAnswer(tool.service, tool.name, asked, text, failed=answered.failed)

    # The model

    async def _have_read(
        self, alert_id: int, material: LookMaterial, answers: Sequence[ForeignAnswer]
    ) -> tuple[TurnOutcome | None, ModelReading]:
        if material.payer is None or material.spent:
            return None, ModelReading(note=_SPENT if material.payer else looks.why_unread())
        models, reasons = await self._models.chain(material.payer.ai_configs, self._policy.admit_model)
        if not models:
            return None, ModelReading(note="".join(reasons))
        alert = await db.call(Alert.objects.get, pk=alert_id)
        evidence_items = await db.call(evidence_of, alert, material.dossier, answers)
        asked = [redacted(each, f"investigation:{alert_id}", is_group=True) for each in models]
        try:
            async with asyncio.timeout(READING_S):
                outcome = await _run(asked, evidence_items, told(evidence_items, material.dossier))
        except TimeoutError:
            return None, ModelReading(note=_LATE)
        if outcome.stopped_by in ("error", "content_filter"):
            return outcome, ModelReading(note=outcome.text)
        fields = [field for run in outcome.tool_runs for field in run.result.fields]
        fields += [one.name for each in evidence_items for one in each.evidence]
        return outcome, reading.read(outcome.text, evidence_items, fields, outcome.model)


async def _run(models: Sequence[LLM], evidence_items: list[EvidenceItem], evidence: str) -> TurnOutcome:
    """``evidence_items`` grows by what the model looks up."""
    first, *others = models
    question = Message("user", reading.QUESTION)
    return await loop.run(
        first,
        (reading.SYSTEM, question),
        _EvidenceBox(evidence_items),
        LIMITS,
        second=others,
        quoted=evidence,
    )


class _EvidenceBox(Toolbox):
    """A few tools of a viewer, as a group may read them; what they find gets a number and can be cited."""

    def __init__(self, evidence_items: list[EvidenceItem]) -> None:
        super().__init__({})
        nobody = Person("", "", "毕方", Role.VIEWER)
        self._inner = build_reading_toolbox(nobody, is_group=True, now=timezone.localtime())
        self._evidence_items = evidence_items

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Those that it may use."""
        return tuple(each for each in self._inner.specs if each.name in TOOLS)

    def get(self, name: str) -> Tool | None:
        """One of those."""
        return self._inner.get(name) if name in TOOLS else None

    def prepare(self, call: ToolCall) -> Prepared | ToolResult:
        """As the inner one, within those."""
        return self._inner.prepare(call) if call.name in TOOLS else super().prepare(call)

    async def execute(self, prepared: Prepared) -> ToolResult:
        """As the inner one, and numbered."""
        result = await self._inner.execute(prepared)
        if result.status == "error":
            return result
        label = f"{prepared.tool.title} {result.query}".strip()[:100]
        self._evidence_items.append(
            EvidenceItem(f"{label}：{result.text[: LIMITS.result_chars]}", label=label)
        )
        return replace(result, text=f"[{len(self._evidence_items)}] {result.text}")


def _records(
    alert_id: int, paid_by: Payer | None, outcome: TurnOutcome | None, found: ModelReading
) -> tuple[NewRow, ...]:
    """For the audit trail and the accounts; nothing where no model was asked."""
    if outcome is None or paid_by is None:
        return ()
    at, prices = timezone.now(), load_prices()
    detail = {
        "model": outcome.model, "stopped_by": outcome.stopped_by, "note": found.note, "verdict": found.verdict,
        "kept": len(found.statements), "dropped": found.dropped, "tools": [run.call.name for run in outcome.tool_runs],
    }  # fmt: skip
    read = entry(
        AuditKind.DECISION,
        "模型读调查",
        BIFANG,
        subject=f"alert:{alert_id}",
        text=outcome.text,
        detail=detail,
        at=at,
    )
    bills = [bill for bill in outcome.bills if bill.usage.input_tokens or bill.usage.output_tokens]
    costs = [
        usage_row(
            bill.usage, bill.model, prices, config_id=paid_by.config_id, ai_config_id=bill.config_id, inbox_id=None,
            person="", at=at,
        )
        for bill in bills
    ]  # fmt: skip
    return (read, *costs)
