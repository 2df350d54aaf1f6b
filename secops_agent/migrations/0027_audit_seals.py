"""The seals of the audit chain say the day, too, and a drop has one of its own.

Only what verifies is sealed anew: a segment whose seal is its own, and of the dropped ones those whose drop has its
record in the trail, written in the same moment, and whose day lies between its neighbours'. What does not verify
keeps the seal that it has, and `verify_audit` goes on telling of it. Records are not read: as long as they are there,
their digest proves the day.
"""

from datetime import date, timedelta
from typing import Any

from django.db import migrations
from django.utils import timezone

import bifang.core.secrets.sealed
from secops_agent.models import AuditSegment
from secops_agent.services.audit import seals
from secops_agent.services.audit.seals import SealStanding
from secops_agent.services.audit.verification import DROPPED

AT_ONCE = timedelta(minutes=1)  # between the mark of a drop and its record, which are one transaction


def seal_anew(apps: Any, schema_editor: Any) -> None:
    """The former models have no places to seal for; the current one's columns are those of this migration."""
    records = apps.get_model("secops_agent", "AuditRecord").objects
    segments = apps.get_model("secops_agent", "AuditSegment").objects
    columns = ("id", "number", "day", "previous", "digest", "count", "closed", "dropped_at", "seal", "drop_seal")
    rows = [AuditSegment(**row) for row in segments.order_by("number").values(*columns)]
    last = max((row.day for row in rows if row.dropped_at), default=date.min)
    for place, row in enumerate(rows):
        before = rows[place - 1].day if place else date.min
        after = rows[place + 1].day if place + 1 < len(rows) else date.max
        at, row.dropped_at = row.dropped_at, None
        if seals.standing(row) is not SealStanding.GOOD:
            continue
        changes = {"seal": seals.seal_of(row)}
        if at is not None:
            row.dropped_at = at
            told = records.filter(
                what=f"{DROPPED}{row.number}", actor_kind="system", at__range=(at - AT_ONCE, at + AT_ONCE)
            )
            # One whose record has been dropped since is as good.
            if not before <= row.day <= after or not (timezone.localdate(at) <= last or told.exists()):
                continue
            changes["drop_seal"] = seals.drop_seal_of(row)
        segments.filter(pk=row.pk).update(**changes)


class Migration(migrations.Migration):

    dependencies = [
        ('secops_agent', '0026_uncompared'),
    ]

    operations = [
        migrations.AddField(
            model_name='auditsegment',
            name='drop_seal',
            field=bifang.core.secrets.sealed.SealedField(blank=True, null=True),
        ),
        migrations.RunPython(seal_anew, migrations.RunPython.noop, elidable=False),
    ]
