"""Rows that are inserted without instances must read like rows that were saved."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bifang.channels.models import OutboxRow
from bifang.core.database.rows import Among, count_each, create_rows, insert_many, update_rows
from bifang.core.secrets.sealed import Sealed
from secops_agent.models import AuditRecord, Staff
from secops_agent.models.people.usage import ModelPrice, TurnUsage
from tests.channels.boxes import incoming, store

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases("every test")]
NOW = timezone.now()
VALUES: dict[str, Any] = {
    "at": NOW, "kind": "message", "what": "提问'\"\\{}", "actor_kind": "person", "text": "甲,乙\n{丙}",
    "config_id": 2**40, "detail": {"表": [1, [2, 3], None, {"深": "层"}], "空": {}},
}  # fmt: skip


def fields(row: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if not name.startswith("_") and name != "id"}


def test_inserted_rows_read_like_saved_ones() -> None:
    saved = AuditRecord.objects.create(**VALUES)
    insert_many(AuditRecord, [VALUES, VALUES | {"at": NOW - timedelta(days=1), "config_id": None}])
    first, second = AuditRecord.objects.exclude(pk=saved.pk).order_by("pk")
    saved.refresh_from_db()
    assert fields(first) == fields(saved)
    assert (second.at, second.config_id) == (NOW - timedelta(days=1), None)


def test_what_stamps_itself_is_stamped() -> None:
    before = timezone.now()
    insert_many(Staff, [{"corp_id": "c", "staff_id": "li", "name": "李四", "role": "analyst"}])
    row = Staff.objects.get()
    assert before <= row.created_at <= timezone.now()
    assert row.updated_at == row.created_at
    assert row.active, "what was left out has its default"


def test_json_may_be_a_list_and_a_list_of_lists_stays_one_value() -> None:
    for value in ([], [1, 2], [["甲"], ["乙"]], "text", 1.5):
        insert_many(AuditRecord, [VALUES | {"detail": value}, VALUES | {"detail": value}])
    found = AuditRecord.objects.order_by("pk").values_list("detail", flat=True)
    assert list(found)[::2] == [[], [1, 2], [["甲"], ["乙"]], "text", 1.5]


def test_decimals_keep_their_digits_and_days_are_days() -> None:
    prices = dict.fromkeys(("input_price", "output_price", "cached_price"), Decimal("123456.7890"))
    insert_many(ModelPrice, [{"prefix": "a-model", **prices}])
    assert ModelPrice.objects.get(prefix="a-model").cached_price == Decimal("123456.789")
    insert_many(TurnUsage, [{"at": NOW, "day": date(2026, 2, 28), "model": "a-model", "cost": 2**40}])
    assert TurnUsage.objects.values_list("day", "cost").get() == (date(2026, 2, 28), 2**40)


def test_existing_rows_are_skipped() -> None:
    (inbox,) = store(incoming("问"))

    def row(key: str, **more: Any) -> dict[str, Any]:
        return {"config_id": inbox.config_id, "order_key": "k", "key": key, "text": "答", "target": {},
                "created_at": NOW, **more}  # fmt: skip

    insert_many(OutboxRow, [row("a", webhook=Sealed.of("https://hook", "here"))])
    both = [row("a", text="别的"), row("b", buttons=[{"id": "x"}])]
    insert_many(OutboxRow, both, skip_existing=True)
    old, new = OutboxRow.objects.order_by("pk")
    assert (old.text, old.webhook.open("here"), old.buttons, new.buttons) == (
        "答",
        "https://hook",
        None,
        [{"id": "x"}],
    )


def test_no_rows_is_no_statement() -> None:
    with CaptureQueriesContext(connection) as seen:
        insert_many(AuditRecord, [])
    assert not seen.captured_queries
    assert not AuditRecord.objects.exists()


def test_what_is_no_column_is_left_out() -> None:
    insert_many(AuditRecord, [vars(AuditRecord(**VALUES)), VALUES | {"turn": object()}])
    first, second = AuditRecord.objects.order_by("pk")
    assert fields(first) == fields(second)


@pytest.mark.only_postgresql
def test_text_that_is_too_long_is_refused_and_never_cut() -> None:
    with pytest.raises(DataError):
        insert_many(AuditRecord, [VALUES | {"what": "长" * 61}])
    assert not AuditRecord.objects.exists()


def test_rows_may_bring_their_keys() -> None:
    insert_many(AuditRecord, [VALUES | {"id": 7}, VALUES | {"id": 9}], keyed=True)
    assert sorted(AuditRecord.objects.values_list("pk", flat=True)) == [7, 9]


def test_many_rows_are_all_there_in_their_order_and_can_be_changed_again() -> None:
    """More than one statement takes; what is null in one row and not in another; a row that comes twice."""
    insert_many(AuditRecord, [VALUES | {"text": str(n), "config_id": n or None} for n in range(250)])
    found = list(AuditRecord.objects.order_by("pk"))
    assert [(row.text, row.config_id) for row in found] == [(str(n), n or None) for n in range(250)]
    for n, row in enumerate(found):
        row.detail, row.config_id, row.at = {"n": [n, None]}, 2**40 if n % 2 else None, NOW
    again = AuditRecord(pk=found[7].pk, **VALUES | {"config_id": 1, "detail": {"n": "again"}})
    with transaction.atomic():
        update_rows(AuditRecord, ["detail", "config_id", "at"], [*found, again])
    stored = list(AuditRecord.objects.order_by("pk").values_list("detail", "config_id"))
    assert stored.pop(7) == ({"n": "again"}, 1)
    wanted = [({"n": [n, None]}, 2**40 if n % 2 else None) for n in range(250) if n != 7]
    assert stored == wanted


def test_created_rows_have_their_keys_and_are_saved_again() -> None:
    rows = [AuditRecord(**VALUES | {"text": str(n)}) for n in range(250)]
    create_rows(rows)
    create_rows([])
    assert {row.pk: row.text for row in rows} == dict(AuditRecord.objects.values_list("pk", "text"))
    rows[7].text = "again"
    rows[7].save()
    AuditRecord.objects.create(**VALUES)
    assert AuditRecord.objects.count() == 251
    assert AuditRecord.objects.get(pk=rows[7].pk).text == "again"


@pytest.mark.only_postgresql
def test_changed_text_that_is_too_long_is_refused_and_never_cut() -> None:
    insert_many(AuditRecord, [VALUES])
    row = AuditRecord.objects.get()
    row.what = "长" * 61
    with pytest.raises(DataError), transaction.atomic():
        update_rows(AuditRecord, ["what"], [row])
    assert AuditRecord.objects.get().what == VALUES["what"]


def test_among_many_ids_is_one_parameter() -> None:
    insert_many(AuditRecord, [VALUES] * 3)
    first, *_, last = ids = list(AuditRecord.objects.order_by("pk").values_list("pk", flat=True))
    rows = AuditRecord.objects.filter(Among([*ids[:2], *range(last + 1, last + 40_000)]))
    assert list(rows.order_by("pk").values_list("pk", flat=True)) == ids[:2]
    assert count_each([rows.values("pk"), rows.exclude(pk=first).values("pk")]) == [2, 1]
    assert not AuditRecord.objects.filter(Among([])).exists()
    assert AuditRecord.objects.exclude(Among([first])).count() == len(ids) - 1
