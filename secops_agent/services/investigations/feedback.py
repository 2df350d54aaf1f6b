"""👍 and 👎: what people say of an investigation, with a reason. It counts in the comparison of its rule, and what is
useless waits among the corrections."""

from django.db import transaction

from bifang.core.database.db import database_now
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models import Investigation, InvestigationOpinion, InvestigationState
from secops_agent.services import corrections
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.faults import NotFound
from secops_agent.services.investigations.dossiers import load_dossier
from secops_agent.services.investigations.wording import cited, reason_line, verdict_line


def give(alert_id: int, actor: Actor, *, useful: bool, reason: str = "") -> InvestigationOpinion:
    """On every investigation of the alert that is done; the last word of a person counts. Raises NotFound, InvalidInput."""
    if not useful and not reason.strip():
        raise InvalidInput(f"请写明哪里没用，例如：调查 A{alert_id} 没用 没有看同网段的主机")
    rows = Investigation.objects.filter(alert_id=alert_id, state=InvestigationState.DONE).order_by(
        "requested_at"
    )
    values = {
        "actor_name": actor.name[:200], "useful": useful, "reason": reason.strip()[:500], "at": database_now(),
    }  # fmt: skip
    said = None
    with transaction.atomic():
        for row in rows:
            said, _ = InvestigationOpinion.objects.update_or_create(
                investigation=row, actor_kind=actor.kind, actor_id=actor.ident[:100], defaults=values
            )
        if said is None:
            raise NotFound(f"告警 A{alert_id} 还没有调查过：发送「{says.investigate(alert_id)}」。")
        word = "有用" if useful else "没用"
        _tell_reviewers(said, actor)
        keep(
            actor,
            f"评价告警 {alert_id} 的调查：{word}",
            f"alert:{alert_id}",
            {"useful": useful},
            reason[:500],
        )
    return said


def _tell_reviewers(said: InvestigationOpinion, actor: Actor) -> None:
    """What is useless waits for somebody to make something of it."""
    row = said.investigation
    if said.useful:
        corrections.take_back_investigation(row.alert_id, actor)
    else:
        corrections.take_down_investigation(row.alert_id, _told(row), actor, said.reason)


def _told(row: Investigation) -> str:
    """What it said, for whoever looks into the complaint."""
    dossier = load_dossier(row.facts)
    found = dossier.assessment
    lines = [f"建议结论：{verdict_line(found)}", *map(reason_line, found.signals)]
    return "\n".join([*lines, *(cited(each) for section in dossier.sections for each in section.statements)])
