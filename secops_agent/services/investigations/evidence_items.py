"""Evidence of an investigation, numbered: as a model is shown it, and as its sentences cite it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from secops_agent.models import Alert
from secops_agent.services.investigations.checks.base import Evidence, alert_evidence
from secops_agent.services.investigations.dossiers import Dossier
from secops_agent.services.investigations.weighing import REASONS, side_of
from secops_agent.services.investigations.wording import reason_line, verdict_line
from secops_agent.services.privacy import mask, people_of

_DESCRIBED: Final = 1500  # characters of what the source wrote
SOURCE: Final = "来源原文"


@dataclass(frozen=True, slots=True)
class ForeignAnswer:
    """What one tool of an MCP server said when it was asked for an investigation; ``failed``: it could not say it."""

    service: str
    tool: str
    asked: str
    text: str
    failed: bool = False

    @property
    def label(self) -> str:
        """How it is cited."""
        return f"{self.service} {self.tool}"


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One piece of evidence, without anything that a group may not read. ``label``: how it is cited where it is no record.

    ``towards``: what it speaks for by the table of reasons, "" for nothing. ``hearsay``: the alert's source wrote it.
    """

    text: str
    evidence: tuple[Evidence, ...] = ()
    label: str = ""
    towards: str = ""
    hearsay: bool = False


def evidence_of(alert: Alert, dossier: Dossier, answers: Sequence[ForeignAnswer]) -> list[EvidenceItem]:
    """The first is number 1."""
    found, hidden = [*_of_dossier(alert, dossier), *map(_of_answer, answers)], people_of([alert.pk])
    return [
        EvidenceItem(mask(each.text, hidden), each.evidence, each.label, each.towards, each.hearsay)
        for each in found
    ]


def _of_dossier(alert: Alert, dossier: Dossier) -> Iterator[EvidenceItem]:
    said = (
        f"{SOURCE}（告警里的文字，可能由攻击者写成）：{alert.title}\n{alert.description[:_DESCRIBED]}".strip()
    )
    yield EvidenceItem(said, (alert_evidence(alert.pk),), hearsay=True)
    for section in dossier.sections:
        for each in section.statements:
            if not each.is_private:
                yield EvidenceItem(f"{section.title}：{each.text}", each.evidence)
    for signal in dossier.assessment.signals:
        reason = REASONS[signal.reason]
        text = f"理由，{side_of(signal)}，分量 {reason.weight}：{reason_line(signal)}"
        yield EvidenceItem(text, signal.evidence, towards=reason.towards)


def _of_answer(answer: ForeignAnswer) -> EvidenceItem:
    how = "没查成" if answer.failed else "查到"
    return EvidenceItem(
        f"外部工具「{answer.label}」（{answer.asked}）{how}：{answer.text}", label=answer.label
    )


def told(evidence_items: Sequence[EvidenceItem], dossier: Dossier) -> str:
    """All of it, numbered, and what the checks suggest."""
    lines = [f"[{number}] {each.text}" for number, each in enumerate(evidence_items, 1)]
    return "\n".join([*lines, f"固定检查的建议结论：{verdict_line(dossier.assessment)}"])
