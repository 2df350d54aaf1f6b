"""Tables of fields that people have written: kept in versions, switched on by an administrator, live in every process soon after."""

import logging
import threading
import time
from typing import Final

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from secops_agent.models import FormatTable, Role, allows
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.faults import Conflict, Forbidden, NotFound
from secops_agent.services.people.authority import authority_of

log = logging.getLogger(__name__)
FRESH_S: Final = 10.0  # a table that is switched on or off is so everywhere within this time
MOST: Final = 200  # in use
Written = tuple[tuple[str, str], ...]


class _InUse:
    """What this process knows of the tables in use. Their texts never change, so their numbers say whether it is still true."""

    def __init__(self) -> None:
        self.looked_at = float("-inf")
        self._numbers: list[int] = []
        self._written: Written = ()
        self._look = threading.Lock()

    def __call__(self) -> Written:
        """Name and text of each. While somebody looks, and where the database cannot be asked, it is what was known."""
        if time.monotonic() - self.looked_at >= FRESH_S and self._look.acquire(blocking=False):
            try:
                self._read()
                self.looked_at = time.monotonic()
            except Exception as error:  # files are read on, whatever is the matter with the database
                log.debug("没有读到接入，用已知的：%s", error)
            finally:
                self._look.release()
        return self._written

    def forget(self) -> None:
        """Nothing is known, and nothing is looked for before `look_again`: what tests begin with."""
        self._numbers, self._written, self.looked_at = [], (), float("inf")

    def _read(self) -> None:
        rows = FormatTable.objects.filter(enabled=True).order_by("pk")
        numbers = list(rows.values_list("pk", flat=True)[:MOST])
        if numbers != self._numbers:
            self._written = tuple(rows.filter(pk__in=numbers).values_list("name", "text"))
            self._numbers = numbers


in_use: Final = _InUse()


def look_again() -> None:
    """This process looks at once when it is next asked."""
    in_use.looked_at = float("-inf")


def require_writer(actor: Actor) -> None:
    """Before anything that they wrote is read. Raises Forbidden."""
    _demand(actor, Role.APPROVER, "写接入")


def save(name: str, title: str, text: str, actor: Actor) -> FormatTable:
    """One more version, not in use; the newest one if that is the same text. ``text`` has been read. Raises Forbidden."""
    require_writer(actor)
    with transaction.atomic():
        newest = FormatTable.objects.filter(name=name).order_by("-version").first()
        if newest is not None and newest.text == text:
            return newest
        row = FormatTable.objects.create(
            name=name, title=title, text=text, version=newest.version + 1 if newest else 1,
            made_by=actor.name[:200], made_at=timezone.now(),
        )  # fmt: skip
        _keep(actor, "保存接入", row)
    return row


def switch_on(pk: int, actor: Actor) -> FormatTable:
    """This version is in use from now on, no other of its name. Raises Forbidden, NotFound, Conflict."""
    _demand(actor, Role.ADMIN, "启用接入")
    row = get(pk)
    with transaction.atomic():
        if FormatTable.objects.filter(enabled=True).exclude(name=row.name).count() >= MOST:
            raise Conflict(f"启用的接入已经有 {MOST} 个：请先停用不用的。")
        FormatTable.objects.filter(name=row.name, enabled=True).exclude(pk=pk).update(enabled=False)
        _decide(row, actor, on=True)
    look_again()
    return row


def switch_off(pk: int, actor: Actor) -> FormatTable:
    """Not in use any more; its alerts stay as they are. Raises Forbidden, NotFound."""
    _demand(actor, Role.ADMIN, "停用接入")
    row = get(pk)
    with transaction.atomic():
        _decide(row, actor, on=False)
    look_again()
    return row


def delete(name: str, actor: Actor) -> None:
    """Every version of it. Raises Forbidden, NotFound."""
    _demand(actor, Role.ADMIN, "删除接入")
    with transaction.atomic():
        rows = FormatTable.objects.filter(name=name)
        newest = rows.order_by("-version").first()
        if newest is None:
            raise NotFound(f"没有名为「{name}」的接入。")
        _keep(actor, "删除接入", newest)
        rows.delete()
    look_again()


def get(pk: int) -> FormatTable:
    """One version. Raises NotFound."""
    row = FormatTable.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound("没有这个版本的接入，可能已经删除。")
    return row


def newest() -> list[FormatTable]:
    """Of each table the version in use, else the newest one."""
    last = dict(FormatTable.objects.values_list("name").annotate(Max("version")).order_by())
    rows = FormatTable.objects.order_by("name", "-enabled", "-version")
    return list(
        {row.name: row for row in reversed(rows) if row.enabled or row.version == last[row.name]}.values()
    )


def _decide(row: FormatTable, actor: Actor, *, on: bool) -> None:
    """Whoever's statement changes the row has decided it."""
    changed = FormatTable.objects.filter(pk=row.pk, enabled=not on).update(
        enabled=on, decided_by=actor.name[:200], decided_at=timezone.now()
    )
    if changed:
        _keep(actor, "启用接入" if on else "停用接入", row)
    row.refresh_from_db()


def _demand(actor: Actor, role: Role, what: str) -> None:
    if not allows(authority_of(actor), role):
        raise Forbidden(f"{what}需要「{role.label}」角色。")


def _keep(actor: Actor, what: str, row: FormatTable) -> None:
    keep(actor, what, f"formattable:{row.pk}", {"name": row.name, "version": row.version})
