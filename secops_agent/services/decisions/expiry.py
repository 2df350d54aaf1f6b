"""Proposals that nobody decided in time."""

from django.db import transaction

from bifang.core.db import database_now
from secops_agent.models.audit import AuditKind
from secops_agent.models.proposal import Proposal, ProposalState, Risk
from secops_agent.services.actors import Actor
from secops_agent.services.audit.trail import Place, append, entry
from secops_agent.services.decisions import notices


def expire_overdue() -> int:
    """Close what nobody decided in time, and say so where a second person was asked for. Returns how many."""
    now, count = database_now(), 0
    overdue = Proposal.objects.filter(state=ProposalState.PROPOSED, expires_at__lte=now)
    for proposal in overdue.order_by("pk")[:100]:
        with transaction.atomic():
            text = f"{proposal.code} 没有人在规定时间内决定，已过期，没有执行：{proposal.summary}"
            if not overdue.filter(pk=proposal.pk).update(
                state=ProposalState.EXPIRED, decided_at=now, result=text
            ):
                continue
            count += 1
            place = Place(proposal.config_id, proposal.conversation_id, proposal.inbox_id)
            actor, subject = Actor.system("expiry"), f"proposal:{proposal.code}"
            append(
                [
                    entry(
                        AuditKind.APPROVAL,
                        f"{proposal.title}过期",
                        actor,
                        place=place,
                        subject=subject,
                        text=text,
                    )
                ]
            )
            if proposal.risk == Risk.DANGEROUS:
                notices.tell_origin(proposal, text, f"proposal:{proposal.pk}:expired")
    return count
