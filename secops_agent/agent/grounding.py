"""What a model says of the company's data must come from a query of this turn. No Django here."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from secops_agent.agent.verification import MARK, find_entities, known_values

# A count of something that only a query can know, a machine's name, a state.
_COUNT: Final = re.compile(
    r"(?<![\d.])(\d[\d,]{0,8})\s*(?:条|台|起|个|项)\s*(?:\S{0,8}?)(?:告警|资产|主机|服务器|漏洞|事件|发现|设备)"
)
_NUMBERED: Final = re.compile(r"(?:告警|报警)\s*#?A?(\d{1,9})(?!\d)")
_HOST: Final = re.compile(
    r"(?<![\w./-])[a-z][a-z0-9]*(?:-[a-z0-9]+)*-\d{1,4}(?![\w.-])", re.IGNORECASE | re.ASCII
)
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3})")
_SENTENCE: Final = re.compile(r"[^。！!？?\n]*[。！!？?\n]?")
_ACTS: Final = "关闭|封禁|隔离|确认|认领|指派|分配|静默|屏蔽|拉黑|断网|删除|创建|提交|处置"
# 已关闭, 我会关闭, 已经为您封禁: what is said to have been done or to be being done.
_CLAIM: Final = re.compile(
    rf"(?:已经?|成功|刚刚)(?:为您|帮您|将|把)?[^，,。；;\n]{{0,20}}?(?:{_ACTS})|我(?:会|将|来|马上|这就|已)[^，,。；;\n]{{0,12}}?(?:{_ACTS})|(?:正在|立即)为您(?:{_ACTS})"
)
# What people are asked to act on: a named thing behind a verb, and codes that approve.
_ADVICE: Final = re.compile(
    rf"{_ACTS}|封锁|封掉|阻断|阻止|断开|下线|禁用|停用|执行|运行|访问|打开|点击|下载|登录|回复|发送|同意|批准|block|isolate|quarantine|deny|close|disable|visit|approve",
    re.IGNORECASE,
)
_AIMED: Final = re.compile(
    r"(?:隔离|断开|断网|下线|停用|isolate|quarantine)(?:了|掉|主机|服务器|资产|机器|the)?[\s「“`*]*([a-z][\w.-]{1,62}\w)",
    re.IGNORECASE | re.ASCII,
)
# One would block an address; a machine's name behind the verb is odd, and not the name of a protocol.
_BLOCKED: Final = re.compile(
    r"(?:封禁|封锁|封掉|拉黑|阻断|屏蔽|block)(?:了|掉)?[\s「“`*]*([a-z][\w.]*[-_][\w.-]{0,60}\w)",
    re.IGNORECASE | re.ASCII,
)
_CODE: Final = re.compile(r"(?:确认|同意|拒绝|批准|approve|code)[\s「“`*:：]*([A-Z][A-Z0-9]{4,11})(?![\w])")
_PART: Final = re.compile(r"[^。！!？?；;\n]+")
HEARSAY: Final = "（资料中的内容，未核实）"
# Whoever did not look cannot know that there is nothing; nor is a form an answer.
_DENIAL: Final = re.compile(
    r"(?:没有|没|未|无法)(?:能够?|直接)?(?:查询?到|找到|搜到|合适的工具|相关(?:数据|记录))|\|(?:\s*\|){3}"
)
NOT_DONE: Final = "没有执行任何操作。要处置请写出完整的一句，例如「关闭告警 12 误报」。"


# Arguments that name one thing of ours. A wrong keyword finds nothing; a wrong name finds somebody else's data.
_NAMES: Final = ("asset", "schedule", "cve_id", "value", "alert_id")
_BETWEEN: Final = re.compile(r"[\W_]+")


def unsaid(arguments: Mapping[str, Any], texts: Iterable[str]) -> str:
    """The first thing that the arguments name and no text has, whatever stands between its parts; "" if none."""
    said = [text.lower() for text in texts]
    joined, entities = [_BETWEEN.sub("", text) for text in said], known_values(said)
    for value in _named(arguments):
        if value in entities:
            continue
        if value.isdigit():
            known = any(re.search(rf"(?<!\d){value}(?!\d)", text) for text in said)
        else:
            known = any(_BETWEEN.sub("", value.lower()) in text for text in joined)
        if not known:
            return value
    return ""


def _named(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Names, and what free text has of addresses, flaws and alerts' numbers."""
    for name, value in arguments.items():
        if name in _NAMES and value:
            yield str(value)
        elif isinstance(value, str):
            yield from (entity.value for entity in find_entities(value))
            yield from (match[1] for match in _NUMBERED.finditer(value))


def names_data(answer: str, given: Iterable[str]) -> bool:
    """Does the answer name an id, an address, a machine or a count that ``given`` has not, or say that there is nothing?

    Then it needs a query.
    """
    if _DENIAL.search(answer):
        return True
    texts = list(given)
    known, said = known_values(texts), _THOUSANDS.sub("", "\n".join(texts).lower())
    if any(entity.value not in known for entity in find_entities(answer) if entity.kind != "url"):
        return True
    found = [match[1] for pattern in (_COUNT, _NUMBERED) for match in pattern.finditer(answer)]
    found += [match[0].lower() for match in _HOST.finditer(answer)]
    return any(_THOUSANDS.sub("", value) not in said for value in found)


def mark_unbacked(words: str, sources: Iterable[str]) -> str:
    """A model's words with 未核实 behind counts and names of machines that no source has."""
    marks = [match for pattern in (_COUNT, _HOST) for match in pattern.finditer(words)]
    told = _THOUSANDS.sub("", "\n".join(sources).lower()) if marks else ""
    for match in sorted(marks, key=lambda one: one.end(), reverse=True):
        value = _THOUSANDS.sub("", match[1] if match.re is _COUNT else match[0]).lower()
        marked = words.startswith((MARK, HEARSAY), match.end())
        if not marked and not re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", told, re.ASCII):
            words = f"{words[: match.end()]}{MARK}{words[match.end() :]}"
    return words


def mark_hearsay(words: str, typed: Iterable[str], fields: Iterable[str]) -> str:
    """Advice whose target neither the asker typed nor a field of our data has stands only in some text: it is marked.

    Whoever writes an alert's title may want an address blocked that is ours, or a code sent that approves.
    """
    said = "\n".join(typed)
    named = list(fields)
    vouched = known_values(field for field in named if _is_one_value(field))
    known = known_values([said]) | vouched | {field.lower() for field in named}
    ends = [
        part.start() + end
        for part in _PART.finditer(words)
        if _ADVICE.search(part[0])
        for value, end in _targets(part[0])
        if value not in known
        and not re.search(rf"(?<![\w.-]){re.escape(value)}(?![\w-])", said, re.IGNORECASE)
    ]
    for end in sorted(set(ends), reverse=True):
        if not words.startswith((MARK, HEARSAY), end):
            words = f"{words[:end]}{HEARSAY}{words[end:]}"
    return words


def _is_one_value(field: str) -> bool:
    """An address or a name and nothing else. A field that somebody fills with sentences vouches for none of their words."""
    whole = field.strip().lower().rstrip("/")
    return any(entity.value == whole for entity in find_entities(whole[:2000]))


def _targets(part: str) -> Iterator[tuple[str, int]]:
    """What a piece of advice may point at, and where it ends."""
    yield from ((entity.value, entity.end) for entity in find_entities(part) if entity.kind != "flaw")
    yield from ((match[1], match.end()) for match in _NUMBERED.finditer(part))
    yield from ((match[1].lower(), match.end(1)) for match in _CODE.finditer(part))
    yield from ((match[0].lower(), match.end()) for match in _HOST.finditer(part))
    for pattern in (_AIMED, _BLOCKED):
        yield from ((match[1].lower(), match.end(1)) for match in pattern.finditer(part))


def without_claims(answer: str, results: Iterable[str]) -> str:
    """The answer without sentences that tell of an action which no result tells of; that nothing was done is added."""
    told = "\n".join(results)
    kept, claimed = [], False
    for sentence in _SENTENCE.findall(answer):
        claims = [match[0] for match in _CLAIM.finditer(sentence)]
        unfounded = [one for one in claims if not _is_told(one, told)]
        claimed = claimed or bool(unfounded)
        kept += [] if unfounded else [sentence]
    return "\n\n".join(part for part in ("".join(kept).strip(), NOT_DONE) if part) if claimed else answer


def _is_told(claim: str, told: str) -> bool:
    """A result that says 已关闭 or 状态：已关闭 bears out the claim."""
    verb = re.search(rf"(?:{_ACTS})\Z", claim)
    return verb is not None and re.search(rf"已{verb[0]}|{verb[0]}(?:了|：|了？)", told) is not None
