"""A question with what it is read against."""

from dataclasses import dataclass
from datetime import datetime

from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton

from .lexicon import Lexicon
from .words import pattern


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's sentence with what it is read against; ``command``: it is the rest of a slash command,
    where any word that nothing explains is what to look for."""

    skeleton: Skeleton
    lexicon: Lexicon
    now: datetime
    asker: str = ""
    command: bool = False
    known: str = ""  # a rule, an attack or a product that was found already

    @property
    def text(self) -> str:
        """With marks."""
        return self.skeleton.text


def owner_of(asked: Asked) -> dict[str, str]:
    """Whose the assets are: a person who is named, or 我."""
    named = asked.skeleton.first(Kind.PERSON)
    whose = str(named.value) if named else asked.asker if pattern("filters.mine").search(asked.text) else ""
    return {"owner": whose} if whose else {}
