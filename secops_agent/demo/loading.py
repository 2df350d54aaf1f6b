"""Loads the demo estate once, remembers every row it made, and removes exactly those."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.utils import timezone

from secops_agent.demo import assets, cases, duty, flaws, incidents, software, triage
from secops_agent.models import (
    Action,
    Alert,
    AlertAsset,
    Asset,
    BlockRecord,
    Case,
    Component,
    DataSource,
    DemoObject,
    Finding,
    History,
    Role,
    Runbook,
    Staff,
    Vulnerability,
)
from secops_agent.models.automation.proposal import Proposal
from secops_agent.services import runbooks
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.people.staff import only_corporation
from secops_agent.services.reading import rows_by
from secops_agent.services.runbooks import trees
from secops_agent.services.runbooks.skills import read_skill
from secops_agent.services.vulnerabilities.comparison.matches import SOURCE
from secops_agent.services.writing import Pace, import_transaction

ACTOR = Actor.system("load_demo")
_SEED = 20261124
_BOOKS = Path(__file__).with_name("runbooks")
_COMPLETE = "complete"
_HELD_BY = {"action": "undo_of", "proposal": "proposal"}  # by the field of another action
_PEOPLE = (
    ("manager01", "张三", Role.ADMIN), ("lisi", "李四", Role.ANALYST), ("wangwu", "王五", Role.APPROVER),
    ("zhaoliu", "赵六", Role.RESPONDER),
)  # fmt: skip
# What hangs on what: blocks before their actions and those before what approved them, then alerts, people last.
_ORDER: tuple[tuple[str, type[models.Model]], ...] = (
    ("block", BlockRecord), ("action", Action), ("proposal", Proposal), ("source", DataSource),
    ("alert", Alert), ("case", Case), ("finding", Finding), ("component", Component), ("vulnerability", Vulnerability), ("asset", Asset),
    ("runbook", Runbook), ("staff", Staff),
)  # fmt: skip


def is_loaded() -> bool:
    """Has a load come to its end?"""
    return DemoObject.objects.filter(entity=_COMPLETE).exists()


def load(now: datetime | None = None) -> dict[str, int]:
    """Load everything unless it is there; a load that was interrupted is begun anew. Returns rows made by kind."""
    if is_loaded():
        return {}
    clear()
    _number_from_one()
    moment, random = now or timezone.now(), Random(_SEED)  # noqa: S311 - the same estate every time
    people = _load_people()
    outcome = ingest.store(_records(random, moment), ACTOR, received_at=moment, announce=False)
    for kind, ids in outcome.created_ids.items():
        _remember(kind, ids)
    _remember_matches(outcome.created_ids)
    alerts = sorted(outcome.created_ids["alert"])
    triage.work(alerts, people, random, moment)
    gathered = cases.gather(alerts, people, moment)
    _remember("case", gathered)
    duty.reporting(gathered, ACTOR, moment)
    _remember("source", duty.sources(moment))
    for kind, made in duty.blocks(moment).items():
        _remember(kind, made)
    _load_runbooks()
    _remember(_COMPLETE, [1])
    rows = DemoObject.objects.exclude(entity=_COMPLETE).order_by()
    return dict(rows.values_list("entity").annotate(number=models.Count("id")))


def _number_from_one() -> None:
    """Alerts and cases of an empty database are numbered from 1, also after a clear."""
    tables = [
        {"table": model._meta.db_table, "column": "id"}
        for model in (Alert, Case)
        if not model.objects.exists()
    ]
    with import_transaction(), connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_by_name_sql(no_style(), tables):
            cursor.execute(statement)


def _records(random: Random, now: datetime) -> Iterable[Any]:
    yield from assets.all_assets()
    yield from flaws.vulnerabilities(random, now)
    yield from software.components(random)
    yield from flaws.findings(now)
    yield from incidents.alerts(random, now)


def _load_people() -> list[Staff]:
    """The demo's people; those who are listed already stay as they are. Returns who triages."""
    known = {
        row.staff_id: row
        for row in Staff.objects.filter(staff_id__in=[staff_id for staff_id, _, _ in _PEOPLE])
    }
    corp_id = only_corporation()
    with transaction.atomic():
        for staff_id, name, role in _PEOPLE:
            if staff_id not in known:
                row = Staff.objects.create(corp_id=corp_id, staff_id=staff_id, name=name, role=role)
                known[staff_id] = row
                _remember("staff", [row.pk])
    return [known[staff_id] for staff_id in ("lisi", "zhaoliu")]


def _remember_matches(created: Mapping[str, Collection[int]]) -> None:
    """Findings by our own comparison of what is the demo's are the demo's too."""
    for kind in ("vulnerability", "component"):
        rows = rows_by(Finding, f"{kind}_id", created[kind])
        _remember("finding", (row.pk for row in rows if row.source == SOURCE))


def _load_runbooks() -> None:
    for each in trees.read_folder(_BOOKS):
        skill = read_skill(each.text)
        if not Runbook.objects.filter(title=skill.head.name).exists():
            _remember("runbook", [runbooks.save_skill(skill, ACTOR).id])


def _remember(entity: str, ids: Iterable[int]) -> None:
    for piece in Pace().chunks(ids):
        with import_transaction():
            rows = [DemoObject(entity=entity, entity_id=pk) for pk in piece]
            DemoObject.objects.bulk_create(rows, ignore_conflicts=True)


def clear() -> dict[str, int]:
    """Remove what the demo made. What other data has come to depend on stays. Returns rows removed by kind."""
    removed: dict[str, int] = {}
    for entity, model in _ORDER:
        rows = DemoObject.objects.filter(entity=entity).order_by("id").values_list("entity_id", flat=True)
        ids = list(rows)
        for piece in Pace(50).chunks(ids):
            with import_transaction():
                removed[entity] = removed.get(entity, 0) + _remove(entity, model, piece)
    with import_transaction():
        DemoObject.objects.filter(entity=_COMPLETE).delete()
    return removed


def _remove(entity: str, model: type[models.Model], ids: list[int]) -> int:
    kept = _needed(entity, ids)
    gone = [pk for pk in ids if pk not in kept]
    present = model._default_manager.filter(pk__in=gone)
    count = present.count()
    present.delete()
    History.objects.filter(entity=entity, entity_id__in=gone).delete()
    DemoObject.objects.filter(entity=entity, entity_id__in=ids).delete()
    return count


def _needed(entity: str, ids: list[int]) -> set[int]:
    """Rows that hold something the demo did not make (its own findings, components and alerts are gone by now)."""
    if entity == "vulnerability":
        return set(
            Finding.objects.filter(vulnerability_id__in=ids).values_list("vulnerability_id", flat=True)
        )
    if entity == "case":
        return {pk for pk in Alert.objects.filter(case_id__in=ids).values_list("case_id", flat=True) if pk}
    if entity in ("action", "proposal"):
        # Taken back, or taken part in: the record of what people did stays.
        return {
            pk
            for pk in Action.objects.filter(**{f"{_HELD_BY[entity]}__in": ids}).values_list(
                _HELD_BY[entity], flat=True
            )
            if pk
        }
    if entity == "asset":
        holders = (Finding.objects, Component.objects, AlertAsset.objects)
        return {
            pk for rows in holders for pk in rows.filter(asset_id__in=ids).values_list("asset_id", flat=True)
        }
    return set()
