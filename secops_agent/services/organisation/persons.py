"""Rules about people: who leaves, who becomes or is no administrator any more, whose particulars change."""

from collections.abc import Iterator, Sequence
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
from secops_agent.models.automation.proposal import ProposalState
from secops_agent.models.choices import AlertStatus
from secops_agent.models.people.staff import allows
from secops_agent.services.organisation.events import OrganisationEvent, in_working_hours, signal
from secops_agent.services.people.logins import valid_user
from secops_agent.services.people.staff import leave_organisation
from secops_agent.services.records import AlertRecord, Severity

# What hangs on a person: what they may do, and what somebody else has to take over when they go.

LISTED: Final = 10  # of each sort; the rest is a number


@dataclass(frozen=True, slots=True)
class Dependants:
    """``work`` and ``access`` are lines for people: what is to be handed over, and what they can enter with."""

    name: str
    role: Role | None
    work: tuple[str, ...]
    access: tuple[str, ...]

    @property
    def matter(self) -> bool:
        """Is there anything that a change of this person touches?"""
        return bool(self.work or self.access) or (self.role is not None and allows(self.role, Role.ANALYST))


def dependants_of(corp_id: str, staff_id: str) -> Dependants:
    """Of somebody listed or not; a handful of queries."""
    row = Staff.objects.filter(corp_id__in={corp_id, ""}, staff_id=staff_id).order_by("-corp_id").first()
    owned = Asset.objects.filter(owner=None, owner_text=staff_id)
    if row is None:
        return Dependants(staff_id, None, tuple(_assets(owned)), ())
    owned = Asset.objects.filter(Q(owner=row) | Q(owner=None, owner_text__in=(staff_id, row.name)))
    work = (*_assets(owned), *_alerts(row), *_proposals(row), *_duties(row), *_told(row))
    return Dependants(row.name, Role(row.role), work, tuple(_access(row)))


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
    return [f"他提出、等待决定的操作 {count} 个：{codes}。请在「审批」里拒绝或另行提出。"] if count else []


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


CONTACTS: Final = frozenset({"手机号", "邮箱"})  # with these an account is taken over


def left(happening: OrganisationEvent) -> Iterator[AlertRecord]:
    """Rights go first, at once; then an alert for everybody who leaves something behind or could do something."""
    leave_organisation(happening.corp_id, happening.staff_ids, happening.source)
    for staff_id in happening.staff_ids:
        person = dependants_of(happening.corp_id, staff_id)
        if person.role is None and not person.work:
            continue
        yield signal(
            happening, staff_id, f"人员离职：{_called(person.name, staff_id)}", _weight_of_leaving(person),
            _off_boarding(person, happening), rule="人员离职",
        )  # fmt: skip


def _weight_of_leaving(person: Dependants) -> Severity:
    if person.role is not None and allows(person.role, Role.RESPONDER):
        return "high"
    return "medium" if person.matter else "low"


def _off_boarding(person: Dependants, happening: OrganisationEvent) -> list[str]:
    role = f"角色「{person.role.label}」不再有效" if person.role else "他不在人员名单里，没有角色"
    lines = [
        "已收回：",
        f"- {role}，问机器人、审批、登录都按离职处理",
        *(f"- {each}" for each in person.access),
    ]
    lines += ["", "待办（没有人负责了）：" if person.work else "待办：没有需要移交的事项。"]
    return [*lines, *(f"- {each}" for each in person.work), *_by_whom(happening)]


def admin_changed(happening: OrganisationEvent) -> Iterator[AlertRecord]:
    """Everybody who became an administrator of the organisation, or is none any more."""
    added, late = happening.kind == "admin_added", not in_working_hours(happening.at)
    verb = "新增企业管理员" if added else "取消企业管理员"
    for staff_id in happening.staff_ids:
        listed = _listed_name(happening.corp_id, staff_id)
        name, called = _name(listed, staff_id), _called(listed, staff_id)
        severity: Severity = ("critical" if late else "high") if added else ("high" if late else "medium")
        lines = [
            f"{name} {'成为' if added else '不再是'}钉钉企业管理员。",
            "发生在工作时间以外，级别提高一级。" if late else "发生在工作时间内。",
            "请向操作人核实；不是本人操作时，立即在钉钉管理后台撤回，并检查操作人的账号。",
            *_by_whom(happening),
        ]
        title = f"{verb}：{called}{'（非工作时间）' if late else ''}"
        yield signal(happening, staff_id, title, severity, lines, rule=verb)


def profile_changed(happening: OrganisationEvent) -> Iterator[AlertRecord]:
    """Only of people who have rights, assets, alerts or duties here."""
    what = "、".join(happening.fields) or "钉钉没有说明"
    for staff_id, person in _who_matter(happening):
        grave = person.role is not None and allows(person.role, Role.RESPONDER)
        severity: Severity = "medium" if grave and CONTACTS & set(happening.fields) else "low"
        lines = [
            f"变更的资料：{what}。",
            "请核对他名下的资产、告警和值班是否仍该由他负责。",
            *_ownership(person),
        ]
        yield signal(
            happening, staff_id, f"人员资料变更：{_called(person.name, staff_id)}（{what}）", severity,
            [*lines, *_by_whom(happening)], rule="人员资料变更",
        )  # fmt: skip


def roles_changed(happening: OrganisationEvent) -> Iterator[AlertRecord]:
    """As `profile_changed`, of roles in the organisation. What they may do here is said in 人员 only."""
    what = "、".join(happening.fields)
    for staff_id, person in _who_matter(happening):
        lines = [
            f"钉钉里的角色变更：{what}。毕方里的角色没有变。",
            "请核对他在毕方的角色、名下的资产和值班是否仍然合适。", *_ownership(person), *_by_whom(happening),
        ]  # fmt: skip
        title = f"钉钉角色变更：{_called(person.name, staff_id)}（{what}）"
        yield signal(happening, staff_id, title, "low", lines, rule="钉钉角色变更")


def _who_matter(happening: OrganisationEvent) -> Iterator[tuple[str, Dependants]]:
    for staff_id in happening.staff_ids:
        person = dependants_of(happening.corp_id, staff_id)
        if person.matter:
            yield staff_id, person


def _ownership(person: Dependants) -> list[str]:
    role = [f"- 角色「{person.role.label}」"] if person.role else []
    return ["", "现在由他负责：", *role, *(f"- {each}" for each in (*person.access, *person.work))]


def _by_whom(happening: OrganisationEvent) -> list[str]:
    if not happening.operator_id:
        return []
    return [
        "",
        f"操作人：{_name(_listed_name(happening.corp_id, happening.operator_id), happening.operator_id)}",
    ]


def _listed_name(corp_id: str, staff_id: str) -> str:
    rows = Staff.objects.filter(corp_id__in={corp_id, ""}, staff_id=staff_id).order_by("-corp_id")
    return rows.values_list("name", flat=True).first() or staff_id


def _name(name: str, staff_id: str) -> str:
    return name if name == staff_id else f"{name}（{staff_id}）"


def _called(name: str, staff_id: str) -> str:
    """In a title, which goes to groups: never the account."""
    return "未登记的人员" if name == staff_id else name
