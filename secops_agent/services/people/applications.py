"""Ids that belong to one application: Feishu's open_id is known only to the application that its owner wrote to."""

from collections.abc import Sequence

from django.db.models import QuerySet

from bifang.channels.models import InboxRow
from bifang.core.configuration.kinds import get_kind
from bifang.core.models import SystemConfig
from secops_agent.models import Staff
from secops_agent.services.chats import WEB, label_of


def is_of(config: SystemConfig, staff: Staff) -> bool:
    """Is the account's id one that this configuration can speak to?

    Yes where ids are the corporation's, and where nobody can tell: its owner wrote to no application, or long ago.
    """
    if not get_kind(config.kind).ids_of_application:
        return True
    others = SystemConfig.objects.filter(kind=config.kind).exclude(client_id=config.client_id)
    heard = _written_to(config.kind, staff.staff_id) if others.exists() else ()
    return not heard or config.client_id in heard


def reached_by(config: SystemConfig, staff: Staff) -> Staff | None:
    """As which account this configuration reaches somebody: this one, or another one of theirs (tied to the same login)
    that wrote to it; None if as none."""
    if is_of(config, staff):
        return staff
    tied = Staff.objects.acting().filter(user_id=staff.user_id) if staff.user_id else Staff.objects.none()
    own = tied.filter(corp_id__in=(staff.corp_id, "")).exclude(pk=staff.pk).order_by("pk")
    return next((row for row in own if config.client_id in _written_to(config.kind, row.staff_id)), None)


def reachable(config: SystemConfig, people: Sequence[Staff]) -> list[Staff]:
    """Those whom `reached_by` finds, in one query for all who never wrote to another application."""
    if not get_kind(config.kind).ids_of_application:
        return list(people)
    others = SystemConfig.objects.filter(kind=config.kind).exclude(client_id=config.client_id)
    heard = _conversations(config.kind).filter(sender_id__in=[staff.staff_id for staff in people])
    strange = set(heard.filter(config__in=others).values_list("sender_id", flat=True).distinct())
    return [staff for staff in people if staff.staff_id not in strange or reached_by(config, staff)]


def why_not(config: SystemConfig, staff: Staff) -> str:
    """What people are told where `reached_by` finds nobody."""
    return (
        f"「{staff}」的员工 ID {staff.staff_id} 属于另一个{label_of(config)}应用，配置「{config.name}」联系不到他：请换成他写过话的那个配置；"
        f"或者请他给「{config.name}」的机器人发一句话，登记得到的 ID，再由超级管理员在「人员」里把两条记录对应到同一个登录用户。"
    )


def _written_to(kind: str, staff_id: str) -> frozenset[str]:
    """The applications that this id wrote to or clicked in, a page of ours not counted."""
    said = _conversations(kind).filter(sender_id=staff_id)
    return frozenset(said.values_list("config__client_id", flat=True).distinct())


def _conversations(kind: str) -> "QuerySet[InboxRow]":
    said = InboxRow.objects.filter(kind__in=("chat", "card"), config__kind=kind)
    return said.exclude(conversation_id__startswith=WEB).order_by()
