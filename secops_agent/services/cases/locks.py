"""Locks of cases: the rows that a change is about, held until its transaction ends, always in the order of their keys."""

from collections.abc import Iterable

from bifang.channels.text.visible import visible
from bifang.core.errors import InvalidInput
from secops_agent.models import Case, CaseStatus
from secops_agent.services.cases.views import code_of, unknown
from secops_agent.services.faults import Conflict

LONGEST_TITLE = 200
LONGEST_TEXT = 8000
LARGEST = 2**63 - 1


def locked(case_ids: Iterable[int]) -> dict[int, Case]:
    """Key → row, of those that exist. No database takes a key beyond `LARGEST`."""
    keys = {pk for pk in case_ids if pk <= LARGEST}
    rows = Case.objects.select_for_update().filter(pk__in=keys).order_by("pk")
    return {row.pk: row for row in rows}


def lock(case_id: int) -> Case:
    """One row. Raises NotFound."""
    row = locked([case_id]).get(case_id)
    if row is None:
        raise unknown(case_id)
    return row


def lock_open(case_id: int) -> Case:
    """One row that is not closed. Raises NotFound, Conflict."""
    return demand_open(lock(case_id))


def demand_open(row: Case) -> Case:
    """Raises Conflict for a case that is over."""
    if row.merged_into_id:
        raise Conflict(
            f"{code_of(row.pk)} 已并入 {code_of(row.merged_into_id)}，请在 {code_of(row.merged_into_id)} 里操作。"
        )
    if row.status == CaseStatus.CLOSED:
        raise Conflict(f"{code_of(row.pk)} 已关闭，没有改动。要继续处理，请先重新打开它。")
    return row


def title_of(text: str) -> str:
    """A title as it is kept: one line. Raises InvalidInput."""
    title = " ".join(visible(text).split())
    if not title:
        raise InvalidInput("请写事件的标题。")
    return title[:LONGEST_TITLE]


def text_of(text: str) -> str:
    """A longer text as it is kept. Raises InvalidInput."""
    kept = visible(text).strip()
    if len(kept) > LONGEST_TEXT:
        raise InvalidInput(f"最多写 {LONGEST_TEXT} 个字，现在有 {len(kept)} 个。")
    return kept
