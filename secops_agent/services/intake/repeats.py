"""Repeated requests: the same Idempotency-Key gets the same answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.models.people.token import RememberedAnswer
from secops_agent.services.faults import Conflict

KEPT = timedelta(hours=24)
_WORKING = timedelta(minutes=2)  # after that the first request is taken for dead
LENGTH = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a JSON body."""

    status: int
    body: Mapping[str, Any]


def begin(caller: str, key: str, body: str) -> Answer | None:
    """Take `key` for the request whose body has the hash `body`; the stored answer if it was given already.

    Raises Conflict for another body, or while the first request is still being worked on; InvalidInput.
    """
    if not key or len(key) > LENGTH or not key.isprintable():
        raise InvalidInput(f"Idempotency-Key 应为 1 到 {LENGTH} 个可见字符。")
    now = timezone.now()
    row, mine = RememberedAnswer.objects.get_or_create(
        caller=caller, key=key, defaults={"body": body, "created_at": now}
    )
    if mine:
        return None
    if now - row.created_at > KEPT and _take_over(row, body):
        return None
    if row.body != body:
        raise Conflict("这个 Idempotency-Key 已用于内容不同的请求：新的内容请用新的键。")
    if row.status:
        return Answer(row.status, row.answer)
    if now - row.created_at > _WORKING and _take_over(row, body):
        return None
    raise Conflict("同一个 Idempotency-Key 的请求正在处理，请稍后再查询结果。")


def _take_over(row: RememberedAnswer, body: str) -> bool:
    same = RememberedAnswer.objects.filter(pk=row.pk, created_at=row.created_at)
    return bool(same.update(body=body, status=0, answer={}, created_at=timezone.now()))


def remember(caller: str, key: str, answer: Answer) -> None:
    """What the request was answered."""
    rows = RememberedAnswer.objects.filter(caller=caller, key=key)
    rows.update(status=answer.status, answer=dict(answer.body))


def forget(caller: str, key: str) -> None:
    """The request failed in a way that a repetition may mend."""
    RememberedAnswer.objects.filter(caller=caller, key=key, status=0).delete()


def prune() -> int:
    """Drop what is older than a day."""
    return RememberedAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
