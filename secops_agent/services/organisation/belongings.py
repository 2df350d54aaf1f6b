"""What hangs on a person: what they may do, and what somebody else has to take over when they go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils import timezone

from secops_agent.models import (
    Alert,
    ApiToken,
    Asset,
    NotificationTarget,
    OnCallMember,
    OnCallOverride,
    Proposal,
    Role,
    Staff,
)
from secops_agent.models.choices import AlertStatus
from secops_agent.models.proposal import ProposalState
from secops_agent.models.staff import allows
from secops_agent.services.people.logins import valid_user

LISTED: Final = 10  # of each sort; the rest is a number


@dataclass(frozen=True, slots=True)
class Belongings:
    """``work`` and ``access`` are lines for people: what is to be handed over, and what they can enter with."""

    name: str
    role: Role | None
    work: tuple[str, ...]
    access: tuple[str, ...]

    @property
    def matter(self) -> bool:
        """Is there anything that a change of this person touches?"""
        return bool(self.work or self.access) or (self.role is not None and allows(self.role, Role.ANALYST))


def belongings_of(corp_id: str, staff_id: str) -> Belongings:
    """Of somebody listed or not; a handful of queries."""
    row = Staff.objects.filter(corp_id__in={corp_id, ""}, staff_id=staff_id).order_by("-corp_id").first()
    owned = Asset.objects.filter(owner=None, owner_text=staff_id)
    if row is None:
        return Belongings(staff_id, None, tuple(_assets(owned)), ())
    owned = Asset.objects.filter(Q(owner=row) | Q(owner=None, owner_text__in=(staff_id, row.name)))
    work = (*_assets(owned), *_alerts(row), *_proposals(row), *_duties(row), *_told(row))
    return Belongings(row.name, Role(row.role), work, tuple(_access(row)))


def _listed(rows: "QuerySet[Any]", name: str) -> tuple[int, str]:
    """How many, and the first ones by name."""
    count = rows.count()
    names = "、".join(str(each) for each in rows.values_list(name, flat=True)[:LISTED])
    return count, f"{names} 等" if count > LISTED else names


def _assets(rows: "QuerySet[Asset]") -> list[str]:
    count, names = _listed(rows.order_by("name", "id"), "name")
    return [f"名下资产 {count} 个：{names}。请在「资产」里换负责人。"] if count else []


def _alerts(row: Staff) -> list[str]:
    mine = Alert.objects.filter(assignee=row).exclude(status=AlertStatus.CLOSED).order_by("-last_seen")
    count = mine.count()
    codes = "、".join(f"A{pk}" for pk in mine.values_list("pk", flat=True)[:LISTED])
    more = " 等" if count > LISTED else ""
    return [f"处理中的告警 {count} 条：{codes}{more}。请重新指派。"] if count else []


def _proposals(row: Staff) -> list[str]:
    asked = Proposal.objects.filter(asked_by=row, state=ProposalState.PROPOSED).order_by("pk")
    count, codes = _listed(asked, "code")
    return (
        [f"他提出、等待决定的操作 {count} 个：{codes}。请在「操作审批」里拒绝或另行提出。"] if count else []
    )


def _duties(row: Staff) -> list[str]:
    layers = OnCallMember.objects.filter(staff=row).order_by("layer__schedule__name")
    rotas = list(dict.fromkeys(layers.values_list("layer__schedule__name", flat=True)))
    ahead = OnCallOverride.objects.filter(staff=row, ends_at__gt=timezone.now())
    swaps = list(dict.fromkeys(ahead.order_by("starts_at").values_list("schedule__name", flat=True)))
    found = [f"值班表：{'、'.join(rotas)}。请把他的班次换给别人。"] if rotas else []
    return found + ([f"临时换人：{'、'.join(swaps)}（{ahead.count()} 次）。请另换一位。"] if swaps else [])


def _told(row: Staff) -> list[str]:
    rules = NotificationTarget.objects.filter(staff=row).order_by("rule__name")
    names = list(dict.fromkeys(rules.values_list("rule__name", flat=True)))
    return [f"通知规则直接发给他：{'、'.join(names)}。请换目标。"] if names else []


def _access(row: Staff) -> Sequence[str]:
    """The login and the API tokens of the person, and whether they still work."""
    user = get_user_model().objects.filter(pk=row.user_id).first() if row.user_id else None
    if user is None:
        return []
    state = "已失效" if valid_user(user.pk) is None else "仍有效（同一登录用户还有其他在职账号）"
    found = [f"网页登录 {user.get_username()}：{state}"]
    tokens = ApiToken.objects.filter(owner=user, revoked_at=None).exclude(expires_at__lt=timezone.now())
    count, names = _listed(tokens.order_by("name"), "name")
    return [*found, f"API 令牌 {count} 个（{names}）：{state}"] if count else found
