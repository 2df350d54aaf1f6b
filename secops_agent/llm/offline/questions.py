"""A question: the classifier names the tool, the words of the sentence give its arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .cases import read_case_question
from .classifier import NONE, classify
from .filters import HOSTS, group_of, narrow, type_of
from .intents import ACTION_TOOLS, READ_TOOLS, Intent
from .keywords import count_products, find_keyword, find_known
from .lexicon import Lexicon
from .skeletons import ANY_MARK, Kind, Skeleton
from .words import name_of, pattern, wordset

_ALERTS = (
    "severity", "status", "since_hours", "until_hours", "asset", "limit", "due", "unassigned", "urgent", "listed",
)  # fmt: skip
_VULNERABLE = ("severity", "asset", "limit", "kev_only", "fix_available")
_CLOSE = 0.5  # of the scores of the classifier: an offer's may be this far behind
_CLEAR = 0.75  # ahead of everything else by this much
_EARLIER = {"today": "yesterday", "this_week": "last_week", "this_month": "last_month"}
_INDICATORS = (Kind.URL, Kind.HASH, Kind.IP, Kind.ASSET_IP, Kind.DOMAIN)
# What must have been said for a tool to make sense.
_NEEDS: Mapping[str, tuple[Kind, ...]] = {
    "get_alert": (Kind.ALERT,),
    "investigate_alert": (Kind.ALERT,),
    "lookup_cve": (Kind.CVE,),
    "affected_assets": (Kind.CVE,),
    "lookup_indicator": _INDICATORS,
    "get_asset": (*HOSTS, Kind.IP),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's sentence with what it is read against; ``command``: it is the rest of a slash command,
    where any word that nothing explains is what to look for."""

    skeleton: Skeleton
    lexicon: Lexicon
    now: datetime
    asker: str = ""
    command: bool = False

    @property
    def text(self) -> str:
        """With marks."""
        return self.skeleton.text


def read_question(asked: Asked) -> Intent | None:
    """The question that the sentence most probably is; None if it is none, or asks about two things at once."""
    if exact := read_exact(asked):
        return exact
    tool = rank(asked.skeleton)[0][1]
    return build(tool, asked) if tool in READ_TOOLS else None


def read_exact(asked: Asked) -> Intent | None:
    """The question that the whole sentence certainly is: about cases, or about who has some software."""
    return read_case_question(asked.skeleton.expand(asked.text)) or _software_question(asked)


def _software_question(asked: Asked) -> Intent | None:
    """谁在用 log4j, 我们有没有装 openssl 3.0.7, fastjson 哪些机器在用, 哪些主机装了向日葵."""
    text = asked.text.strip(" 。.!！?？")
    said = pattern("filters.installed").fullmatch(text)
    found = (said["uses"] or said["used"]) if said else chinese_software(text)
    word = asked.skeleton.expand(found).strip()
    if wordset("keywords.common_english").issuperset(word.lower().split()):
        return None
    return Intent("list_assets", {"keyword": word} | type_of(asked.text.replace(found, " ")))


def chinese_software(text: str) -> str:
    """The name, if the rest asks who has it; no name is told from a word of the sentence by its letters."""
    said = pattern("filters.installed_named").fullmatch(text)
    name = (said["uses"] or said["used"]) if said else ""
    asks = name and pattern("filters.whether").search(text.replace(name, " "))
    return "" if not asks or pattern("filters.no_software").search(name) else name


def rank(skeleton: Skeleton) -> list[tuple[float, str]]:
    """Tools and "none" by their scores; what lacks the thing it is about is left out."""
    labels = [tool for tool in READ_TOOLS | ACTION_TOOLS | {NONE} if possible(tool, skeleton)]
    return classify(skeleton.text, labels)


def is_likely(tool: str, skeleton: Skeleton) -> bool:
    """Whether nothing else is much more probable."""
    ranked = rank(skeleton)
    return any(name == tool and ranked[0][0] - score <= _CLOSE for score, name in ranked)


def is_clear(skeleton: Skeleton) -> bool:
    """Whether nothing else comes near, so that no model need be asked what was meant."""
    first, *others = rank(skeleton)
    return not others or first[0] - others[0][0] >= _CLEAR


def possible(tool: str, skeleton: Skeleton) -> bool:
    """Whether what the tool is about was said."""
    return tool not in _NEEDS or skeleton.first(*_NEEDS[tool]) is not None


def build(tool: str, asked: Asked) -> Intent | None:
    """The tool with the arguments that were said."""
    arguments = _READERS[tool](asked)
    return Intent(tool, arguments) if arguments.get("query", True) else None


def _first(name: str, *kinds: Kind) -> Callable[[Asked], dict[str, Any]]:
    return lambda asked: {name: asked.skeleton.found(*kinds)[0].value}


def _alerts(asked: Asked) -> dict[str, Any]:
    said = narrow(asked.skeleton, asked.now, *_ALERTS)
    return said | _keyword(asked, _alert_keyword(asked, said))


def _keyword(asked: Asked, found: str) -> dict[str, Any]:
    """``keyword`` if there is one; 我的 stands for the asker."""
    mine = asked.asker if pattern("filters.mine").search(asked.text) else ""
    return {"keyword": found or mine} if found or mine else {}


def _alert_keyword(asked: Asked, said: dict[str, Any]) -> str:
    """A rule, source or attack; else an indicator or a person; else a word that is marked as one."""
    plain = pattern("filters.in_lists").sub(" ", asked.text)
    skeleton = Skeleton(pattern("filters.roles").sub(" ", plain), asked.skeleton.entities)
    known = find_known(skeleton.text, asked.lexicon.keywords)
    named = skeleton.first(Kind.IP, Kind.DOMAIN, Kind.URL, Kind.HASH, Kind.CVE, Kind.PERSON, Kind.NETWORK)
    if not known and named and named.value not in said.values():
        return str(named.value)
    found = find_keyword(skeleton, "filters.alert_noun", asked.lexicon.keywords)
    return found or _left(asked, "filters.alert_noun")


def _statistics(asked: Asked) -> dict[str, Any]:
    """Grouped as it was said, else by what was named: two sources, several states, a level."""
    skeleton, text = asked.skeleton, asked.text
    group = group_of(text if "告警类型" in text else pattern("filters.alert_noun").sub(" ", text))
    sources = ["source"] if count_products(text, asked.lexicon.keywords) > 1 else []
    states = ["status"] if len({entity.value for entity in skeleton.found(Kind.STATUS)}) > 1 else []
    named = [*sources, *states, *narrow(skeleton, asked.now, "severity", "status")]
    group = group or ({"group_by": named[0]} if named else {})
    compared = narrow(skeleton, asked.now, "compare") if not group else {}
    if compared:
        skeleton = Skeleton(pattern("filters.than").sub(" ", text), skeleton.entities)
    return narrow(skeleton, asked.now, "since_hours", "until_hours") | group | compared


def _assets(asked: Asked) -> dict[str, Any]:
    """What must not be on them is no keyword: nothing can be narrowed by that."""
    said = Skeleton(pattern("filters.no_use").sub(" ", asked.text), asked.skeleton.entities)
    asked = replace(asked, skeleton=said)
    keyword = _asset_keyword(asked)
    text = asked.text.replace(keyword, " ") if keyword else asked.text
    unowned = {"unassigned": True} if pattern("filters.unowned").search(text) else {}
    return _keyword(asked, keyword) | type_of(text) | narrow(asked.skeleton, asked.now, "limit") | unowned


def _asset_keyword(asked: Asked) -> str:
    skeleton = asked.skeleton
    of_people = asked.command or pattern("filters.people_words").search(asked.text)
    named = pattern("filters.name_part").search(asked.text)
    word = (named["word"] or named["affects"] or named["uses"]) if named else ""
    entity = skeleton.first(*([Kind.PERSON] if of_people else []))
    if word and not entity and word.lower() not in wordset("keywords.common_english"):
        return skeleton.expand(word)
    entity = entity or skeleton.first(Kind.NETWORK, Kind.HOST, Kind.DOMAIN)
    if entity:
        return str(entity.value)
    clauses, noun = pattern("filters.clause").findall(asked.text), pattern("filters.asset_noun")
    text = "，".join(clause for clause in clauses if noun.search(clause)) or asked.text
    bare = Skeleton(pattern("filters.unsaid").sub(" ", text), skeleton.entities)
    found = "" if asked.command else find_keyword(bare, "filters.asset_noun", frozenset(), of_assets=True)
    plain = replace(asked, skeleton=Skeleton(pattern("filters.asset_noun").sub(" ", text), skeleton.entities))
    return found or _left(asked, "filters.asset_noun") or _software(plain).get("keyword", "")


def _software(asked: Asked) -> dict[str, str]:
    """openssl 有漏洞吗: an English word that is no other of ours."""
    found: list[str] = pattern("filters.software_word").findall(asked.text)
    named = [word for word in found if word.lower() not in wordset("keywords.common_english")]
    return {"keyword": named[0]} if len(named) == 1 and len(found) == 1 else {}


def _left(asked: Asked, nouns: str) -> str:
    """The one word of a slash command that neither a mark nor the noun explains."""
    words = ANY_MARK.sub(" ", pattern(nouns).sub(" ", asked.text)).split()
    return words[0] if asked.command and len(words) == 1 and len(words[0]) > 1 else ""


def _topic(asked: Asked) -> str:
    """The question itself, which the search knows how to take; 告警 12 stands for what that alert is about."""
    alert = asked.skeleton.first(Kind.ALERT)
    return f"告警 {alert.value}" if alert else asked.skeleton.expand(asked.text).strip()


def _report(asked: Asked) -> dict[str, Any]:
    """日报 is today, with 昨天 yesterday; in 今天的周报 the kind of report counts, the day only tells which one."""
    periods = [entity.value.period for entity in asked.skeleton.found(Kind.TIME)]
    said = next((each for each in periods if _EARLIER.get(each) in periods), next(filter(None, periods), ""))
    kind = name_of("filters.period", asked.text)
    period = said or kind or "today"
    if kind and said not in ("", kind, _EARLIER[kind]):
        period = _EARLIER[kind] if said in ("last_week", "last_month") else kind
    if pattern("filters.previous").search(asked.text):
        period = _EARLIER.get(period, period)
    file = name_of("filters.report_file", asked.text)
    return {"period": period, "file": file} if file else {"period": period}


def _on_call(asked: Asked) -> dict[str, Any]:
    """The words for the time, as they were said."""
    when = pattern("filters.on_call_at").search(asked.skeleton.expand(asked.text))
    return {"at": when.group()} if when else {}


_READERS: Mapping[str, Callable[[Asked], dict[str, Any]]] = {
    "list_alerts": _alerts,
    "get_alert": _first("alert_id", Kind.ALERT),
    "investigate_alert": _first("alert_id", Kind.ALERT),
    "alert_statistics": _statistics,
    "list_assets": _assets,
    "get_asset": _first("asset", Kind.ASSET, Kind.ASSET_IP, Kind.HOST, Kind.IP),
    "lookup_cve": _first("cve_id", Kind.CVE),
    "affected_assets": _first("cve_id", Kind.CVE),
    "list_vulnerabilities": lambda asked: narrow(asked.skeleton, asked.now, *_VULNERABLE) | _software(asked),
    "lookup_indicator": _first("value", *_INDICATORS),
    "search_runbook": lambda asked: {"query": _topic(asked)},
    "security_report": _report,
    "list_schedules": lambda _: {},
    "who_is_on_call": _on_call,
    "list_proposals": lambda _: {},
    "noisy_rules": lambda _: {},
    "service_status": lambda _: {},
}
