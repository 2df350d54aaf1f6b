"""VEX statements of suppliers about our findings, and what follows from them while no person has decided."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db.models import BooleanField, ExpressionWrapper
from django.utils import timezone

from secops_agent.models import AssetKey, Finding, History, SupplierStatement
from secops_agent.models.choices import FindingDecision, VexStatus
from secops_agent.services.actors import Actor
from secops_agent.services.reading import rows_by
from secops_agent.services.severities import GRAVE
from secops_agent.services.vulnerabilities.openvex.vex_products import Installable, component_packages, fit
from secops_agent.services.vulnerabilities.resolutions import Resolution, adopt
from secops_agent.services.vulnerabilities.states import SECOND, needs_second
from secops_agent.services.vulnerabilities.views import StatementView
from secops_agent.services.writing import Pace, import_transaction

MOST: Final = 100
_PIECE: Final = 200
UNVOUCHED: Final = (
    "供应商的声明由 API 令牌导入，没有人核对是谁说的：严重和高危的发现要由人导入同一份文件，或由人决定。"
)
OF_TWO: Final = f"不按供应商的声明改变，恢复为待处理。{SECOND}。"
_WHOLE: Final = 1  # what names only the asset is weaker than what names the version
Book = Mapping[tuple[int, str], Sequence[SupplierStatement]]


def flaws_of(statement_ids: Collection[int], finding_ids: Collection[int]) -> frozenset[int]:
    """The vulnerabilities of which statements and findings have to be compared."""
    if not SupplierStatement.objects.exists():
        return frozenset()
    found = {row.vulnerability_id for row in rows_by(SupplierStatement, "id", statement_ids)}
    found |= {row.vulnerability_id for row in rows_by(Finding, "id", finding_ids) if row.vulnerability_id}
    return frozenset(found)


def apply(actor: Actor, vulnerability_ids: Collection[int]) -> set[int]:
    """Settle what every supplier calls not affected, open again what they no longer do. Returns the changed findings.

    Only where no person ever decided. Short transactions of its own.
    """
    ids = [
        row.pk
        for row in rows_by(Finding, "vulnerability_id", set(_spoken_of(vulnerability_ids)))
        if row.decision in ("", FindingDecision.NOT_AFFECTED)
    ]
    changed: set[int] = set()
    for piece in Pace().chunks(ids):
        with import_transaction():
            changed |= _settle(actor, piece)
    return changed


def _spoken_of(vulnerability_ids: Collection[int]) -> Iterator[int]:
    ordered = sorted(vulnerability_ids)
    for start in range(0, len(ordered), _PIECE):
        rows = SupplierStatement.objects.filter(vulnerability__in=ordered[start : start + _PIECE])
        yield from rows.order_by("vulnerability").values_list("vulnerability_id", flat=True).distinct()


def _settle(actor: Actor, ids: Sequence[int]) -> set[int]:
    of_two = ExpressionWrapper(needs_second(FindingDecision.NOT_AFFECTED), BooleanField())
    rows = list(
        Finding.objects.select_for_update(of=("self",))
        .select_related("component", "vulnerability")
        .annotate(of_two=of_two)
        .filter(pk__in=ids, decision__in=("", FindingDecision.NOT_AFFECTED))
    )
    book = _Matching(rows)
    wanted = ((row, _resolution(book.statements(row), row, of_two=bool(row.of_two))) for row in rows)
    return {row.pk for row, resolution in wanted if adopt(row, resolution, actor)}


class _Matching:
    """The statements about some findings; three queries for all of them."""

    def __init__(self, rows: Sequence[Finding]) -> None:
        self._own = {row.pk: _installable(row) for row in rows}
        self._packages = {pk: component_packages(own) | {""} for pk, own in self._own.items()}
        names = {name for packages in self._packages.values() for name in packages}
        flaws = {row.vulnerability_id for row in rows}
        self._book: dict[tuple[int, str], list[SupplierStatement]] = {}
        for said in SupplierStatement.objects.filter(vulnerability__in=flaws, package__in=names):
            self._book.setdefault((said.vulnerability_id, said.package), []).append(said)
        self._assets = _assets(said for found in self._book.values() for said in found)

    def statements(self, row: Finding) -> list[SupplierStatement]:
        """One of each author: the closest, then the newest; the newest author first."""
        best: dict[str, tuple[int, datetime, SupplierStatement]] = {}
        for package in self._packages[row.pk]:
            for said in self._book.get((row.vulnerability_id or 0, package), ()):
                weight = self._weight(said, row)
                known = best.get(said.author)
                if weight and (known is None or (weight, said.said_at) > known[:2]):
                    best[said.author] = (weight, said.said_at, said)
        return sorted((said for *_, said in best.values()), key=lambda said: said.said_at, reverse=True)

    def _weight(self, said: SupplierStatement, row: Finding) -> int:
        if said.asset and self._assets.get(said.asset) != row.asset_id:
            return 0
        if not said.product:
            return _WHOLE if said.asset else 0
        return 2 * fit(said.product, said.platform, self._own[row.pk]) + bool(said.asset)


def _installable(row: Finding) -> Installable:
    found = row.component
    return Installable(found.name, found.version, found.purl, found.distro) if found else Installable()


def _assets(found: Iterable[SupplierStatement]) -> dict[str, int]:
    names = {said.asset for said in found} - {""}
    return {str(key.identity): key.asset_id for key in rows_by(AssetKey, "identity", names)}


def _resolution(found: Sequence[SupplierStatement], row: Finding, *, of_two: bool) -> Resolution:
    """ "Not affected" only with a reason, only when nobody says anything else; of what is grave not by a token's word, of what
    takes two persons never: whoever may import writes any supplier's name into a file."""
    if not found or any(
        said.status != VexStatus.NOT_AFFECTED or not (said.justification or said.note) for said in found
    ):
        return Resolution("", "供应商的声明不再是「不受影响」，恢复为待处理。")
    if of_two:
        return Resolution("", OF_TWO)
    if row.severity in GRAVE and any(said.token for said in found):
        return Resolution("", UNVOUCHED)
    said = found[0]
    names = "、".join(dict.fromkeys(each.author for each in found))
    edition = f" 第 {said.version} 版" if said.version else ""
    note = f"{names} 声明不受影响（{said.document}{edition}，{timezone.localtime(said.said_at):%Y-%m-%d}）。{said.note}"
    return Resolution(FindingDecision.NOT_AFFECTED, note[:2000], None, said.justification)


def about_finding(row: Finding) -> tuple[StatementView, ...]:
    """What each author says about it, the newest first."""
    if row.vulnerability_id is None:
        return ()
    return tuple(_view(said) for said in _Matching([row]).statements(row))


def about_vulnerability(vulnerability_id: int) -> tuple[StatementView, ...]:
    """The newest first, at most `MOST`."""
    rows = SupplierStatement.objects.filter(vulnerability=vulnerability_id).order_by("-said_at", "-id")
    return tuple(_view(said) for said in rows[:MOST])


def told_by_suppliers(vulnerability_id: int) -> dict[int, str]:
    """Finding → who called it not affected, when and why, of those that no person decided."""
    rows = Finding.objects.filter(vulnerability=vulnerability_id, decision=FindingDecision.NOT_AFFECTED)
    told = History.objects.filter(entity="finding", entity_id__in=rows.values("pk"))
    found = dict(told.filter(action="vex").order_by("id").values_list("entity_id", "note"))
    people = set(told.filter(action="decide", entity_id__in=found).values_list("entity_id", flat=True))
    return {pk: note[:300] for pk, note in found.items() if pk not in people}


def _view(said: SupplierStatement) -> StatementView:
    product = said.product or said.asset
    author = f"{said.author}（由 {said.token} 用 API 令牌导入）" if said.token else said.author
    return StatementView(
        author, said.status, str(said.get_status_display()), str(said.get_justification_display() or ""), said.note,
        said.action, f"{product}（{said.platform}）" if said.platform else product, said.document, said.version, said.said_at,
    )  # fmt: skip
