"""The offline mode: a Chinese grammar behind the LLM port. No model, no Django, deterministic."""

from .commands import COMMANDS, render_help
from .intents import ACTION_TOOLS, READ_TOOLS, Control, Intent, Understanding
from .lexicon import Lexicon
from .model import NOTICE, Offline
from .understanding import understand

__all__ = [
    "ACTION_TOOLS",
    "COMMANDS",
    "NOTICE",
    "READ_TOOLS",
    "Control",
    "Intent",
    "Lexicon",
    "Offline",
    "Understanding",
    "render_help",
    "understand",
]
