"""The offline mode behind the LLM port: no model, no Django, deterministic, given a frozen lexicon.

`understand` turns one sentence into a question or an order (an `Intent`: a tool and its arguments), an offer, a
`Control` word, a category of small talk, or nothing with three suggestions. Names, ids and times are masked first.
Questions: a linear classifier names the tool (`classifier`), words give the arguments (`questions`, `filters`).
Orders: a closed world (`orders`); what looks like one and is not wholly explained is only offered (`offers`).
Words live in `words/`, whose README tells how to extend them and what the arguments mean.
"""

from .commands import COMMANDS, render_help
from .controls import find_control
from .followups import ROWS
from .intents import ACTION_TOOLS, READ_TOOLS, Control, Intent, Understanding
from .lexicon import Lexicon
from .model import NOTICE, Offline
from .understanding import nearest_tools, understand

LIST_TOOLS = frozenset(ROWS)  # whose rows 第 2 条 can mean

__all__ = [
    "ACTION_TOOLS", "COMMANDS", "LIST_TOOLS", "NOTICE", "READ_TOOLS", "Control", "Intent", "Lexicon", "Offline", "Understanding",
    "find_control", "nearest_tools", "render_help", "understand",
]  # fmt: skip
