"""Offers: an action that was probably meant, as a question and the canonical command that orders it."""

import re
from typing import Any

from secops_agent.llm.types import Offer

from .intents import Wish
from .words import load

_ID = re.compile(r"[A-Z0-9-]{1,20}")
_UNITS = ((1440, "天"), (60, "小时"), (1, "分钟"))


def make_offer(action: Wish) -> Offer:
    """The offer of an action, worded by ``[offers]`` of `words/talk.toml`."""
    intent, talk = action.intent, load("talk")
    verdict = talk["verdicts"].get(intent.arguments.get("verdict"), "")
    said: dict[str, Any] = {**intent.arguments, "when": action.when, "close_verb": verdict or "关闭"}
    said |= {"verdict_said": f"（{verdict}）" if verdict else " "}
    said |= {
        "length": next(
            (spell_minutes(said[key]) for key in ("duration_minutes", "minutes") if key in said), ""
        )
    }
    question, verb, objects, label = (str(form).format(**said) for form in talk["offers"][intent.tool])
    note = str(said.get("note") or said.get("reason") or "")
    command, ids = f"{verb} {objects}".strip(), tuple(objects.split())
    if note:
        command, question = f"{command} {label}：{note}", f"{question}（{label}：{note}）"
    links = (verb, ids) if not note and all(_ID.fullmatch(one) for one in ids) else ("", ())
    return Offer(intent.tool, dict(intent.arguments), f"要{question}吗？", command, *links)


def spell_minutes(minutes: int) -> str:
    """120 → 2小时; 0 is for ever."""
    return next(
        (f"{minutes // size}{unit}" for size, unit in _UNITS if minutes and minutes % size == 0), "永久"
    )
