"""Head of the audit chain: its last value, kept outside of the database, so that cutting its end shows.

One file a host, in the data directory, written by whoever seals there. Of several hosts on one database each keeps
what it saw last: a head that is behind is right, as long as the chain still leads through it.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from django.conf import settings
from django.db.models import F, Q

from bifang.core.errors import BifangError, ConfigError
from bifang.env import unreadable
from secops_agent.models import AuditRecord, AuditSegment
from secops_agent.services.audit import seals
from secops_agent.services.audit.trail import FIELDS

FILE: Final = "audit_head.json"
UNREADABLE_HEAD: Final = "读不懂：它被改过或损坏了。"


@dataclass(frozen=True, slots=True)
class Head:
    """A value of the chain: after the ``count``th record of segment ``number``."""

    number: int
    count: int
    digest: str

    def __str__(self) -> str:
        return f"第 {self.number} 段第 {self.count} 条，摘要 {self.digest}"


def path() -> Path:
    """Where this host keeps it."""
    return Path(settings.DATA_DIR) / FILE


def current() -> Head | None:
    """The chain's end in the database."""
    last = AuditSegment.objects.order_by("-number").values_list("number", "count", "digest").first()
    return Head(*last) if last else None


def read() -> Head | None:
    """What this host kept; None: nothing so far. Raises ConfigError."""
    try:
        told = json.loads(path().read_text(encoding="utf-8"))
        return Head(int(told["number"]), int(told["count"]), str(told["digest"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(unreadable(path(), error)) from None
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"数据目录里的链尾 {path()} {UNREADABLE_HEAD}") from None


def keep(head: Head) -> None:
    """Write it, unless the chain no longer leads through what was kept before: that is the proof, and stays.

    Call it only with what is safe on the disk: after a power failure the file must not be ahead of the database.
    Raises BifangError.
    """
    kept = read()
    if kept is not None and not lies_on_the_chain(kept):
        raise BifangError(missing(kept), permanent=True)
    try:
        with NamedTemporaryFile("w", dir=path().parent, prefix=f"{FILE}.", delete=False) as draft:
            json.dump(asdict(head), draft)
            draft.flush()
            os.fsync(draft.fileno())
        Path(draft.name).replace(path())
    except OSError as error:
        raise ConfigError(unreadable(path(), error)) from None


def missing(kept: Head) -> str:
    """What it means that the chain does not lead through it, and what to do."""
    return (
        f"本机记下的链尾（{kept}）不在链上：末尾的记录被截去，链退回到了更早的状态，或者换了数据库。"
        f"如果是您恢复了备份或换了数据库，核实以后把 {path()} 移到别处，封存时会重新记下。"
    )


def lies_on_the_chain(head: Head) -> bool:
    """Does the chain lead through it? Computes the rest of its segment again, if its records are still there.

    Once they are gone, only the seals can tell: what they do not prove is no proof of the head.
    """
    segment = AuditSegment.objects.filter(number=head.number).first()
    if segment is None or head.count > segment.count:
        return False
    if segment.dropped_at is not None and not seals.drop_is_proven(segment):
        return False
    if head.count == segment.count:
        return head.digest == segment.digest
    if segment.dropped_at is not None:
        return True
    digest = head.digest
    within = Q(segment=segment, position__gt=head.count, position__lte=segment.count)
    rows = AuditRecord.objects.filter(within).order_by("position").values(*FIELDS, place=F("position"))
    for row in rows.iterator(chunk_size=500):
        digest = seals.next_digest(digest, row.pop("place"), row)
    return digest == segment.digest
