"""Names and ids in a sentence: addresses, domains, hashes, vulnerabilities, assets, people, alert numbers."""

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime

from .lexicon import Lexicon
from .numerals import INTEGER, read_integer
from .patterns import Pattern
from .skeletons import Kind, Reader, Skeleton, mark
from .times import take_times

_URL = Pattern(r"(?:https?|ftp)://[^\s，。；、！？\"'“”‘’「」《》<>\u4e00-\u9fff]+", re.IGNORECASE)
_HASH = Pattern(r"(?<![0-9a-z])(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})(?![0-9a-z])", re.IGNORECASE)
_CVE = Pattern(
    r"(?<![a-z0-9])(?:(?P<kind>cve|cnvd|cnnvd)\s*[-_ ]?\s*(?P<year>(?:19|20)\d\d)(?P<sep>\s*[-_ ]\s*|(?=\d{3}(?!\d)))(?P<number>\d{3,7})"
    r"|(?P<ghsa>ghsa(?:-[0-9a-z]{4}){3})|(?P<short>20\d\d-\d{4,7}))(?![0-9a-z])",
    re.IGNORECASE,
)
_NICKNAMES = {
    "log4shell": "CVE-2021-44228",
    "spring4shell": "CVE-2022-22965",
    "heartbleed": "CVE-2014-0160",
    "心脏滴血": "CVE-2014-0160",
    "eternalblue": "CVE-2017-0144",
    "永恒之蓝": "CVE-2017-0144",
    "shellshock": "CVE-2014-6271",
    "破壳漏洞": "CVE-2014-6271",
    "脏牛": "CVE-2016-5195",
    "printnightmare": "CVE-2021-34527",
    "zerologon": "CVE-2020-1472",
    "bluekeep": "CVE-2019-0708",
    "regresshion": "CVE-2024-6387",
}
_NICKNAME = Pattern("|".join(_NICKNAMES), re.IGNORECASE)
_V4 = r"(?:\d{1,3}\.){3}\d{1,3}"
_NETWORK = Pattern(
    rf"(?<![\d.\w])(?:{_V4}|[0-9a-f:]*::?[0-9a-f:]+)/\d{{1,3}}(?!\d)|(?<![\d.]){_V4}\s*[-~至到]\s*(?:{_V4}|\d{{1,3}}(?![\d.]))"
    r"|(?<![\d.])(?:\d{1,3}\.){1,3}(?:\*|x)(?:\.(?:\*|x))*(?![\w.])|(?<![\d.\w])(?:\d{1,3}\.){1,3}\d{1,3}\s*(?:网段|段|子网)",
    re.IGNORECASE,
)
_IP = Pattern(
    rf"(?<![\d.]){_V4}(?![\d.]*\d)|(?<![\w:.])(?:[0-9a-f]{{0,4}}:){{2,7}}[0-9a-f]{{0,4}}(?![\w:])",
    re.IGNORECASE,
)
_TOKEN = Pattern(r"[A-Za-z0-9](?:[A-Za-z0-9_.:/+-]*[A-Za-z0-9])?")
_DOMAIN = Pattern(
    r"(?<![\w@.-])(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\.)+[a-z][a-z0-9-]{1,23}(?![\w.-]*[a-z0-9])",
    re.IGNORECASE,
)
_FILE_ENDINGS = frozenset(
    [
        "exe",
        "dll",
        "py",
        "js",
        "ts",
        "md",
        "txt",
        "log",
        "conf",
        "cfg",
        "yaml",
        "yml",
        "json",
        "xml",
        "php",
        "jsp",
        "asp",
        "aspx",
        "jar",
        "war",
        "zip",
        "gz",
        "tar",
        "rar",
        "doc",
        "docx",
        "xls",
        "xlsx",
        "pdf",
        "bat",
        "ps1",
        "ini",
    ]
)
_HOST = Pattern(
    r"(?<![\w.-])(?=[a-z0-9_-]*\d)(?=[a-z0-9_-]*[a-z])[a-z][a-z0-9]*(?:[-_][a-z0-9]+)+(?![\w.-]*[a-z0-9])|(?<![\w.-])[a-z]{2,}\d{2,3}(?![\w-])",
    re.IGNORECASE,
)
_NOT_HOSTS = Pattern(
    r"(?:sha|md|ms|t|win|rsa|aes|utf|base|x|http|tls|ssl|top|no|id|id-|cvss)-?_?\d+|.*-?day|log4j.*",
    re.IGNORECASE,
)
_CHINESE = Pattern("[一-鿿]")
_ALERT_NOUN = r"(?:安全)?(?:告警|报警|警报|预警|alerts?|工单)"
_COUNTED = r"(?!\s*(?:条|个|件|起|分钟|小时|天|周|月|日|年|点(?!个|一下|下|确认)|时|台|次|级|%|:|/|\.|\d|种|类|份|位|人|h\b|d\b|min))"
_ONE = r"(?![下共直些般样览边方定旦切律会致样向])"
_NUMBER_AFTER = rf"(?P<n>\d{{1,9}}|一(?=\s*(?:号|$|[,，。]))|(?!一[一二三四五六七八九两]?(?![一二三四五六七八九十百千零两])|一一)[一二三四五六七八九十百千零两]{{1,7}}{_ONE})"
_ID_WORD = r"(?:(?:的)?(?:详细信息|详情|明细|细节)\s*)?(?:(?:的)?(?:id|编号|序号|号码|no\.?|号|#|第)\s*(?:是|为|:|=)?|#|:)?"
_LIST = rf"(?:\s*(?:[、,，/&+]|和|与|跟|及|以及|还有|到|至|-|~)\s*(?:{_ALERT_NOUN})?\s*#?(?:{INTEGER})(?:号)?{_COUNTED})+"
_ALERTS = Pattern(
    rf"{_ALERT_NOUN}\s*{_ID_WORD}\s*(?:{INTEGER})\s*号?{_LIST}(?:\s*号?(?:告警|报警))?|#?(?:\d+)号?(?:\s*(?:[、,，/&]|和|与|跟|及)\s*#?\d+号?)+\s*号?(?:这[两几]\S)?(?:告警|报警)",
    re.IGNORECASE,
)
_ALERT = Pattern(
    rf"(?:{_ALERT_NOUN}[\s_-]*{_ID_WORD}\s*{_NUMBER_AFTER}(?:\s*(?:号|#)(?:告警|报警)?)?{_COUNTED})",
    re.IGNORECASE,
)
# ack 331, close 331 as false positive: in English orders the noun is left out; ack 2 alerts counts them.
_ORDER_ENDS = (
    r"\s*(?:$|[,，.!;?？]|(?:to|as|for|pls|plz|please|now|right|asap|thx|thanks|给|吧|哈|备注)(?![a-z]))"
)
_AS_VERDICT = r"(?:as\s+)?(?:an?\s+)?(?:false|fp|true|tp|dup|benign|误报|重复|真实|正常)"
_ALERT_BEFORE = Pattern(
    rf"(?:第\s*|no\.?\s*)?(?P<n>{INTEGER})\s*号\s*(?:的)?(?:[这那][条个])?{_ALERT_NOUN}|(?:编号|id|ID|序号)\s*(?:是|为|:|=)?\s*#?(?P<n2>\d{{1,9}})\s*(?:号)?(?:的)?(?:那条|这条|那个|这个)?{_ALERT_NOUN}"
    rf"|(?<![\d.:/-])(?P<n5>\d{{1,9}})\s*号?\s*(?:的)?[这那]一?[条个起]\s*{_ALERT_NOUN}"
    rf"|{_ALERT_NOUN}[,，\s]*(?:编号|id)\s*(?:=|:|是|为)?\s*#?(?P<n6>\d{{1,9}})(?!\d)"
    rf"|(?<![产备务则工洞])(?:编号|序号|id)\s*(?:是|为|:|=)?\s*#?(?P<n8>\d{{1,9}})(?!\d)(?=[^。;；\d\ue000-\uf8ff]{{0,16}}[,，](?:这|那|该|此)[条个起]?{_ALERT_NOUN}(?!\s*\d))"
    rf"|(?:(?<=\back )|(?<=acknowledge )|(?<=assign )|(?<=assign me ))#?(?P<n9>\d{{1,9}})(?={_ORDER_ENDS})|(?<=close )#?(?P<n10>\d{{1,9}})(?=[\s,，]*{_AS_VERDICT})"
    rf"|#\s*(?P<n3>\d{{1,9}})(?!\d)(?:\s*号?{_ALERT_NOUN})?|(?:第\s*(?P<n4>{INTEGER})\s*号|no\.?\s*(?P<n7>\d{{1,9}})\s*号?)\s*{_ALERT_NOUN}",
    re.IGNORECASE,
)
_TASK_NOUN = r"(?:定时任务|计划任务|定时|任务|订阅|计划|日程|schedule)"
_SCHEDULE = Pattern(
    rf"{_TASK_NOUN}\s*(?:的)?(?:编号|id|号|#|第|:|为|是|\s)*(?P<n>\d{{1,9}})\s*号?{_COUNTED}|(?:第|编号|编号为|#)?\s*(?P<n2>{INTEGER})\s*号(?:的)?{_TASK_NOUN}|#(?P<n3>\d{{1,9}})\s*(?:号)?(?:的)?{_TASK_NOUN}|(?:编号|id)\s*(?:为|是|:|=)?\s*(?P<n4>\d{{1,9}})\s*(?:号)?(?:的)?(?:那个|这个)?{_TASK_NOUN}",
    re.IGNORECASE,
)


def read_entities(text: str, lexicon: Lexicon, now: datetime) -> Skeleton:
    """A skeleton of the normalised text with every name, id, time and duration marked."""
    skeleton = Skeleton(text)
    _take_technical(skeleton, lexicon)
    _take_names(skeleton, lexicon)
    skeleton.take(Kind.SCHEDULE, _SCHEDULE, _number)
    take_times(skeleton, now)
    skeleton.take(Kind.ALERTS, _ALERTS, lambda m: m.group())
    skeleton.take(Kind.ALERT, _ALERT, _number)
    skeleton.take(Kind.ALERT, _ALERT_BEFORE, _number)
    return skeleton


def _take_technical(skeleton: Skeleton, lexicon: Lexicon) -> None:
    skeleton.take(Kind.URL, _URL, lambda m: m.group().rstrip(".,;:!?)'"))
    skeleton.take(Kind.HASH, _HASH, lambda m: m.group().lower())
    skeleton.take(Kind.CVE, _CVE, _vulnerability)
    skeleton.take(Kind.NETWORK, _NETWORK, lambda m: m.group())
    skeleton.take(
        Kind.ASSET_IP,
        _IP,
        lambda m: _address(m.group()) if lexicon.asset(_address(m.group()) or "") else None,
    )
    skeleton.take(Kind.IP, _IP, lambda m: _address(m.group()))


def _take_names(skeleton: Skeleton, lexicon: Lexicon) -> None:
    skeleton.take(
        Kind.ASSET, _TOKEN, lambda m: lexicon.asset(m.group()) or None if _is_name(m.group()) else None
    )
    skeleton.take(
        Kind.PERSON, _TOKEN, lambda m: lexicon.person(m.group()) or None if _is_name(m.group()) else None
    )
    if _CHINESE.search(skeleton.text):
        _take_chinese(skeleton, lexicon)
    skeleton.take(Kind.CVE, _NICKNAME, lambda m: _NICKNAMES[m.group().lower()])
    skeleton.take(Kind.DOMAIN, _DOMAIN, lambda m: _domain(m.group()))
    skeleton.take(Kind.HOST, _HOST, lambda m: None if _NOT_HOSTS.fullmatch(m.group()) else m.group())


def _take_chinese(skeleton: Skeleton, lexicon: Lexicon) -> None:
    """Chinese names have no boundaries: look up what starts at each character."""
    lowered = skeleton.text.lower()
    for kind, names in (
        (Kind.ASSET, _asset_names(lowered, lexicon)),
        (Kind.PERSON, _person_names(lowered, lexicon)),
    ):
        if names:
            pattern = Pattern("|".join(re.escape(name) for name in names), re.IGNORECASE)
            index = lexicon.assets if kind is Kind.ASSET else lexicon.people
            skeleton.take(kind, pattern, _looked_up(index))


def _looked_up(index: Mapping[str, str]) -> Reader:
    return lambda match: index.get(match.group().lower())


def _asset_names(text: str, lexicon: Lexicon) -> list[str]:
    names = (
        name
        for i in range(len(text) - 1)
        for name in lexicon.cjk_assets.get(text[i : i + 2], ())
        if text.startswith(name, i)
    )
    return sorted(set(names), key=len, reverse=True)


def _person_names(text: str, lexicon: Lexicon) -> list[str]:
    pieces = {text[i : i + n] for i in range(len(text)) for n in (4, 3, 2) if _CHINESE.match(text[i])}
    return sorted((piece for piece in pieces if piece in lexicon.people), key=len, reverse=True)


def _is_name(token: str) -> bool:
    return len(token) > 1 and not token.isdigit() and token.lower() not in _RESERVED


_RESERVED = frozenset(
    [
        "alert",
        "alerts",
        "high",
        "low",
        "medium",
        "critical",
        "info",
        "cve",
        "kev",
        "ip",
        "vuln",
        "block",
        "isolate",
        "help",
        "status",
        "open",
        "closed",
        "ack",
    ]
)


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _vulnerability(match: re.Match[str]) -> str:
    if match["ghsa"]:
        return match["ghsa"].upper()
    if match["short"]:
        return f"CVE-{match['short']}"
    return f"{match['kind']}-{match['year']}-{match['number']}".upper()


def _domain(text: str) -> str | None:
    ending = text.rpartition(".")[2].lower()
    return None if ending in _FILE_ENDINGS or not ending.replace("-", "").isalnum() else text.lower()


def _number(match: re.Match[str]) -> int | None:
    text = next((value for name, value in match.groupdict().items() if name.startswith("n") and value), "")
    return read_integer(text) or None


ADDRESS = mark(Kind.IP, Kind.ASSET_IP)
