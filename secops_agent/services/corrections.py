"""Corrections (没用): feedback about an answer or an investigation, its queue, and what becomes of it: a draft of a runbook, a case to evaluate."""

import json
from datetime import timedelta
from typing import Any, Final

from django.db import transaction

from bifang.core.database.db import database_now
from bifang.core.errors import InvalidInput
from secops_agent.models import ConversationMessage, Correction, CorrectionState
from secops_agent.services import runbooks
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.runbooks.skills import make_skill

RIGHT_AFTER: Final = timedelta(minutes=30)
_SETTLED: Final = "这条改进建议已经处理过了。"


def take_down(conversation: str, actor: Actor, reason: str, *, is_group: bool) -> Correction | None:
    """About the last answer that this person got in this conversation; None if there was none lately.

    Raises InvalidInput without a reason.
    """
    said = ConversationMessage.objects.filter(key=conversation)
    asked = said.filter(role="user", author=actor.ident, created_at__gte=database_now() - RIGHT_AFTER)
    question = asked.order_by("-id").first()
    answer = question and said.filter(role="assistant", pk__gt=question.pk).order_by("id").first()
    if question is None or answer is None:
        return None
    if not reason.strip():
        raise InvalidInput("请写明哪里没用，例如：没用 漏了 web-02")
    values = {
        "at": database_now(), "name": actor.name[:200], "is_group": is_group, "question": question.content,
        "answer": answer.content, "reason": reason.strip()[:500], "state": CorrectionState.OPEN,
    }  # fmt: skip
    with transaction.atomic():
        row, _ = Correction.objects.update_or_create(
            message_id=answer.pk, author=actor.ident, defaults=values
        )
        keep(actor, "评价回答：没用", f"correction:{row.pk}", {})
    return row


def take_down_investigation(alert_id: int, told: str, actor: Actor, reason: str) -> None:
    """About the investigation of an alert; ``told``: what it said. In the caller's transaction."""
    values = {
        "at": database_now(), "name": actor.name[:200], "is_group": False, "question": f"调查告警 {alert_id}",
        "answer": told, "reason": reason.strip()[:500], "state": CorrectionState.OPEN, "tool": "investigate_alert",
        "arguments": {"alert_id": alert_id},
    }  # fmt: skip
    Correction.objects.update_or_create(alert_id=alert_id, author=actor.ident[:220], defaults=values)


def take_back_investigation(alert_id: int, actor: Actor) -> None:
    """They find it useful now: nothing of what they had said waits any more."""
    rows = Correction.objects.filter(alert_id=alert_id, author=actor.ident[:220], state=CorrectionState.OPEN)
    rows.update(state=CorrectionState.DISMISSED)


def draft(row: Correction, actor: Actor) -> int:
    """A draft of a runbook for those of the reviewer's role only: the question may be private. Returns its number.

    Raises InvalidInput.
    """
    words = " ".join("".join(each if each.isprintable() else " " for each in row.question).split())
    role = runbooks.reader_of(actor, drafts=True).role
    head = {"name": f"改进 {row.pk}：{words[:60]}", "roles": [role.value], "published": False}
    body = (
        f"## 步骤\n\n（在这里写出正确的做法。）\n\n## 来历\n\n问：{words[:500]}\n\n没用的原因：{row.reason}"
    )
    with transaction.atomic():
        _settle(row, CorrectionState.DONE)
        made = runbooks.save_skill(make_skill(head, body), actor, note="来自改进建议")
        Correction.objects.filter(pk=row.pk).update(runbook_id=made.id)
    return made.id


def dismiss(row: Correction, actor: Actor) -> None:
    """Nothing comes of it. Raises InvalidInput."""
    with transaction.atomic():
        _settle(row, CorrectionState.DISMISSED)
        keep(actor, "不采纳改进建议", f"correction:{row.pk}", {})


def _settle(row: Correction, state: CorrectionState) -> None:
    if not Correction.objects.filter(pk=row.pk, state=CorrectionState.OPEN).update(state=state):
        raise InvalidInput(_SETTLED)


def case_of(row: Correction) -> str:
    """A line for the evaluation set. Raises InvalidInput while nobody has said what would have been right."""
    if not row.tool:
        raise InvalidInput(f"改进建议 {row.pk} 还没有写明「应该查」：打开它，选好再导出。")
    line: dict[str, Any] = {
        "text": row.question,
        "tool": None if row.tool == Correction.NO_TOOL else row.tool,
    }
    line |= {"arguments": row.arguments} if row.arguments else {}
    line |= {"facts": row.facts} if row.facts else {}
    line |= {"group": True} if row.is_group else {}
    return json.dumps(line, ensure_ascii=False)
