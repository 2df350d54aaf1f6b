"""The groups that a robot is in, as far as it was spoken to there."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from bifang.channels.models import KnownGroup

EVERY: Final = timedelta(hours=1)  # how often the same group is written down


def learn_group(
    config_id: int, conversation_id: str, *, title: str, corp_id: str, speaker: str, staff_id: str
) -> None:
    """Somebody of the own corporation spoke to the robot in this group. Who did so first stays."""
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
