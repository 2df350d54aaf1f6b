"""What was changed, as our pages show it."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.safestring import SafeString

from bifang.channels.text.visible import visible
from bifang.core.admin.base import ago
from secops_agent.admin.inventory import door_word
from secops_agent.services.audit import history


@dataclass(frozen=True, slots=True)
class ShownChange:
    """Who did what, when and through what; ``lines`` says from what to what."""

    at: SafeString | str
    who: str
    what: str
    door: str
    lines: tuple[str, ...]
    note: str
    pk: int
    back: bool


def changes_of(
    entity: str, pk: int, may_take_back: Callable[[history.HistoryEntry], bool] = lambda _: False
) -> list[ShownChange]:
    """The newest first; ``back`` where a button takes it back."""
    return [
        ShownChange(
            ago(each.at), visible(each.actor), history.ACTIONS.get(each.action, each.action), visible(door_word(each.via)),
            tuple(visible(f"{label}：{old} → {new}") for label, old, new in history.worded(entity, each.changes)),
            visible(each.note), each.pk, may_take_back(each),
        )
        for each in history.entries(entity, pk)
    ]  # fmt: skip
