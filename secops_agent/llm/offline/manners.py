"""How people ask politely and in business style: what may stand before and after a whole request."""

import re

from .patterns import Pattern

# No two of these words read the same text in two ways: what repeats them would else try every combination.
_YOU = r"(?:您|你们?|贵方|各位|毕方|小毕)"
_PLEASE = r"(?:恳请|敬请|烦请|劳请|还请|务请|请|麻烦|劳烦|烦劳|有劳|劳驾|拜托|辛苦|pls|please)"
_NEEDED = rf"(?:我们?|我方|我这边|现)?需要?{_YOU}"
_HELP = r"(?:帮(?:我们?|忙|下忙|个忙|助)?|协助|配合|给我|我要|直接|安排(?:人员|同事|专人)?)"
_SOON = (
    r"(?:赶紧|赶快|快点?|尽快|尽早|及时|第一时间|马上|立马|立即|立刻|即刻|即时|火速|紧急|优先|务必|现在|先)"
)
_HAIL = rf"(?:{_YOU}|一下|那|就|ok|好的?|hi|hello|予以|[,，:：!！\s])"
POLITE = rf"(?:{_PLEASE}|{_NEEDED}|{_HELP}|{_SOON}|{_HAIL})*"
_THANKS = r"(?:(?<!谢)[多感]?谢+|辛苦|拜托|有劳|麻烦|劳驾)(?:你|您|啦|了|支持|配合|协助|大家|各位)*"
AFTER = rf"(?:一下|下|吧|啊|呀|哈|哦|非常(?=感谢)|{_THANKS}|为盼|为谢|(?:敬?请|望)?(?:知悉|知晓|周知|悉知)|thanks|thx|pls|please|[,，.。!！~\s])*"
# What a request without a word of asking in front lost when its courtesies were stripped.
PLEADING = Pattern(rf"^\s*(?:{_PLEASE}{_YOU}?(?:一下)?|帮(?:我们?|忙))$", re.IGNORECASE)
