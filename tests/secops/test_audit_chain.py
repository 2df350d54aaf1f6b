"""The audit trail: sealed in segments, and whatever is touched afterwards shows."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from bifang.core.errors import BifangError
from bifang.core.secrets.crypto import generate_key
from bifang.core.secrets.sealed import Sealed, place_of
from secops_agent.models import AuditKind, AuditRecord, AuditSegment
from secops_agent.services.actors import Actor
from secops_agent.services.audit import chain, head, seals, trail, verification
from secops_agent.services.audit.verification import ChainVerdict

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases("every test")]
LI = Actor("person", "corp:li", "李四", "dingtalk")


def write(count: int = 5, **more: object) -> None:
    for number in range(count):
        detail = {"数": number, "小数": 1.5, "空": None}
        trail.append(
            [trail.entry(AuditKind.MESSAGE, "提问", LI, text=f"第 {number} 条", detail=detail, **more)]
        )


def sealed_days(days: int = 3) -> None:
    """A segment a day, the last one today; this host keeps the head, as the sealer does."""
    for back in range(days - 1, -1, -1):
        write()
        chain.seal(timezone.now() - timedelta(days=back))
    keep_head()


def keep_head() -> None:
    now = head.current()
    assert now is not None
    head.keep(now)


def told(keep_days: int = 30) -> ChainVerdict:
    faults = verification.verify(keep_days=keep_days).faults
    return verification.verdict(len(faults), verification.touched(faults))


def test_untouched_chain_is_whole_and_days_are_segments() -> None:
    sealed_days()
    report = verification.verify()
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
    assert verification.verify().faults == ()


def _change(**values: object) -> Callable[[], object]:
    return lambda: AuditRecord.objects.filter(segment__number=2, position=3).update(**values)


def _swap() -> None:
    one, other = AuditRecord.objects.filter(segment__number=2, position__in=[2, 4]).order_by("position")
    AuditRecord.objects.filter(pk=one.pk).update(position=99)
    AuditRecord.objects.filter(pk=other.pk).update(position=2)
    AuditRecord.objects.filter(pk=one.pk).update(position=4)


def _insert(position: int | None) -> Callable[[], object]:
    def insert() -> None:
        forged = trail.entry(AuditKind.MESSAGE, "伪造", LI).values
        segment = AuditSegment.objects.get(number=2)
        AuditRecord.objects.create(**forged, segment=segment, position=position)

    return insert


def _recompute(first: int = 1) -> None:
    """Somebody who knows the code, but not the key, writes the chain anew from a segment on."""
    AuditRecord.objects.filter(segment__number=first, position=1).update(text="改过")
    previous = chain.GENESIS
    for segment in AuditSegment.objects.order_by("number"):
        if segment.number >= first:
            digest = chain.first_digest(previous, segment.number, segment.day)
            for position, row in enumerate(segment.records.order_by("position").values(*trail.FIELDS), 1):
                digest = chain.next_digest(digest, position, row)
            AuditSegment.objects.filter(pk=segment.pk).update(previous=previous, digest=digest)
            segment.digest = digest
        previous = segment.digest


def _recompute_and_wait() -> None:
    """The sealer goes on from what was written anew: it must not give it a seal."""
    _recompute(3)
    _go_on()


def _go_on() -> None:
    """As the sealer does."""
    write(2)
    assert chain.seal() == 2
    with suppress(BifangError):
        keep_head()


def _roll_back() -> None:
    """What was sealed is put back into an earlier state, which was sealed as well."""
    before = AuditSegment.objects.values("digest", "seal", "count", "last_id").get(number=3)
    _go_on()
    AuditRecord.objects.filter(segment__number=3, position__gt=before["count"]).delete()
    AuditSegment.objects.filter(number=3).update(**before)


def _roll_back_and_wait() -> None:
    _roll_back()
    for _ in range(2):
        _go_on()


def _cut_off() -> None:
    AuditRecord.objects.filter(segment__number=3).delete()
    AuditSegment.objects.filter(number=3).delete()


def _cut_off_and_wait() -> None:
    _cut_off()
    _go_on()


def _erase() -> None:
    AuditRecord.objects.all().delete()
    AuditSegment.objects.all().delete()


def _erase_day(**more: object) -> Callable[[], object]:
    """A day is gone, and its segment says that it was long due."""

    def erase() -> None:
        AuditRecord.objects.filter(segment__number=2).delete()
        old = date(2024, 1, 1)
        AuditSegment.objects.filter(number=2).update(dropped_at=timezone.now(), day=old, **more)

    return erase


LONG_AGO = {"day": date(2020, 1, 1), "dropped_at": datetime(2023, 1, 1, tzinfo=UTC), "closed": True}
JUNK = {"seal": Sealed("junk"), "drop_seal": Sealed("junk")}


def _erase_as_dropped(*numbers: int, **more: object) -> Callable[[], object]:
    """Days are gone, their segments and records say that they were dropped, and their seals cannot be read."""

    def erase() -> None:
        AuditRecord.objects.filter(segment__number__in=numbers).delete()
        for number in numbers:
            what = f"{verification.DROPPED}{number}"
            trail.append([trail.entry(AuditKind.CHANGE, what, Actor.system("retention"))])
        AuditSegment.objects.filter(number__in=numbers).update(**LONG_AGO | JUNK | more)

    return erase


def _break_all_seals_and_erase(*numbers: int, **more: object) -> Callable[[], object]:
    """As if the key were lost; what is left of the chain is as it was."""

    def erase() -> None:
        _erase_as_dropped(*numbers, **more)()
        AuditSegment.objects.update(**JUNK)

    return erase


def _erase_all_and_wait() -> None:
    _erase_as_dropped(1, 2, 3, count=99)()
    assert chain.seal() == 3
    with suppress(BifangError):
        keep_head()


def _erase_behind_a_segment_of_theirs() -> None:
    """No seal opens, and the newest segment is in order: only the head tells."""
    _break_all_seals_and_erase(1, 2, 3, count=99)()
    day, previous = timezone.localdate(), AuditSegment.objects.get(number=3).digest
    now, digest = timezone.now(), chain.first_digest(previous, 4, day)
    AuditSegment.objects.create(
        number=4, day=day, previous=previous, digest=digest, opened_at=now, sealed_at=now, seal=Sealed("junk")
    )


def _without_head(how: Callable[[], object]) -> Callable[[], object]:
    def tamper() -> None:
        head.path().unlink()
        how()

    return tamper


def _erase_day_with_record() -> None:
    AuditSegment.objects.filter(number=1).update(day=date(2023, 12, 31))
    _erase_day()()
    trail.append([trail.entry(AuditKind.CHANGE, "按保留期清除审计段 2", Actor.system("retention"))])
    assert chain.seal() == 1


def _have_it_dropped(number: int, **changes: object) -> Callable[[], object]:
    """Retention is to remove what is young, because the segment says that it is old."""

    def drop() -> None:
        AuditSegment.objects.filter(number=number).update(**changes)
        assert chain.drop_before(timezone.now() - timedelta(days=100)) == 0
        assert AuditRecord.objects.filter(segment__number=number).count() == 5
        chain.seal()

    return drop


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
    "insert without a place": _insert(None),
    "count": lambda: AuditSegment.objects.filter(number=2).update(count=4),
    "digest": lambda: AuditSegment.objects.filter(number=2).update(digest="0" * 64),
    "previous": lambda: AuditSegment.objects.filter(number=3).update(previous="0" * 64),
    "day": lambda: AuditSegment.objects.filter(number=2).update(day=timezone.localdate()),
    "day of the newest": lambda: AuditSegment.objects.filter(number=3).update(
        day=timezone.localdate() + timedelta(1)
    ),
    "closed": lambda: AuditSegment.objects.filter(number=3).update(closed=True),
    "seal removed": lambda: AuditSegment.objects.filter(number=2).update(seal=None),
    "recomputed": _recompute,
    "recomputed and sealed on": _recompute_and_wait,
    "rolled back": _roll_back,
    "rolled back and sealed on": _roll_back_and_wait,
    "newest segment removed": _cut_off,
    "newest segment removed and sealed on": _cut_off_and_wait,
    "all removed": _erase,
    "a day erased": _erase_day(),
    "a day erased, without a seal": _erase_day(seal=None),
    "a day erased, with a record": _erase_day_with_record,
    "first days erased, seals broken": _erase_as_dropped(1, 2),
    "first days erased, one seal broken": _erase_as_dropped(1, 2, drop_seal=None),
    "first day erased too early, all seals broken": _break_all_seals_and_erase(
        1, dropped_at=datetime(2020, 1, 20, tzinfo=UTC)
    ),
    "all erased on the day itself, seals broken": _erase_as_dropped(
        1, 2, 3, dropped_at=datetime(2020, 1, 1, 4, tzinfo=UTC), count=99
    ),
    "all erased, seals broken, no head": _without_head(_erase_as_dropped(1, 2, 3)),
    "all erased, seals broken, behind a segment of theirs": _erase_behind_a_segment_of_theirs,
    "retention made to drop": _have_it_dropped(2, day=date(2024, 1, 1)),
    "retention made to drop the open one": _have_it_dropped(3, day=date(2024, 1, 1), closed=True),
    "retention made to go on": _have_it_dropped(1, day=date(2024, 1, 1), dropped_at=timezone.now()),
    "head kept here": lambda: head.path().write_text("{}"),
    "segment removed": _drop_segment,
    "retention pretended": _pretend_retention,
    "backdated": lambda: write(1, at=timezone.now() - timedelta(hours=2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", TAMPERING, ids=str)
def test_tampering_shows(how: str) -> None:
    sealed_days()
    assert told() is ChainVerdict.WHOLE
    TAMPERING[how]()
    assert told() is ChainVerdict.TOUCHED


def test_seal_of_another_segment_opens_nowhere_else() -> None:
    sealed_days()
    AuditSegment.objects.filter(number=2).update(seal=AuditSegment.objects.get(number=1).seal)
    assert told() is ChainVerdict.UNREADABLE


def test_cut_off_end_shows_against_a_digest_written_down() -> None:
    sealed_days()
    end = verification.verify().head
    head.path().unlink()
    _cut_off()
    assert verification.verify().faults == ()
    assert verification.verify(end).faults


def test_head_of_a_host_that_sealed_long_ago_lies_on_the_chain() -> None:
    """Others sealed meanwhile, in the same segment and in later ones, and retention dropped its segment at last."""
    write()
    chain.seal(timezone.now() - timedelta(days=2))
    keep_head()
    for back in (2, 1, 0):
        write()
        chain.seal(timezone.now() - timedelta(days=back))
        assert told() is ChainVerdict.WHOLE
    assert chain.drop_before(timezone.now() - timedelta(days=1)) == 10
    chain.seal()
    assert told(1) is ChainVerdict.WHOLE
    keep_head()
    assert head.read() == head.current()


def test_head_that_the_chain_has_left_is_kept_as_the_proof() -> None:
    sealed_days()
    proof = head.read()
    _roll_back_and_wait()
    _go_on()
    kept = head.read()
    assert kept is not None
    assert proof is not None
    assert (kept.number, kept.count) == (3, 7)
    assert not head.lies_on_the_chain(kept)


def test_seals_that_no_key_opens_are_told_from_tampering(settings: Any) -> None:
    sealed_days()
    write(1)
    right = settings.ENCRYPTION_KEY_FILE.read_text(encoding="utf-8")
    settings.ENCRYPTION_KEY_FILE.write_text(generate_key(), encoding="utf-8")
    assert chain.seal() == 0, "today waits for the key"
    assert told() is ChainVerdict.UNREADABLE
    with pytest.raises(CommandError, match=r"无法校验.*密钥") as refused:
        call_command("verify_audit", stdout=StringIO(), stderr=StringIO())
    assert refused.value.returncode == 2
    assert chain.seal(timezone.now() + timedelta(days=1)) == 1, "a key that is lost ends no audit"
    assert told() is ChainVerdict.UNREADABLE
    AuditRecord.objects.filter(segment__number=2, position=3).update(text="别的")
    assert told() is ChainVerdict.TOUCHED
    AuditRecord.objects.filter(segment__number=2, position=3).update(text="第 2 条")
    with settings.ENCRYPTION_KEY_FILE.open("a", encoding="utf-8") as file:
        file.write(f"\n{right}")
    assert told() is ChainVerdict.WHOLE


def test_head_is_the_proof_when_its_segment_was_erased_as_dropped() -> None:
    sealed_days()
    proof = head.read()
    _erase_all_and_wait()
    assert head.read() == proof
    assert verification.verify().compared == ""


def test_drops_before_the_key_was_lost_wait_for_it(settings: Any) -> None:
    sealed_days(4)
    assert chain.drop_before(timezone.now() - timedelta(days=1)) == 10
    chain.seal()
    keep_head()
    right = settings.ENCRYPTION_KEY_FILE.read_text(encoding="utf-8")
    settings.ENCRYPTION_KEY_FILE.write_text(generate_key(), encoding="utf-8")
    assert told(1) is ChainVerdict.UNREADABLE
    write(1)
    assert chain.seal(timezone.now() + timedelta(days=1)) == 1
    keep_head()
    unproven = [fault for fault in verification.verify(keep_days=1).faults if not fault.unreadable]
    assert [(fault.segment, fault.text) for fault in unproven] == [
        (number, verification.UNPROVEN_DROP) for number in (1, 2)
    ]
    with settings.ENCRYPTION_KEY_FILE.open("a", encoding="utf-8") as file:
        file.write(f"\n{right}")
    assert told(1) is ChainVerdict.WHOLE


def test_records_within_a_dropped_segment_show_once_their_removal_is_over() -> None:
    sealed_days()
    assert chain.drop_before(timezone.now()) == 10
    chain.seal()
    AuditRecord.objects.create(
        **trail.entry(AuditKind.MESSAGE, "伪造", LI).values, segment=AuditSegment.objects.get(number=1)
    )
    assert told(0) is ChainVerdict.WHOLE
    late = verification.verify(now=timezone.now() + timedelta(hours=3)).faults
    assert [fault.segment for fault in late] == [1]


def test_record_of_a_drop_is_asked_for() -> None:
    sealed_days()
    chain.drop_before(timezone.now())
    AuditRecord.objects.filter(segment=None).delete()
    assert told(0) is ChainVerdict.TOUCHED


def test_upgrade_seals_anew_what_verifies_and_nothing_that_was_forged() -> None:
    """Two days went by retention, one was erased; before seals said the day."""
    sealed_days(5)
    assert chain.drop_before(timezone.now() - timedelta(days=2)) == 10
    chain.seal()
    for segment in AuditSegment.objects.all():
        former = f"{segment.number}:{segment.count}:{segment.digest}"
        sealed = Sealed.of(former, place_of(AuditSegment, "seal", segment))
        AuditSegment.objects.filter(pk=segment.pk).update(seal=sealed, drop_seal=None)
    AuditRecord.objects.filter(segment__number=4).delete()
    AuditSegment.objects.filter(number=4).update(dropped_at=timezone.now())
    import_module("secops_agent.migrations.0027_audit_seals").seal_anew(apps, None)
    keep_head()
    assert {fault.segment for fault in verification.verify().faults} == {4}
    standing = {row.number: seals.standing(row) for row in AuditSegment.objects.all()}
    assert [number for number, found in standing.items() if found is seals.SealStanding.FORGED] == [4]
    AuditSegment.objects.filter(number=3).update(closed=False)
    assert {fault.segment for fault in verification.verify().faults} == {3, 4}, "the new form says more"


def test_retention_drops_whole_segments_and_the_chain_goes_on() -> None:
    sealed_days(4)
    today = timezone.now()
    assert chain.drop_before(today - timedelta(days=1), end=0) == 0
    assert chain.drop_before(today - timedelta(days=1)) == 10
    assert chain.drop_before(today - timedelta(days=1)) == 0
    chain.seal()
    report = verification.verify(keep_days=1)
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
    assert verification.verify().faults == ()
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
    assert verification.verify().faults == ()


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
