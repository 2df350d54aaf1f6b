"""A model's guess at the keys of a sample that code does not know: names and at most three masked values go to it, and code
takes only what fits the values. Without a model everything works; the person decides in any case.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.utils import timezone

from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.database.rows import insert_many
from bifang.core.errors import InvalidInput
from secops_agent.agent.llms.models import Models
from secops_agent.agent.policy import Policy, redacted
from secops_agent.agent.turn import evidence
from secops_agent.importers.language.drafts import EVIDENCE, DraftKey, TableDraft, is_moment
from secops_agent.importers.language.words import LABELS
from secops_agent.importers.values.fields import canonical_ip
from secops_agent.llm.types import Completion, Message, Request
from secops_agent.services.investigations.looks import Payer
from secops_agent.services.operations.usage import load_prices, usage_row

_MOST: Final = 60  # keys that are asked about
_SECONDS: Final = 40.0
_ONCE: Final = frozenset({"title", "severity", "time", "first_time", "status", "count", "confidence"})
_WORDED: Final = re.compile(r"[^\W\d_]{2}")
# What the values of a field look like; of any other field anything may stand there.
_FITS: Final[Mapping[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("attacker", "host_ip", "own_ip", "ip"), canonical_ip), "title": _WORDED.search, "time": is_moment, "first_time": is_moment,
    "url": re.compile(r"\w{2,10}://|/").match, "link": re.compile(r"https?://").match, "email": re.compile(r"\S+@\S+").fullmatch,
    "hash": re.compile(r"[0-9a-fA-F]{32,128}").fullmatch, "count": str.isdecimal, "technique": re.compile(r".*T\d{4}").match,
}  # fmt: skip
_SYSTEM: Final = (
    "你在认安全日志的字段。下面的证据是一个 JSON 对象：键 → 样例里的几个值。给每个认得的键选一个字段，不确定的不写。"
    "只输出一个 JSON 对象：键 → 字段，没有别的文字。字段只能是："
    + "、".join(f"{name}（{label}）" for name, label in (*LABELS.items(), (EVIDENCE, "写进说明"))) + "。\n" + evidence.EVIDENCE_RULE
)  # fmt: skip


async def guess(draft: TableDraft, paid_by: Payer, models: Models | None = None) -> dict[str, str]:
    """Path → field, of keys that have none. Raises InvalidInput where no model answers, with the reason."""
    unknown = [key for key in draft.keys if not key.field][:_MOST]
    if not unknown:
        return {}
    configs = ConfigCache()
    models = models or Models(configs)
    try:
        chain, reasons = await models.chain(paid_by.ai_configs, Policy(configs).admit_model)
        if not chain:
            raise InvalidInput("没有模型可用：" + "".join(reasons))
        answer = await redacted(chain[0], "sample", is_group=True).complete(_request(unknown))
        await db.call(_write_down, answer, paid_by, chain[0].terms.config_id)
    finally:
        await models.close()
    return fitting(answer.message.content, unknown, {key.field for key in draft.keys})


def _request(keys: Sequence[DraftKey]) -> Request:
    shown = json.dumps({key.path: key.values for key in keys}, ensure_ascii=False)
    asked = evidence.with_quote(Message("user", "这些键各是什么字段？"), shown, evidence.new_nonce())
    return Request((Message("system", _SYSTEM), asked), max_tokens=1500, timeout=_SECONDS)


def fitting(answer: str, keys: Sequence[DraftKey], taken: set[str]) -> dict[str, str]:
    """What of an answer is about these keys, names a field, and fits the values; a field that there is once, once."""
    start, end = answer.find("{"), answer.rfind("}")
    try:
        told = json.loads(answer[start : end + 1])
    except (ValueError, RecursionError):
        return {}
    found: dict[str, str] = {}
    for key in keys:
        name = told.get(key.path) if isinstance(told, dict) else None
        if not isinstance(name, str) or name not in (*LABELS, EVIDENCE) or (name in _ONCE and name in taken):
            continue
        if all(_FITS.get(name, bool)(value) for value in key.values):
            found[key.path] = name
            taken = taken | {name}
    return found


def _write_down(answer: Completion, paid_by: Payer, ai_config: int | None) -> None:
    """What it cost."""
    row = usage_row(
        answer.usage, answer.model, load_prices(), config_id=paid_by.config_id, ai_config_id=ai_config, inbox_id=None, person="",
        at=timezone.now(),
    )  # fmt: skip
    insert_many(row.model, [row.values])
