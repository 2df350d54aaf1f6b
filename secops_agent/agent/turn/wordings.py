"""Wordings: texts that a model words for people in the asker's name (a message, a note, a task, a reminder).

The asker reads the exact text before it goes anywhere, so its words are free as far as they say what was typed. What could be
planted is not: an address, a link, a code, a number, a date, a person's name, and words of weight (密码, 转账, 解封) stand in it only
if the asker typed them; the numbers of alerts and cases, CVEs, hosts of the inventory and deadlines also if they were shown here.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from bifang.channels.text.visible import visible
from secops_agent.llm.offline.expressions.numerals import read_integer
from secops_agent.llm.offline.lexicon import Lexicon

CLAUSE: Final = re.compile("[^，,。；;！!？?\n]+")
BETWEEN: Final = re.compile(r"[\W_]+")
NOT: Final = re.compile("[不没勿未无莫非]|别(?!忘|的)|禁止")
_DENIAL: Final = re.compile(f"(?:{NOT.pattern})[要会能用可必须该得再是]*")
WIDE: Final = re.compile("[\u4e00-\u9fff]")
_NAME: Final = re.compile(r"[a-z0-9][\w.:/-]*", re.ASCII)
_COURTEOUS: Final = re.compile(r"请您?|麻烦您?|谢谢|一下|尽快|[你您他她]们?|[的了吧哈呢啊]")
_POLITE: Final = re.compile(
    "您好|你好|辛苦|多谢|感谢|不好意思|打扰|抽空|方便的?话|方便时|帮忙|一下|支持|配合|理解"
)
_MOST: Final = 300  # characters
_NUMERALS: Final = re.compile("[零〇一二两三四五六七八九十百千万幺]+|半")
_ONE: Final = re.compile(
    "(?<![零〇二两三四五六七八九十百千万幺])一(?![零〇二两三四五六七八九十百千万幺点号日天周月年小分台条])"
)  # 一下, 一起
_DATE: Final = re.compile(
    "[今明后昨前]天|[今明]晚|[上下]午|[早晚]上|凌晨|中午|[上下本这]个?(?:周|星期|礼拜|月)|年底|月底"
)
_FOREIGN: Final = re.compile(r"@|[^\x00-\x7f]\.\S|\S\.[^\x00-\x7f]|[^\W\d_\x00-\x7f\u4e00-\u9fff]")
_WEIGHTY: Final = re.compile(
    "密码|口令|验证码|密钥|令牌|[账帐]号|[转打汇付]款|转[账帐]|收款|银行|红包|下载|安装|点击|打开|扫码|二维码|链接|网址|邮箱|邮件|微信|电话|手机|短信"
    "|关闭|停用|禁用|卸载|关掉|放行|放开|白名单|解除|解封|封禁|隔离|删除|删掉|清空|批准|同意|授权|重启|关机|断网|误报|忽略"
)
_SHOWN: Final = re.compile(
    r"[aef#]\d{1,9}|cve-\d{4}-\d{3,7}|(?:\d{4}-)?\d{1,2}-\d{1,2}|\d{1,2}:\d\d"
)  # as they are written in results


def skeleton(clause: str) -> tuple[str, frozenset[str]]:
    """The letters of a clause, of whatever script, with nothing between them, and its names and figures apart."""
    plain = _plain(clause)
    return BETWEEN.sub("", _COURTEOUS.sub("", _NAME.sub("", plain))), _names(plain)


def fault_of(text: str, typed: Sequence[str], shown: Callable[[str], bool], lexicon: Lexicon) -> str:
    """In Chinese, what of a text no word of ``typed`` bears out; "" if people may be shown it. ``shown``: does this name or time
    stand in a field that was shown here, or is it meant by what was typed?"""
    if len(text) > _MOST:
        return f"超过 {_MOST} 字"
    return next(_faults(_plain(text), _plain("\n".join(typed)), shown, lexicon), "")


def _faults(text: str, typed: str, shown: Callable[[str], bool], lexicon: Lexicon) -> Iterator[str]:
    said = _names(typed)
    for name in sorted(_names(text) - said):
        if not _is_backed(name, typed, shown, lexicon):
            yield f"「{name[:40]}」提问者没有写，也不是给他看过的编号、主机或时限"
    figures = _figures(typed)
    yield from (f"「{one}」不是提问者说的数字" for one in _counts(text) if one not in figures)
    for words in (_FOREIGN, _DATE, _WEIGHTY):
        yield from (f"「{one}」提问者没有说" for one in words.findall(text) if one not in typed)
    people = (name for name in lexicon.people if WIDE.match(name) and len(name) > 1 and name in text)
    yield from (f"「{one}」提问者没有说到" for one in people if one not in typed and not shown(one))
    yield from _turned(text, typed)
    for clause in CLAUSE.findall(text):
        letters = WIDE.findall(skeleton(_POLITE.sub("", clause))[0])
        if 2 * sum(char in typed for char in letters) < len(letters):
            yield f"「{clause.strip()[:40]}」不是提问者说的意思"


def _is_backed(name: str, typed: str, shown: Callable[[str], bool], lexicon: Lexicon) -> bool:
    """A figure that was typed in Chinese; a number, a time or a host that was shown. An address or a domain never."""
    if name.isdigit() and name in _figures(typed):
        return True
    host = "." not in name and name in lexicon.assets
    return (host or bool(_SHOWN.fullmatch(name))) and shown(name)


def _turned(text: str, typed: str) -> Iterator[str]:
    """What was denied and no longer is, or the other way round: the two letters behind a denial stand for what is denied."""
    denied, before = _denied(text), _denied(typed)
    new = {one for one in denied if not _begins(one, before)}
    gone = {one for one in before if one in _letters(text) and not _begins(one, denied)}
    yield from (f"「{one}」前面的否定和提问者说的不一样" for one in sorted(new | gone))


def _denied(text: str) -> set[str]:
    """Of each clause; one letter where the clause ends."""
    clauses = [_letters(one) for one in CLAUSE.findall(text)]
    return {each[found.end() : found.end() + 2] for each in clauses for found in _DENIAL.finditer(each)} - {
        ""
    }


def _begins(one: str, others: set[str]) -> bool:
    return any(one.startswith(each) or each.startswith(one) for each in others)


def _letters(text: str) -> str:
    return BETWEEN.sub("", _COURTEOUS.sub("", text.replace("不好意思", "")))


def _counts(text: str) -> Iterator[str]:
    """The numbers that are written in Chinese characters, as figures."""
    for found in _NUMERALS.findall(_ONE.sub("", text)):
        value = read_integer(found.replace("幺", "一"))
        yield found if value is None else str(value)


def _figures(text: str) -> set[str]:
    return {*_counts(text), *re.findall(r"\d+", text)}


def _names(plain: str) -> frozenset[str]:
    return frozenset(name.rstrip(".:/-") for name in _NAME.findall(plain))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", visible(text)).lower()
