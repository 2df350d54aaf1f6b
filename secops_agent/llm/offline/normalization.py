"""One spelling for what people type: width, traditional characters, dashes, defanged addresses."""

import re
import unicodedata

from .words import load

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−﹣－", "-") | {"。": "。", "﹖": "?"})
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad]")
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
_SPACES = re.compile(r"\s+")


def normalize(text: str) -> str:
    """The text in one spelling; letters keep their case, and ，stays what it is, as notes are kept."""
    plain = "，".join(unicodedata.normalize("NFKC", part) for part in _INVISIBLE.sub("", text).split("，"))
    plain = _EMOJI.sub("", plain.translate(_DASHES))
    plain = _DEFANGED_SCHEME.sub(r"http\1://", _DEFANGED_DOT.sub(".", plain))
    plain = _MENTION.sub("", simplify(plain))
    for word, usual in load("spelling")["usual"].items():
        plain = plain.replace(word, usual)
    return _SPACES.sub(" ", plain).strip()


def simplify(text: str) -> str:
    """The text in simplified characters."""
    return text.translate(_TRADITIONAL)


def split_address(plain: str) -> tuple[str, str]:
    """Whom the normalised sentence is addressed to (@李四 …), "" for the robot, and the rest of it."""
    match = _OTHERS.match(plain)
    return (match.group(), plain[match.end() :]) if match and match.end() < len(plain) else ("", plain)
