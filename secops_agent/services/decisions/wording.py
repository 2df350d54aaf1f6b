"""Texts of proposals: what people read of one, and how they decide it."""

from django.conf import settings

from bifang.core.configuration.kinds import get_kind
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.models.automation.proposal import Proposal, Risk
from secops_agent.services import links


def how_elsewhere(config_id: int) -> str:
    """How to approve what this configuration's people ask for, where words in its chat do not count; "" if they do."""
    row = SystemConfig.objects.filter(pk=config_id).only("kind", "params").first()
    how = get_kind(row.kind).approving(row.params) if row else ""
    page = f"{settings.PUBLIC_URL}{links.listing('proposal')}"
    return f"{how}（{page}）" if how and settings.PUBLIC_URL else how


def describe(proposal: Proposal, carrier_effect: str, elsewhere: str) -> str:
    """The proposal for the conversation it came from; ``elsewhere``: see `how_elsewhere`."""
    if proposal.risk == Risk.WRITE:
        how = f"尚未执行。请本人在 {_term(proposal)}内回复「{says.confirm(proposal.code)}」；不需要时回复「{says.reject(proposal.code)}」。"
    else:
        how = (
            f"尚未执行，已请审批人决定。由提出人以外的审批人在 {minutes(proposal)} 分钟内"
            f"{approving(proposal, elsewhere)}，或回复「{says.reject(proposal.code, '理由')}」。"
        )
    warning = f"**{carrier_effect}**\n\n" if carrier_effect else ""
    return f"**{proposal.title}**（{proposal.code}）\n\n{proposal.summary}\n\n{warning}{how}"


def approving(proposal: Proposal, elsewhere: str) -> str:
    """What an approver does to approve it."""
    return elsewhere or f"回复「{says.approve(proposal.code)}」"


def describe_for_approver(proposal: Proposal, carrier_effect: str, elsewhere: str) -> str:
    """The request that an approver gets in private."""
    link = links.page("在网页上看", links.record("proposal", proposal.pk))
    return (
        f"**{proposal.asker_name}** 申请执行危险操作（在{asked_in(proposal)}提出，{minutes(proposal)} 分钟内有效）：\n\n"
        f"**{proposal.title}**\n\n{proposal.summary}\n\n**{carrier_effect}**\n\n"
        f"{approving(proposal, elsewhere)}执行，或回复「{says.reject(proposal.code, '理由')}」。{link}"
    )


def asked_in(proposal: Proposal) -> str:
    """Where it was asked for."""
    if not proposal.conversation_id:
        return "网页或接口"
    return "群聊" if proposal.is_group else "单聊"


def minutes(proposal: Proposal) -> int:
    """For how long a fresh proposal can be decided."""
    return int((proposal.expires_at - proposal.created_at).total_seconds() // 60)


def _term(proposal: Proposal) -> str:
    left = minutes(proposal)
    return f"{left // 60} 小时" if left >= 120 else f"{left} 分钟"
