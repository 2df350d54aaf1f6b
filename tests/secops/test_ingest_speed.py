"""No query per row, short transactions, and two importers at once."""

import gc
import itertools
import threading
import time
from contextlib import contextmanager
from statistics import median

import pytest
from django.db import connections
from django.utils import timezone

from secops_agent.models import Alert, Component, Finding
from secops_agent.services import writing
from secops_agent.services.intake import ingest
from secops_agent.services.intake.session import Session
from secops_agent.services.intake.writers.alerts import write_alerts
from secops_agent.services.writing import ROWS, Pace, import_transaction

from .inventory_aid import ACTOR, alert, component, finding, flaw, host, later, queries, store


def statements(caught):
    return [each for each in caught.captured_queries if not each["sql"].startswith(("BEGIN", "COMMIT"))]


def many(count):
    asset = host("app-01", "10.0.0.21")
    for n in range(count):
        part = component(asset, f"lib{n}")
        yield flaw(f"CVE-2026-{n}")
        yield part
        yield finding(asset, f"F{n}", kind="vulnerability", component=part, vulnerability=f"CVE-2026-{n}")
        yield alert(f"k{n}", assets=(asset,))


@pytest.mark.slow
def test_statements_grow_with_pieces_not_with_rows(database, monkeypatch):
    monkeypatch.setattr(writing, "_HOLD", 60)  # or a busy machine makes the pieces small
    with queries() as few:
        store(*many(20))
    with queries() as lots:
        store(*many(400), at=later(hours=1))
    # 380 more of each of four kinds: one of them with a statement a row would be seen
    assert len(statements(lots)) - len(statements(few)) < 380


def test_a_transaction_takes_as_many_statements_for_500_alerts_as_for_100(database):
    def cost(count):
        records = [
            alert(f"{count}-{n % (count * 3 // 4)}", n, assets=(host(f"app-{n % 40}", f"10.0.0.{n % 40}"),))
            for n in range(count)
        ]
        store(*records[: count // 2])
        session = Session(ACTOR, timezone.now(), timezone.now())
        with queries() as seen, import_transaction():
            write_alerts(session, records)
        assert len(session.ledger.created("alert")) == count // 4
        return sum(
            "INSERT" not in each["sql"] for each in statements(seen)
        )  # of which one takes 999 values on SQLite

    assert cost(500) == cost(100) <= 20


def test_an_import_goes_on_at_the_pace_of_the_one_before_from_the_same_source(database, monkeypatch):
    monkeypatch.setattr(writing, "_HOLD", 60)  # or a busy machine makes the pieces small
    spans = []

    @contextmanager
    def counted():
        spans[-1] += 1
        with import_transaction():
            yield

    monkeypatch.setattr(ingest, "import_transaction", counted)
    for source in ("pace", "pace", "pace", "another"):
        spans.append(0)
        store(*(alert(f"{len(spans)}-{n}", source=source) for n in range(80)))
    first, _, third, other = spans
    assert third == 1 < first == other


@pytest.mark.slow
@pytest.mark.both_databases
def test_two_imports_of_the_same_things_make_them_once(database):
    items, errors = list(many(120)), []

    def work():
        try:
            ingest.store(iter(items), ACTOR)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert errors == []
    assert (Alert.objects.count(), Finding.objects.count(), Component.objects.count()) == (120, 120, 120)
    assert set(Alert.objects.values_list("count", flat=True)) == {1}


@pytest.mark.slow
def test_an_import_is_many_short_transactions(database, monkeypatch):
    spans = []

    @contextmanager
    def timed():
        started = time.monotonic()
        with import_transaction():
            yield
        spans.append(time.monotonic() - started)

    monkeypatch.setattr(ingest, "import_transaction", timed)
    store(*many(600))
    assert len(spans) > 10
    assert median(spans) < sum(spans) / 10  # bench_inventory has their milliseconds


def test_pace_takes_more_when_it_is_quick_and_never_more_than_allowed():
    pace = Pace(100)
    sizes = [len(piece) for piece in pace.chunks(range(5000))]
    assert sizes[:3] == [100, 200, 400]
    assert max(sizes) == ROWS
    assert sum(sizes) == 5000


def test_pace_takes_many_occurrences_or_few_alerts():
    same = next(Pace(60, thing_of=lambda item: item // 100).chunks(range(1000)))
    different = next(Pace(60, thing_of=lambda item: item).chunks(range(1000)))
    assert (len(same), len(different)) == (55, 10)
    assert list(itertools.chain(*Pace(60, thing_of=lambda item: item % 7).chunks(range(1000)))) == list(
        range(1000)
    )


def test_no_garbage_collection_inside_a_transaction(database):
    with import_transaction():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_much_is_staged_on_disk_in_order(monkeypatch):
    monkeypatch.setattr(ingest, "_KEEP", 10)
    with ingest.Staging() as shelves:
        items = [flaw(f"CVE-2026-{n}") for n in range(37)]
        shelves.fill(items)
        shelf = shelves.buffer(type(items[0]))
        assert list(shelf) == items
        assert list(shelf) == items
        assert shelves.count == 37


def test_many_alerts_are_staged_alert_by_alert(monkeypatch):
    monkeypatch.setattr(ingest, "_KEEP", 10)
    with ingest.Staging() as shelves:
        items = [alert(f"k{n % 7}", n) for n in range(100)]
        shelves.fill(items)
        found = list(shelves.buffer(type(items[0])))
    assert found[:9] == items[:9]
    assert sorted(found, key=items.index) == items
    rest = [record.dedup_key for record in found[9:]]
    assert len([key for key, _ in itertools.groupby(rest)]) == 7


def test_large_import_counts_as_a_small_one_does(database, monkeypatch):
    monkeypatch.setattr(ingest, "_KEEP", 10)
    store(*(alert(f"k{n % 7}", n) for n in range(100)))
    assert sorted(Alert.objects.values_list("count", flat=True)) == [14] * 5 + [15] * 2
