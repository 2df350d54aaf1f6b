"""What the words of a question give each tool as arguments."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from secops_agent.llm.offline.expressions.reports import period_said
from secops_agent.llm.offline.expressions.skeletons import Kind, Skeleton
from secops_agent.llm.offline.expressions.times import clock_of

from .cases import read_case_question
from .comparing import EARLIER, PEOPLE, SPAN, comparison, left_word, sought
from .filters import Asked, group_of, is_nobodys, narrow, owner_of, type_of
from .findings import is_of_findings, read_findings, read_flaws
from .intents import Intent
from .keywords import count_products, find_keyword
from .words import load, name_of, pattern, wordset

_WHICH = (
    "severity", "status", "since_hours", "until_hours", "period", "time_of", "asset", "due", "unassigned", "listed", "verdict",
    "importance", "environment", "exposed", "older_hours", "idle_hours",
)  # fmt: skip
_VULNERABLE = (
    "severity", "asset", "limit", "kev_only", "fix_available", "overdue", "exposed", "environment", "importance", "due_within", "widest",
    "older_days", "late_days", "cvss",
)  # fmt: skip
_LIKE = ("exposed", "importance", "environment")
_ESTATE = ("exposed", "importance", "riskiest")
_OF_CASES = ("severity", *SPAN, "older_days", "idle_days", "unassigned")
_DECISIONS = ("block_ip", "isolate_host")
_UNDONE = {"block_ip": "unblock_ip", "isolate_host": "release_host"}
_AHEAD = {"昨": -1, "今": 0, "明": 1}
_DAY_WORDS = {"明早": "明天", "今早": "今天", "今夜": "今晚"}
_INDICATORS = (Kind.URL, Kind.HASH, Kind.IP, Kind.ASSET_IP, Kind.DOMAIN, Kind.OBSERVABLE)


def read_exact(asked: Asked) -> Intent | None:
    """The question that the whole sentence certainly is: about cases, how much was closed, one thing, who has some software."""
    if pattern("filters.closed_count").fullmatch(asked.text.strip()):
        return build("alert_statistics", asked)
    if tool := name_of("filters.of_one", asked.text.strip()):
        return build(tool, asked)
    if is_of_closer(asked.text):
        return build("list_alerts", asked)
    if pattern("filters.who_is_called").fullmatch(asked.text.strip()):
        return Intent("who_is_on_call", {"about": "calling"})
    text = asked.skeleton.expand(asked.text)
    if (
        _below(asked)
        and pattern("filters.older_asked").search(text)
        and not asked.skeleton.first(Kind.CVE, Kind.ALERT)
    ):
        return build("list_assets", asked)
    if on_call := pattern("filters.is_on_call").fullmatch(asked.text.strip(" 。.?？!！啊呀呢")):
        return build("who_is_on_call", asked) if on_call else None
    found = read_case_question(text) or _sum(text) or _software_question(asked) or read_flaws(asked)
    return found or (Intent("list_findings", read_findings(asked)) if is_of_findings(asked) else None)


def is_of_closer(text: str) -> bool:
    """李四昨天关掉的误报: a whole sentence that names alerts by who closed them, and orders nothing."""
    return pattern("filters.closed_list").fullmatch(text.strip()) is not None


def _sum(text: str) -> Intent | None:
    """算一下 (120-73)/73, 23+24等于多少."""
    said = pattern("filters.sum").fullmatch(text.strip(" 。.?？"))
    found = (said["told"] or said["asked"]) if said else ""
    return Intent("compute", {"expression": found.strip()}) if found else None


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


def build(tool: str, asked: Asked) -> Intent | None:
    """The tool with the arguments that were said."""
    arguments = _READERS[tool](asked)
    return Intent(tool, arguments) if arguments.get("query", True) else None


def _first(name: str, *kinds: Kind) -> Callable[[Asked], dict[str, Any]]:
    return lambda asked: {name: asked.skeleton.found(*kinds)[0].value}


def _alerts(asked: Asked) -> dict[str, Any]:
    said = _untouched(narrow(asked.skeleton, asked.now, *_WHICH, "limit", "urgent", "order"))
    ranked = said.keys() & {"urgent", "order"}
    if ranked and "limit" not in said and pattern("filters.which_alert").search(asked.text):
        said["limit"] = 1
    in_front = pattern("filters.in_front").search(asked.text)
    if said.get("order") == "due" and said.get("due") == "soon" and in_front:
        said.pop("due")  # 快超时的排前面 leaves nothing out
    if pattern("filters.due_ahead").search(asked.text) and (hours := _hours_ahead(asked)):
        said = {name: value for name, value in said.items() if name not in ("due", *SPAN)}
        said["due_within"] = hours
    if "until_hours" in said and "status" not in said and pattern("cues.ask.happened").search(asked.text):
        said["status"] = "all"  # what happened then may be closed by now
    if "status" not in said and pattern("filters.asked_closed").search(asked.text):
        said["status"] = "all"  # 关了吗
    if (
        "time_of" not in said
        and said.get("status", "all") == "all"
        and pattern("filters.group_by.closer").search(asked.text)
    ):
        said["status"] = "closed"  # 谁关的
    return said | sought(asked, said)


def _hours_ahead(asked: Asked) -> int:
    """In how many hours: 2小时内, 今晚十二点之前; 0 for a time of which only the past is read."""
    said = asked.skeleton.first(Kind.DURATION, Kind.TIME)
    if said is None or said.kind is Kind.DURATION:
        return max(1, -(-int(said.value) // 60)) if said else 0
    if "今" in said.raw and "早" not in said.raw:
        return 24 - asked.now.hour
    return int(said.value.hours(asked.now)) if "内" in said.raw else 0


def _untouched(said: dict[str, Any]) -> dict[str, Any]:
    """没动 is no state: what was taken and then left is meant too."""
    return {**said, "status": "unclosed"} if "idle_hours" in said and said.get("status") != "all" else said


def _statistics(asked: Asked) -> dict[str, Any]:
    """Of those that were said, grouped as it was said, else by what was named: two sources, several states, a level."""
    skeleton, text = asked.skeleton, asked.text
    said = _untouched(narrow(skeleton, asked.now, *_WHICH, "limit"))
    times = "time_of" in said
    if times:
        said.pop("status", None)
    text = pattern("filters.rate").sub(" ", text)  # 误报率最高的是哪个规则
    group = group_of(text if "告警类型" in text else pattern("filters.alert_noun").sub(" ", text))
    one = group.get("group_by") == "source" and count_products(text, asked.lexicon.keywords) == 1
    if one or (times and group.get("group_by") == "status"):
        group = {}  # 来源是 wazuh 的, 关了多少
    closing = said.get("time_of") == "closed" or group.get("group_by") == "closer"
    if (named := _compared_values(asked, times, closing)) and (not group or named in PEOPLE):
        group = {"group_by": named}
    by = group.get("group_by")
    if by == "closer":
        said = {name: value for name, value in said.items() if name != "status"} | {"time_of": "closed"}
    if by == "assignee" and "status" not in said and pattern("filters.burden").search(text):
        said["status"] = "unclosed"
    if by != "source" and not (by in PEOPLE and len(skeleton.found(Kind.PERSON)) > 1):
        bare = Skeleton(pattern("filters.group_by").sub(" ", asked.text), skeleton.entities)
        said |= sought(replace(asked, skeleton=bare, command=False), said)
    if group and pattern("filters.false_alarms").search(asked.text):
        said["verdict"] = "false_positive"
    family = "*" in str(said.get("asset", ""))
    if family and not by and pattern("filters.apart").search(text):
        return said | {"group_by": "asset"}
    if by == "asset" and by in said:
        return said | (group if family else {})
    return {name: value for name, value in said.items() if name != by} | group


def _compared_values(asked: Asked, times: bool, closing: bool) -> str:
    """What several values of it were said of: two sources, people or states, 高危低危各多少."""
    if len({one.value for one in asked.skeleton.found(Kind.PERSON)}) > 1:
        return "closer" if closing else "assignee"
    if count_products(asked.text, asked.lexicon.keywords) > 1:
        return "source"
    if not times and len({entity.value for entity in asked.skeleton.found(Kind.STATUS)}) > 1:
        return "status"
    levels = asked.skeleton.first(Kind.SEVERITY) and pattern("filters.each").search(asked.text)
    return "severity" if levels else ""


def _events(asked: Asked) -> dict[str, Any]:
    """What is looked for: an observable that is named, a word of ours, else the word behind 搜, 有没有, 含; on one asset all of them."""
    named = asked.skeleton.first(Kind.IP, Kind.DOMAIN, Kind.URL, Kind.HASH, Kind.OBSERVABLE)
    person = asked.skeleton.first(Kind.PERSON)
    said = narrow(asked.skeleton, asked.now, "asset", "since_hours", "until_hours", "limit")
    known = "" if pattern("filters.event_topic").fullmatch(asked.known) else asked.known
    words = products_of(pattern("cues.noun.event").sub(" ", asked.text))
    found = str(named.value) if named else known or (words[0] if len(words) == 1 else "")
    word = pattern("filters.event_word").search(asked.skeleton.expand(asked.text))
    if word and not found and (word["word"].isascii() or not (person or "asset" in said)):
        found = word["word"]
    said |= {"keyword": found} if found else {}
    said |= {"account": str(person.value)} if person else {}
    return said if said.keys() & {"keyword", "account", "asset"} else {**said, "query": ""}


def _assets(asked: Asked) -> dict[str, Any]:
    """What must not be on them is no keyword: nothing can be narrowed by that."""
    plain = pattern("filters.old_version").sub(" ", pattern("filters.no_use").sub(" ", asked.text))
    said = Skeleton(plain, asked.skeleton.entities)
    asked = replace(asked, skeleton=said)
    if older := _below(asked):
        return (
            older
            | type_of(asked.text)
            | narrow(asked.skeleton, asked.now, "limit", "environment", *_ESTATE)
            | owner_of(asked)
        )
    keyword = _asset_keyword(asked)
    text = asked.text.replace(keyword, " ") if keyword else asked.text
    unowned = (
        {"unassigned": True} if is_nobodys(asked.skeleton) or pattern("filters.unowned").search(text) else {}
    )
    mine = asked.asker if not keyword and pattern("filters.mine").search(asked.text) else ""
    sought = {"keyword": keyword or mine} if keyword or mine else {}
    weighed = narrow(asked.skeleton, asked.now, "limit", *_ESTATE)
    if keyword and pattern("filters.important").search(f"{keyword}资产"):
        weighed.pop("importance", None)
    if keyword and pattern("filters.exposed_words").search(f"{keyword}的"):
        weighed.pop("exposed", None)
    found = sought | type_of(text) | weighed | unowned
    found |= {"kev": True} if pattern("filters.kev_only").search(text) else {}
    unsaid = not found and pattern("cues.ask.installed").search(asked.text)  # 谁在用 what?
    return {"query": ""} if unsaid else found


def _below(asked: Asked) -> dict[str, str]:
    """curl 8.3 以下: the software, and the version that it must not have reached."""
    said = pattern("filters.older_than").search(asked.skeleton.expand(asked.text))
    word, version = (said["word"] or said["word2"], said["version"] or said["version2"]) if said else ("", "")
    usual = wordset("keywords.common_english")
    return {"keyword": word, "version_below": version} if word and word.lower() not in usual else {}


def _alert(asked: Asked) -> dict[str, Any]:
    """The one alert, and what is asked of it first."""
    about = name_of("filters.about_alert", asked.text)
    return _first("alert_id", Kind.ALERT)(asked) | ({"about": about} if about else {})


def _asset(asked: Asked) -> dict[str, Any]:
    """The one machine, and what is asked of it first."""
    said = _first("asset", Kind.ASSET, Kind.ASSET_IP, Kind.HOST, Kind.IP)(asked)
    about = name_of("filters.about", asked.text)
    return said | ({"about": about} if about else {})


def _asset_keyword(asked: Asked) -> str:
    skeleton = asked.skeleton
    if (family := skeleton.first(Kind.ASSET)) and "*" in str(family.value):
        return str(family.value)
    of_people = asked.command or pattern("filters.people_words").search(asked.text)
    named = pattern("filters.name_part").search(asked.text)
    word = (named["word"] or named["affects"] or named["uses"]) if named else ""
    entity = skeleton.first(*([Kind.PERSON] if of_people else []))
    if word and not entity and word.lower() not in wordset("keywords.common_english"):
        return skeleton.expand(word)
    entity = entity or skeleton.first(Kind.NETWORK, Kind.HOST, Kind.DOMAIN, Kind.ENVIRONMENT)
    if entity:
        return str(entity.value)
    clauses, noun = pattern("filters.clause").findall(asked.text), pattern("filters.asset_noun")
    text = "，".join(clause for clause in clauses if noun.search(clause)) or asked.text
    bare = Skeleton(pattern("filters.unsaid").sub(" ", text), skeleton.entities)
    found = "" if asked.command else find_keyword(bare, "filters.asset_noun", of_assets=True)
    plain = replace(asked, skeleton=Skeleton(pattern("filters.asset_noun").sub(" ", text), skeleton.entities))
    return found or left_word(asked, "filters.asset_noun") or _software(plain).get("keyword", "")


def _software(asked: Asked) -> dict[str, str]:
    """openssl 有漏洞吗: an English word that is no other of ours."""
    named = products_of(asked.text)
    return {"keyword": named[0]} if len(named) == 1 else {}


def products_of(text: str) -> list[str]:
    """Its English words, if each can be the name of a product."""
    found: list[str] = pattern("filters.software_word").findall(text)
    usual = wordset("keywords.common_english")
    found = [word for word in found if not pattern("cues.unread.jargon").fullmatch(word)]
    return [] if any(word.lower() in usual for word in found) else found


def _flaws(asked: Asked) -> dict[str, Any]:
    said = narrow(asked.skeleton, asked.now, *_VULNERABLE)
    if (period := narrow(asked.skeleton, asked.now, "period")) and pattern("filters.mended").search(
        asked.text
    ):
        return {"mended": period["period"]}
    likely = pattern("filters.epss").search(asked.text)
    said |= ({"epss": int(likely["percent"])} if likely else {}) | owner_of(asked)
    if pattern("filters.conditions.not_kev").search(asked.text):
        said = {name: value for name, value in said.items() if name != "kev_only"} | {"not_kev": True}
    if "widest" in said and "limit" not in said and pattern("filters.which_one").search(asked.text):
        said["limit"] = 1
    most = pattern("cues.ask.statistics").search(asked.text) and "asset" not in said
    text = pattern("filters.sorted").sub(" ", asked.text)  # 按严重程度排 leaves each in its own row
    by = {"assignee": "owner"}.get(group := group_of(text).get("group_by", ""), group)
    if (
        (most or pattern("filters.by_group").search(text))
        and by in ("asset", "owner", "severity")
        and "widest" not in said
    ):
        said["group_by"] = by
    software = {} if likely else _software(asked)
    if software and pattern("filters.which_machines").search(asked.text):
        software["group_by"] = "asset"
    return said | software


def _topic(asked: Asked) -> str:
    """The question itself, which the search knows how to take; 告警 12 stands for what that alert is about."""
    alert = asked.skeleton.first(Kind.ALERT)
    return f"告警 {alert.value}" if alert else asked.skeleton.expand(asked.text).strip().removeprefix("请")


def _report(asked: Asked) -> dict[str, Any]:
    """日报 is today, with 昨天 yesterday; in 今天的周报 the kind of report counts, the day only tells which one."""
    periods = [entity.value.period for entity in asked.skeleton.found(Kind.TIME)]
    said = next((each for each in periods if EARLIER.get(each) in periods), next(filter(None, periods), ""))
    kind = name_of("filters.period", asked.text.rpartition("不对")[2])  # 上周日报…不对是周报
    period = said or kind or "today"
    if kind and said not in ("", kind, EARLIER[kind]):
        period = EARLIER[kind] if said in ("last_week", "last_month") else kind
    if pattern("filters.previous").search(asked.text):
        period = EARLIER.get(period, period)
    text = asked.skeleton.expand(asked.text)
    dated = period_said(text, asked.now).get("date") if pattern("telling.kinds").search(text) else ""
    file, brief = name_of("filters.report_file", asked.text), pattern("filters.brief").search(asked.text)
    about = {"date": dated} if dated else {"period": period}
    return about | ({"file": file} if file else {}) | ({"brief": True} if brief else {})


def _on_call(asked: Asked) -> dict[str, Any]:
    """The words for the day, as they were said; with an hour, the moment."""
    text = asked.skeleton.expand(asked.text)
    when = pattern("filters.on_call_at").search(text)
    person = asked.skeleton.first(Kind.PERSON)
    mine = asked.asker if pattern("filters.my_shift").search(asked.text) else ""
    said = {
        "at": _day_of(when, text, asked.now) if when else "",
        "person": str(person.value) if person else mine,
    }
    return {name: value for name, value in said.items() if value}


def _day_of(when: re.Match[str], text: str, now: datetime) -> str:
    word = when.group()
    if when["month"]:
        return f"{when['month']}月{when['day']}日"
    ahead = 2 + word.startswith("大") if word.endswith("后天") else _AHEAD.get(word[:1])
    moment = clock_of(text[when.start() :], now + timedelta(days=ahead or 0)) if ahead is not None else None
    said = re.sub("礼拜|星期", "周", word)
    return f"{moment:%Y-%m-%d %H:%M}" if moment else _DAY_WORDS.get(said, said)


def _cases(asked: Asked) -> dict[str, Any]:
    """Whose, what about, when, and which: those of a time or of a machine are meant however they stand."""
    host = asked.skeleton.first(Kind.ASSET, Kind.HOST)
    word = str(host.value) if host else asked.known
    said = narrow(asked.skeleton, asked.now, *_OF_CASES)
    scope = name_of("cases.scopes", asked.text)
    owner = {} if scope == "mine" else owner_of(asked)
    states = {one.value for one in asked.skeleton.found(Kind.STATUS)}
    lasts = said.keys() & {"older_days", "idle_days"}
    mixed = "closed" in states and len(states) > 1
    if not scope and states != {"unclosed"} and not lasts:
        every = host or mixed or said.keys() & {*SPAN}
        scope = "closed" if states == {"closed"} else "all" if every else ""
    return {
        name: value for name, value in {"scope": scope, "keyword": word, **said, **owner}.items() if value
    }


def _blocks(asked: Asked) -> dict[str, Any]:
    named = asked.skeleton.first(Kind.IP, Kind.ASSET_IP, Kind.ASSET, Kind.HOST, Kind.ALERT)
    said = {"state": "all"} if pattern("filters.ever").search(asked.text) else {}
    if named:
        return {"target": f"A{named.value}" if named.kind is Kind.ALERT else str(named.value)} | said
    kinds = [
        kind for kind in load("filters")["blocked"] if pattern(f"filters.blocked.{kind}").search(asked.text)
    ]
    return said | ({"kind": kinds[0]} if len(kinds) == 1 else {})


def _proposals(asked: Asked) -> dict[str, Any]:
    """Of what, and when; 批了没, 谁批的 and a past day ask for those that were decided."""
    named = asked.skeleton.first(Kind.IP, Kind.ASSET_IP, Kind.ASSET, Kind.HOST)
    span = narrow(asked.skeleton, asked.now, *SPAN)
    said = {"period": span["period"]} if "period" in span else dict(span)
    said |= {"target": str(named.value)} if named else {}
    asker = pattern("filters.proposed_by").search(asked.text)
    person = (
        next((asked.skeleton.entities[one] for one in asker[0] if one in asked.skeleton.entities), None)
        if asker
        else None
    )
    said |= {"asked_by": str(person.value) if person else asker["who"] or asked.asker} if asker else {}
    actions = [kind for kind in _DECISIONS if asker and pattern(f"filters.blocked.{kind}").search(asked.text)]
    undone = pattern("filters.undone").search(asked.text)
    said |= {"action": _UNDONE[actions[0]] if undone else actions[0]} if len(actions) == 1 else {}
    done = pattern("filters.decided").search(asked.text) or said.get("period", "today") != "today"
    return said | ({"state": "decided"} if done and not (named or asker) else {})


def _noisy(asked: Asked) -> dict[str, Any]:
    """How many rules, and of how many days."""
    span = narrow(asked.skeleton, asked.now, "since_hours", "until_hours")
    days = 0 if "until_hours" in span else -(-span.get("since_hours", 0) // 24)
    return narrow(asked.skeleton, asked.now, "limit") | ({"days": days} if days else {})


_READERS: Mapping[str, Callable[[Asked], dict[str, Any]]] = {
    "list_alerts": _alerts,
    "get_alert": _alert,
    "investigate_alert": _first("alert_id", Kind.ALERT),
    "alert_statistics": _statistics,
    "compare_periods": comparison,
    "search_events": _events,
    "list_assets": _assets,
    "get_asset": _asset,
    "lookup_cve": _first("cve_id", Kind.CVE),
    "affected_assets": lambda asked: (
        _first("cve_id", Kind.CVE)(asked)
        | narrow(asked.skeleton, asked.now, "asset", *_LIKE)
        | owner_of(asked)
    ),
    "list_vulnerabilities": _flaws,
    "list_findings": read_findings,
    "lookup_indicator": _first("value", *_INDICATORS),
    "search_runbook": lambda asked: {"query": _topic(asked)},
    "security_report": _report,
    "list_schedules": lambda _: {},
    "who_is_on_call": _on_call,
    "list_proposals": _proposals,
    "list_blocks": _blocks,
    "noisy_rules": _noisy,
    "list_cases": _cases,
    "get_case": _first("case_id", Kind.CASE),
    "service_status": lambda _: {},
}
