"""The pieces that a sentence is read with: no model, no Django, deterministic, given a frozen lexicon.

Exact names and times are masked first (`entities`, `times`, `skeletons`); words of `words/` give the arguments of a question
(`filters`, `arguments`). What a sentence asks or orders is told by `secops_agent.llm.understanding`; `model` is the offline
mode behind the LLM port. The README of `words/` tells how to extend the words and what the arguments mean.
"""

from .commands import COMMANDS, render_help
from .controls import find_control
from .followups import ROWS
from .intents import ACTION_TOOLS, READ_TOOLS, Control, Intent, Understanding
from .lexicon import Lexicon

LIST_TOOLS = frozenset(ROWS)  # whose rows 第 2 条 can mean

__all__ = [
    "ACTION_TOOLS",
    "COMMANDS",
    "LIST_TOOLS",
    "READ_TOOLS",
    "Control",
    "Intent",
    "Lexicon",
    "Understanding",
    "find_control",
    "render_help",
]
