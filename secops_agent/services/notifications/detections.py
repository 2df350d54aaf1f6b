"""Detection rules: the rule of an alert as people would name it, without host, address or number.

Many products have no rule id and write what was found into the name of the rule or the title (端口扫描 39, 端口扫描 web-01).
"""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final

from secops_agent.models import Alert

HOLE: Final = "…"  # where something of this one alert stood
_LONGEST: Final = 200
# What differs from alert to alert: addresses of the web and of mail, hosts, IP addresses, digests, numbers. Names like
# CVE-2021-44228, MS17-010, T1059.001 and log4j2 are none: their digits belong to a word.
_HERE, _THERE = r"(?<![A-Za-z0-9_.-])", r"(?![A-Za-z0-9_]|[.-][A-Za-z0-9])"
_ONES_OWN: Final = re.compile(
    r"\b[a-z][a-z0-9+.-]*://\S+"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    rf"|{_HERE}\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?:[:/]\d{{1,5}})?{_THERE}"
    r"|(?<![0-9A-Za-z:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w+)?(?![0-9A-Za-z:])"
    rf"|{_HERE}(?:[a-z0-9-]+\.)+(?:com|cn|net|org|io|local|lan|internal|example|corp)(?:\.cn|\.example)?{_THERE}"
    rf"|{_HERE}[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}{_THERE}"
    rf"|{_HERE}(?=[0-9a-f]*\d)[0-9a-f]{{16,128}}{_THERE}"
    rf"|{_HERE}[#＃]?\d+(?:[:：.\-/]\d+)*{_THERE}",
    re.IGNORECASE | re.ASCII,
)
_EDGES: Final = " …:：,，;；-–—_#＃()（）[]【】「」<>《》\"'“”@→"


def detection_of(alert: Alert, asset_names: Collection[str]) -> str:
    """What alerts of one detection rule have in common: its id, else its name or the title without what is one's own."""
    if alert.rule_id:
        return f"{alert.source}\x1f{alert.rule_id}"
    return f"{alert.source}\x1f\x1f{stem(alert.rule_name or alert.title, asset_names).casefold()}"


def stem(text: str, asset_names: Collection[str] = ()) -> str:
    """端口扫描 of 端口扫描 39; "" where nothing is left. Long ones are cut: what follows is seldom the rule's."""
    return _stem(text[:_LONGEST], tuple(sorted(asset_names, key=len, reverse=True)))


@lru_cache(maxsize=2048)
def _stem(text: str, asset_names: tuple[str, ...]) -> str:
    for name in asset_names:
        if len(name) > 1:
            text = re.sub(
                rf"(?<![\w.-]){re.escape(name)}(?![\w-])", HOLE, text, flags=re.IGNORECASE | re.ASCII
            )
    text = _ONES_OWN.sub(HOLE, text)
    return re.sub(rf"\s*{HOLE}[\s{HOLE}]*", HOLE, text).strip(_EDGES)


def name_of(alerts: Sequence[Alert], asset_names: Collection[str]) -> str:
    """What many alerts of one detection rule are called."""
    names = dict.fromkeys(each.rule_name or each.title for each in alerts)
    if len(names) == 1:
        return next(iter(names))
    return min((stem(name, asset_names) for name in names), key=len) or alerts[0].source
