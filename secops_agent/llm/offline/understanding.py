"""From a sentence to what it asks for."""

from datetime import datetime

from .commands import find_command
from .intents import Intent, Understanding
from .lexicon import Lexicon
from .normalization import normalize
from .smalltalk import find_category
from .suggestions import suggest


def understand(
    text: str, lexicon: Lexicon, now: datetime, *, asker: str = "", last: Intent | None = None
) -> Understanding:
    """What the sentence asks for; pure and deterministic, ``now`` is an aware datetime.

    ``asker`` is the staff id that 我 stands for, ``last`` the intent before, for follow-ups.
    """
    plain = normalize(text)
    command = find_command(plain)
    if command:
        plain = command[0].sentence.format(rest=command[1]).strip()
    category = find_category(plain)
    if category:
        return Understanding(category=category)
    return Understanding(suggestions=suggest(plain))
