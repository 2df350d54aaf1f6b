"""One spelling for what people type, without the courtesies around it: 麻烦帮我, 老师, 谢谢啦."""

import re
import unicodedata
from dataclasses import dataclass

from bifang.channels.text.visible import visible
from secops_agent.llm.offline.words import load, pattern

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−﹣－", "-") | {"。": "。", "﹖": "?"})
_EMOJI = re.compile(
    "[\u2600-\u27bf\u2b50\ufe0f\ue000-\uf8ff\U0001f000-\U0001faff]|\\[[\u4e00-\u9fff]{1,4}\\]"
)
_DEFANGED_DOT = re.compile(r"\s?[\[({【](?:\.|dot|点)[\])}】]\s?", re.IGNORECASE)
_DEFANGED_SCHEME = re.compile(r"(?<![a-z0-9])h(?:xx|\*\*|tt)p(s?)(?:\[:\]|:)//", re.IGNORECASE)
# DingTalk takes the robot's own mention off already; whoever else is left is the one who is spoken to.
_MENTION = re.compile(
    r"(?<![\w.])@(?:毕方|安全运营|安全助手|小毕|bifang|机器人)(?:安全|运营|运维|智能|小?助手|机器人|测试版?|bot)*[\s,，:：]*",
    re.IGNORECASE,
)
_OTHERS = re.compile(r"(?:@[^\s,，:：@]{1,20}[\s,，:：]+)+")
_TRADITIONAL = str.maketrans({pair[0]: pair[1:] for pair in load("spelling")["characters"].split()})
_USUAL = [pair.split("=") for pair in load("spelling")["usual"].split()]
_DIGIT, _TENS = "零〇一二三四五六七八九幺", "一二两三四五六七八九"
_SPOKEN = str.maketrans("零〇一二三四五六七八九幺", "001234567891")
_SPOKEN_ADDRESS = re.compile(
    rf"(?<![{_DIGIT}点十百])[{_DIGIT}]{{1,3}}(?:点[{_DIGIT}]{{1,3}}){{3}}(?![{_DIGIT}点十百])"
)
_SPOKEN_HOST = re.compile(
    rf"(?<![A-Za-z0-9_.-])([A-Za-z][A-Za-z-]+?)\s?[杠-]?\s?([零〇][{_DIGIT[2:-1]}])(?![{_DIGIT}点十百])"
)
_SPOKEN_CODE = re.compile(
    rf"(?<![A-Za-z0-9])([AE])([{_DIGIT}]+)(?![{_DIGIT}点十百千万个下条台些])", re.IGNORECASE
)
_SPOKEN_NUMBER = re.compile(
    rf"(?<![{_TENS}十百千万])([{_TENS}])百([{_TENS}])十([{_TENS}])(?![十千万])"
)  # 二百九十四三百那条
_SPACES = re.compile(r"\s+")

_RUN_TOGETHER = re.compile(r"(?<![\w.-])A\d{1,6}(?:A\d{1,6})+(?![\w.-])", re.ASCII)  # A5A28A207


def normalize(text: str) -> str:
    """The text in one spelling; letters keep their case, and ，stays what it is, as notes are kept."""
    plain = "，".join(unicodedata.normalize("NFKC", part) for part in visible(text).split("，"))
    plain = _EMOJI.sub("", plain.translate(_DASHES))
    plain = _DEFANGED_SCHEME.sub(r"http\1://", _DEFANGED_DOT.sub(".", plain))
    plain = _MENTION.sub("", simplify(plain))
    plain = _SPOKEN_ADDRESS.sub(lambda said: said[0].replace("点", ".").translate(_SPOKEN), plain)
    plain = _SPOKEN_HOST.sub(lambda said: f"{said[1]}-{said[2].translate(_SPOKEN)}", plain)
    plain = _SPOKEN_CODE.sub(lambda said: f"{said[1]}{said[2].translate(_SPOKEN)}", plain)
    plain = _SPOKEN_NUMBER.sub(
        lambda said: f"{''.join(said.groups()).replace('两', '二').translate(_SPOKEN)} ", plain
    )
    plain = _RUN_TOGETHER.sub(lambda run: re.sub("(?<=\\d)(?=A)", " ", run[0]), plain)
    for word, usual in _USUAL:
        plain = plain.replace(word, usual)
    return _SPACES.sub(" ", plain).strip()


def simplify(text: str) -> str:
    """The text in simplified characters."""
    return text.translate(_TRADITIONAL)


def split_address(plain: str) -> tuple[str, str]:
    """Whom the normalised sentence is addressed to (@李四 …), "" for the robot, and the rest of it."""
    match = _OTHERS.match(plain)
    return (match.group(), plain[match.end() :]) if match and match.end() < len(plain) else ("", plain)


@dataclass(frozen=True, slots=True)
class BareRequest:
    """The bare request; ``asking``: 请问, 我想知道 … stood before it, so it is no order.

    ``pleading``: 麻烦, 烦请 … stood directly before it, and may have been said to somebody: 麻烦张三处理告警 146.
    """

    text: str
    asking: bool = False
    pleading: bool = False


def strip_courtesies(plain: str) -> BareRequest:
    """The normalised sentence without greetings, forms of address and thanks at its ends."""
    text, asking, pleading = plain, False, False
    first, last, urged = (pattern(f"courtesies.{name}") for name in ("first", "last", "urged"))
    while (match := first.match(text)) and match.end() < len(text):
        # A short word such as 急 or 早 is only an address when something separates it from the rest.
        if not match["gap"] and pattern("courtesies.glued").search(match.group()):
            break
        pleading = bool(pattern("courtesies.pleading").match(match.group()))
        text, asking = text[match.end() :], asking or bool(match["asking"])
    while (match := last.search(text)) and match.start() > 0 and not urged.fullmatch(text):
        text = text[: match.start()]
    return BareRequest(text, asking, pleading)
