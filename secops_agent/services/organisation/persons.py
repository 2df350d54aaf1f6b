"""Rules about people: who leaves, who becomes or is no administrator any more, whose particulars change."""

from collections.abc import Iterator
from typing import Final

from secops_agent.models import Role, Staff
from secops_agent.models.staff import allows
from secops_agent.services.organisation.belongings import Belongings, belongings_of
from secops_agent.services.organisation.happenings import Happening, in_working_hours, signal
from secops_agent.services.people.staff import leave_organisation
from secops_agent.services.records import AlertRecord, Severity

CONTACTS: Final = frozenset({"手机号", "邮箱"})  # with these an account is taken over


def left(happening: Happening) -> Iterator[AlertRecord]:
    """Rights go first, at once; then an alert for everybody who leaves something behind or could do something."""
    leave_organisation(happening.corp_id, happening.staff_ids, happening.source)
    for staff_id in happening.staff_ids:
        person = belongings_of(happening.corp_id, staff_id)
        if person.role is None and not person.work:
            continue
        yield signal(
            happening, staff_id, f"人员离职：{_called(person.name, staff_id)}", _weight_of_leaving(person),
            _off_boarding(person, happening), rule="人员离职",
        )  # fmt: skip


def _weight_of_leaving(person: Belongings) -> Severity:
    if person.role is not None and allows(person.role, Role.RESPONDER):
        return "high"
    return "medium" if person.matter else "low"


def _off_boarding(person: Belongings, happening: Happening) -> list[str]:
    role = f"角色「{person.role.label}」不再有效" if person.role else "他不在人员名单里，没有角色"
    lines = [
        "已收回：",
        f"- {role}，问机器人、审批、登录都按离职处理",
        *(f"- {each}" for each in person.access),
    ]
    lines += ["", "待办（没有人负责了）：" if person.work else "待办：没有需要移交的事项。"]
    return [*lines, *(f"- {each}" for each in person.work), *_by_whom(happening)]


def admin_changed(happening: Happening) -> Iterator[AlertRecord]:
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


def profile_changed(happening: Happening) -> Iterator[AlertRecord]:
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


def roles_changed(happening: Happening) -> Iterator[AlertRecord]:
    """As `profile_changed`, of roles in the organisation. What they may do here is said in 人员 only."""
    what = "、".join(happening.fields)
    for staff_id, person in _who_matter(happening):
        lines = [
            f"钉钉里的角色变更：{what}。毕方里的角色没有变。",
            "请核对他在毕方的角色、名下的资产和值班是否仍然合适。", *_ownership(person), *_by_whom(happening),
        ]  # fmt: skip
        title = f"钉钉角色变更：{_called(person.name, staff_id)}（{what}）"
        yield signal(happening, staff_id, title, "low", lines, rule="钉钉角色变更")


def _who_matter(happening: Happening) -> Iterator[tuple[str, Belongings]]:
    for staff_id in happening.staff_ids:
        person = belongings_of(happening.corp_id, staff_id)
        if person.matter:
            yield staff_id, person


def _ownership(person: Belongings) -> list[str]:
    role = [f"- 角色「{person.role.label}」"] if person.role else []
    return ["", "现在由他负责：", *role, *(f"- {each}" for each in (*person.access, *person.work))]


def _by_whom(happening: Happening) -> list[str]:
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
