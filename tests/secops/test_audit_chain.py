"""The audit trail: sealed in segments, and whatever is touched afterwards shows."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from bifang.core.sealed import Sealed
from secops_agent.models import AuditKind, AuditRecord, AuditSegment
from secops_agent.services.actors import Actor
from secops_agent.services.audit import chain, trail

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
LI = Actor("person", "corp:li", "李四", "dingtalk")


def write(count: int = 5, **more: object) -> None:
    for number in range(count):
        detail = {"数": number, "小数": 1.5, "空": None}
        trail.append(
            [trail.entry(AuditKind.MESSAGE, "提问", LI, text=f"第 {number} 条", detail=detail, **more)]
        )


def sealed_days(days: int = 3) -> None:
    """A segment a day, the last one today."""
    for back in range(days - 1, -1, -1):
        write()
        chain.seal(timezone.now() - timedelta(days=back))


def test_untouched_chain_is_whole_and_days_are_segments() -> None:
    sealed_days()
    report = chain.verify()
    assert report.faults == ()
    assert (report.segments, report.records, report.unsealed) == (3, 15, 0)
    assert list(AuditSegment.objects.order_by("number").values_list("closed", flat=True)) == [
        True,
        True,
        False,
    ]


def test_open_segment_grows_over_many_batches() -> None:
    write(chain.BATCH + 20)
    assert [chain.seal(), chain.seal(), chain.seal()] == [chain.BATCH, 20, 0]
    write(3)
    chain.seal()
    assert AuditSegment.objects.get().count == chain.BATCH + 23
    assert chain.verify().faults == ()


def _change(**values: object) -> Callable[[], object]:
    return lambda: AuditRecord.objects.filter(segment__number=2, position=3).update(**values)


def _swap() -> None:
    one, other = AuditRecord.objects.filter(segment__number=2, position__in=[2, 4]).order_by("position")
    AuditRecord.objects.filter(pk=one.pk).update(position=99)
    AuditRecord.objects.filter(pk=other.pk).update(position=2)
    AuditRecord.objects.filter(pk=one.pk).update(position=4)


def _insert(position: int) -> Callable[[], object]:
    def insert() -> None:
        forged = trail.entry(AuditKind.MESSAGE, "伪造", LI).values
        segment = AuditSegment.objects.get(number=2)
        AuditRecord.objects.create(**forged, segment=segment, position=position)

    return insert


def _recompute() -> None:
    """Somebody who knows the code, but not the key, writes the whole chain anew."""
    AuditRecord.objects.filter(segment__number=1, position=1).update(text="改过")
    previous = chain.GENESIS
    for segment in AuditSegment.objects.order_by("number"):
        digest = chain.first_digest(previous, segment.number, segment.day)
        for position, row in enumerate(segment.records.order_by("position").values(*trail.FIELDS), 1):
            digest = chain.next_digest(digest, position, row)
        AuditSegment.objects.filter(pk=segment.pk).update(previous=previous, digest=digest)
        previous = digest


def _drop_segment() -> None:
    AuditRecord.objects.filter(segment__number=2).delete()
    AuditSegment.objects.filter(number=2).delete()


def _pretend_retention() -> None:
    AuditRecord.objects.filter(segment__number=2).delete()
    AuditSegment.objects.filter(number=2).update(dropped_at=timezone.now())


TAMPERING = {
    "text": _change(text="别的"),
    "actor": _change(actor_name="王五"),
    "kind": _change(kind="reply"),
    "detail": _change(detail={"数": 7}),
    "time": _change(at=timezone.now() - timedelta(days=9)),
    "conversation": _change(conversation_id="别处"),
    "unseal": _change(segment=None, position=None),
    "swap": _swap,
    "delete in the middle": lambda: AuditRecord.objects.filter(segment__number=2, position=3).delete(),
    "delete the last": lambda: AuditRecord.objects.filter(segment__number=3, position=5).delete(),
    "delete the first": lambda: AuditRecord.objects.filter(segment__number=1, position=1).delete(),
    "insert at the end": _insert(6),
    "insert with a gap": _insert(60),
    "count": lambda: AuditSegment.objects.filter(number=2).update(count=4),
    "digest": lambda: AuditSegment.objects.filter(number=2).update(digest="0" * 64),
    "previous": lambda: AuditSegment.objects.filter(number=3).update(previous="0" * 64),
    "day": lambda: AuditSegment.objects.filter(number=2).update(day=timezone.localdate()),
    "seal removed": lambda: AuditSegment.objects.filter(number=2).update(seal=None),
    "seal of another": lambda: AuditSegment.objects.filter(number=2).update(
        seal=AuditSegment.objects.get(number=1).seal
    ),
    "seal garbled": lambda: AuditSegment.objects.filter(number=2).update(seal=Sealed("gAAAA-not-a-token")),
    "recomputed": _recompute,
    "segment removed": _drop_segment,
    "retention pretended": _pretend_retention,
    "backdated": lambda: write(1, at=timezone.now() - timedelta(hours=2)),
}


@pytest.mark.parametrize("how", TAMPERING, ids=str)
def test_tampering_shows(how: str) -> None:
    sealed_days()
    assert chain.verify(keep_days=30).faults == ()
    TAMPERING[how]()
    assert chain.verify(keep_days=30).faults


def test_cut_off_end_shows_against_a_digest_written_down() -> None:
    sealed_days()
    head = chain.verify().head
    AuditRecord.objects.filter(segment__number=3).delete()
    AuditSegment.objects.filter(number=3).delete()
    assert chain.verify().faults == ()
    assert chain.verify(head).faults


def test_retention_drops_whole_segments_and_the_chain_goes_on() -> None:
    sealed_days(4)
    today = timezone.now()
    assert chain.drop_before(today - timedelta(days=1), end=0) == 0
    assert chain.drop_before(today - timedelta(days=1)) == 10
    assert chain.drop_before(today - timedelta(days=1)) == 0
    chain.seal()
    report = chain.verify(keep_days=1)
    assert report.faults == ()
    assert report.dropped == 2
    assert chain.drop_before(today + timedelta(days=1)) == 5, "the open segment stays"


def test_two_sealers_at_once_chain_every_record_once() -> None:
    write(700)
    start = threading.Barrier(3)

    def work() -> None:
        start.wait(120)
        for _ in range(12):
            chain.seal()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    while chain.seal():
        pass
    assert chain.verify().faults == ()
    assert AuditSegment.objects.get().count == 700


@pytest.mark.only_postgresql
def test_record_that_commits_late_is_chained_later() -> None:
    begun, finish = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            write(1)
            begun.set()
            finish.wait(120)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    begun.wait(120)
    write(3)
    assert chain.seal() == 3
    finish.set()
    thread.join(120)
    assert chain.seal() == 1
    assert chain.verify().faults == ()


def test_verify_audit_command_tells_and_fails() -> None:
    sealed_days()
    out, err = StringIO(), StringIO()
    call_command("verify_audit", stdout=out)
    assert "完整" in out.getvalue()
    AuditRecord.objects.filter(segment__number=2, position=3).update(text="别的")
    with pytest.raises(CommandError, match="被动过"):
        call_command("verify_audit", stdout=out, stderr=err)
    assert "第 2 段" in err.getvalue()


def test_export_audit_writes_every_record_with_its_place(tmp_path: Path) -> None:
    sealed_days(2)
    write(1)
    file = tmp_path / "audit.jsonl"
    call_command("export_audit", str(file), stderr=StringIO())
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["segment"] for line in lines] == [1] * 5 + [2] * 5 + [None]
    assert lines[0]["text"] == "第 0 条"
    call_command("export_audit", str(file), since="2099-01-01", stderr=StringIO())
    assert file.read_text(encoding="utf-8") == ""
    with pytest.raises(CommandError, match="不是时间"):
        call_command("export_audit", str(file), since="昨天")
