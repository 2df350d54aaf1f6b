"""Unmerged assets: those that a stream or fetched account would have joined, had a person not set something of one."""

from collections.abc import Sequence
from typing import Final

from django.utils import timezone

from secops_agent.models import KeptApart
from secops_agent.services.records.identity import digest

MOST: Final = 200  # of a configuration


def note(config_id: int, names: Sequence[str]) -> int:
    """Remember what one import kept apart (`ImportOutcome.apart`), in the caller's transaction; returns how many are new."""
    if not names:
        return 0
    now, marks = timezone.now(), {digest(each): each for each in names[:MOST]}
    mine = KeptApart.objects.filter(config=config_id)
    known = set(mine.filter(mark__in=marks).values_list("mark", flat=True))
    rows = [
        KeptApart(config_id=config_id, mark=mark, names=marks[mark], at=now) for mark in sorted(marks)
    ]  # in one order, so that two processes do not wait for each other
    KeptApart.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["config", "mark"], update_fields=["at"]
    )
    for last in mine.order_by("-at", "-pk").values_list("at", flat=True)[MOST:][:1]:
        mine.filter(at__lte=last).delete()
    return len(marks.keys() - known)


def noted(config_id: int) -> list[KeptApart]:
    """The latest first."""
    return list(KeptApart.objects.filter(config=config_id).order_by("-at", "mark"))
