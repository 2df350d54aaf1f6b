"""Which kind of configuration to add: what each is for, what one needs at hand, and which one to begin with."""

from collections.abc import Callable
from dataclasses import dataclass

from bifang.core.kinds import Kind, all_kinds
from bifang.core.models import SystemConfig


@dataclass(frozen=True, slots=True)
class KindChoice:
    """A kind as it is offered. ``first``: why to take it now, "" for all but one; ``word`` says so; ``there``: how many
    exist.
    """

    kind: type[Kind]
    offered: bool
    first: str
    word: str
    there: int


def choices(offers: Callable[[type[Kind]], bool]) -> list[tuple[str, list[KindChoice]]]:
    """Section → its kinds, in order. The one to begin with is the first whose section has nothing enabled yet."""
    rows = SystemConfig.objects.current().values_list("kind", "enabled")
    found = list(rows)
    known = {kind.name: kind for kind in all_kinds()}
    served = {known[name].section for name, enabled in found if enabled and name in known}
    first = next(
        (one for one in all_kinds() if one.start and offers(one) and one.section not in served), None
    )
    sections: dict[str, list[KindChoice]] = {}
    for kind in all_kinds():
        there = sum(name == kind.name for name, _ in found)
        word = "建议接着做" if served else "从这里开始"
        choice = KindChoice(kind, offers(kind), kind.start if kind is first else "", word, there)
        sections.setdefault(kind.section, []).append(choice)
    return list(sections.items())
