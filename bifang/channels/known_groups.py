"""The groups that a robot is in, as far as it was spoken to there, and whether what the company knows may be said in them."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from bifang.channels.models import GroupState, KnownGroup
from bifang.channels.ports import ReplyTarget
from bifang.core.changes import Author, Change, record

EVERY: Final = timedelta(hours=1)  # how often the same group is written down
LOOK_EVERY: Final = timedelta(minutes=1)  # how often a process looks whether it is known
SYSTEM: Final = Author(None, "", "events")
_WITHHELD: Final = {
    GroupState.OUTSIDERS: "里有外部人员，不在那里说本单位的事：请移出外部人员后由管理员在「已知的群」里恢复推送",
    GroupState.REMOVED: "已解散，或机器人已被移除：请在群里重新添加机器人并 @ 一次",
}


def withheld(group: KnownGroup) -> str:
    """Why nothing is said in this group, pushed, sent or answered, and what to do, without a full stop; "" if it may be."""
    why = _WITHHELD.get(GroupState(group.state))
    return f"群「{group}」{why}" if why else ""


def with_outsiders(config_id: int, conversation_id: str) -> str:
    """`withheld` where somebody of another corporation reads along, else ""."""
    rows = KnownGroup.objects.filter(conversation_id=conversation_id, state=GroupState.OUTSIDERS)
    group = rows.filter(config_id=config_id).first()
    return withheld(group) if group else ""


def among_us(config_id: int, target: ReplyTarget) -> ReplyTarget:
    """Where it is said instead: in private to whom it is for, if outsiders read along in their group."""
    if not (target.is_group and target.staff_id and with_outsiders(config_id, target.conversation_id)):
        return target
    return ReplyTarget("", is_group=False, staff_id=target.staff_id, robot_code=target.robot_code)


def learn_group(
    config_id: int,
    conversation_id: str,
    *,
    title: str,
    corp_id: str,
    speaker: str,
    staff_id: str,
    how: str = "又在群里 @ 了机器人",
) -> None:
    """Somebody of the own corporation spoke to the robot in this group, or did with it what ``how`` says: the robot is
    there. Who was first stays."""
    now = timezone.now()
    row, made = KnownGroup.objects.get_or_create(
        config_id=config_id, conversation_id=conversation_id,
        defaults={
            "title": title[:200], "corp_id": corp_id[:100], "learned_by": speaker[:200], "learned_by_id": staff_id[:100],
            "learned_at": now, "last_seen_at": now,
        },
    )  # fmt: skip
    if not made and now - row.last_seen_at >= EVERY:
        named = {"title": title[:200]} if title else {}
        KnownGroup.objects.filter(pk=row.pk).update(last_seen_at=now, corp_id=corp_id[:100], **named)
    if row.state == GroupState.REMOVED:
        allow_pushing([row], f"{speaker or staff_id} {how}", SYSTEM, GroupState.REMOVED)


def stop_pushing(
    conversation_id: str,
    corp_id: str,
    state: GroupState,
    reason: str,
    event: str,
    *,
    config_id: int | None = None,
) -> list[KnownGroup]:
    """Nothing unasked goes to this group any more, whichever robot of the corporation is there, or through one only.

    Returns its rows, stopped now or before: ``state_event`` names what stopped each.
    """
    rows = _rows(conversation_id, corp_id)
    rows = rows if config_id is None else rows.filter(config_id=config_id)
    for pk in rows.filter(state=GroupState.OPEN).values_list("pk", flat=True):
        with transaction.atomic():
            _change(pk, GroupState.OPEN, state, reason, event, SYSTEM)
    return list(rows)


def allow_pushing(groups: Iterable[KnownGroup], reason: str, author: Author, *states: GroupState) -> int:
    """Messages may go there again. Returns how many were stopped, for one of `states` if they are given."""
    done = 0
    for group in groups:
        before = GroupState(group.state)
        if before == GroupState.OPEN or (states and before not in states):
            continue
        with transaction.atomic():
            done += _change(group.pk, before, GroupState.OPEN, reason, "", author)
    return done


def rename(conversation_id: str, corp_id: str, title: str) -> None:
    """The group has another name now."""
    if title:
        _rows(conversation_id, corp_id).update(title=title[:200])


def _rows(conversation_id: str, corp_id: str) -> "QuerySet[KnownGroup]":
    rows = KnownGroup.objects.filter(conversation_id=conversation_id, corp_id__in={corp_id, ""})
    return rows.order_by("pk") if conversation_id else rows.none()


def _change(pk: int, before: GroupState, after: GroupState, reason: str, event: str, author: Author) -> int:
    """In the caller's transaction. 0: it was not in that state any more."""
    rows = KnownGroup.objects.filter(pk=pk, state=before)
    done = rows.update(
        state=after, state_at=timezone.now(), state_reason=reason[:300], state_event=event[:200]
    )
    if done:
        what = "恢复向群推送" if after == GroupState.OPEN else "停止向群推送"
        detail = {"state": [before.value, after.value], "reason": reason[:300], "event": event[:200]}
        record(Change(author, what, f"group:{pk}", detail))
    return done
