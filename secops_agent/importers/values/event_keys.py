"""Keys of a JSON event of any product, by what they mean: flattened, spelled alike, told apart by role."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from .fields import Table, canonical_ip

_MOST_LEAVES: Final = 400
_MOST_ITEMS: Final = 30  # of an array
_LONGEST_PATH: Final = 300
_LONGEST_NAME: Final = 40
_TELLING: Final = 100  # characters at its end that say what it means
_DEEPEST: Final = 12
_LONGEST_TEXT: Final = 32_000  # of a text that holds an event itself
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ADDRESS: Final = re.compile(r"\s*[0-9A-Fa-f]{0,4}[.:][0-9A-Fa-f:.]{2,45}(?:%\w{1,20})?\s*")
_NOWHERE: Final = frozenset(("0.0.0.0", "::", "127.0.0.1", "::1"))  # noqa: S104 - of no machine
_OTHER: Final = re.compile(r"[^a-z0-9.\u4e00-\u9fff]+")
_OBSERVABLES: Final = {
    2: "ip",
    4: "user",
    6: "url",
    7: "file_name",
    8: "hash",
    9: "process_name",
}  # OCSF's types
# What a key means, of its whole path spelled alike.
_ROLES: Final[dict[str, re.Pattern[str]]] = {
    role: re.compile(pattern)
    for role, pattern in {
        "attacker": r"attacker|malicious|攻击|源",
        "victim": r"victim|suffer|受害|目的|目标",
        "source": r"(?:^|[._])(?:src|source|[cs]s?ip|client|caller|remote|actor|initiator|from)",
        "outside": r"(?:^|[._])(?:origin|external|peer|xff|\w*forwarded)",
        "target": r"(?:^|[._])(?:dst|dest|destination|[cs]dip|target|server|internal|private|local|to)(?:[._]|ip|addr|host|$)",
        "machine": r"(?:^|[._])(?:host|device|agent|computer|machine|endpoint|asset|instance|workstation|主机)",
        "reporter": r"(?:^|[._])(?:observer|sensor|collector|manager|reporter|dvc|log_source|appliance|firewall|gateway|infrastructure)",
        "host": r"^(?!.*observables).*(?:^|[._])(?:host_?names?|host|host_identifier|computer(?:_?name)?|(?:device|machine|endpoint|asset|agent|node|workstation|vm|instance)_?(?:host_?)?name"
                r"|(?:dest|src|source|target)_?host(?:_?name)?|主机名?|(?:host|device|computer|machine|endpoint|asset)\.(?:name|display_name|hostname|fqdn))$",
        "user": r"(?:^|[._])(?:[a-z_]*user_?(?:name)?|user_?id|account_?(?:name)?|login_?(?:name)?|logon_?name|principal(?:_?name|_id)?|upn|user_principal_name|identity|alternate_id"
                r"|owner|[sd]user|用户名?|账号|(?:user|account|actor|principal|owner|user_info)\.(?:name|display_name|email(?:_address)?|login|uid))$",
        "hash": r"md5|sha_?1|sha_?256|sha_?512|(?:file_?|^|[._])hash(?:es)?(?:$|[._])",
        "file": r"(?:^|[._])(?:file_?name|file_?path|target_filename|file\.(?:name|path)|full_?path|文件\w*)$",
        "process": r"(?:^|[._])(?:image|image_file_name|process_?name|process_?path|new_process_name|executable|process\.(?:name|executable|path)|进程\w*)$",
        "domain": r"(?:^|[._])(?:domain|query|query_name|fqdn|rrname|域名|dns\.question\.name)$",
        "technique": r"mitre|att_?c?k|techni|tactic|ttp|tags?$",
        "event": r"^(?:(?:data|detail|event|alert|metadata|properties|attributes|_?source)\.)?_?(?:uu|gu|u)?id$|(?:^|[._])(?:(?:event|alert|detection|incident|finding|record|message|log|activity|case|issue|notification|threat|malop)_?(?:uu|gu|u)?id|事件编号|告警编号)$",
        "rule": r"(?:^|[._])(?:(?:rule|signature|policy|model|control|check|template|attack|code)_?u?u?id|rule\.(?:id|uid|uuid)|event_?code|event_simple_name|规则\w*)$|(?:^|\.)sid$",
        "product": r"(?:^|[._])(?:(?:device_?)?(?:product|vendor)(?:_?name)?|module|provider(?:_?name)?|source_?type|log_?(?:type|name)|data_?source|channel)$",
        "state": r"(?:^|[._])(?:(?:alert|incident|issue|finding|case|workflow)_?)?(?:status|state)$",
        "outcome": r"(?:^|[._])(?:outcome|result|disposition|verdict|act|action|device_?action|action_?taken|response|blocked|decision|结果|处置动作|动作)$",
        "words": r"(?:^|[._])(?:description|descr|desc|details?|message|msg|summary|reason|reason_?text|short_description|说明|描述|详情)$",
        "command": r"(?:^|[._])(?:command_?line|cmd_?line|cmd|process\.args|script_?block_?text|命令行?)$",
        "link": r"link|referenc|console|portal|html_url|(?:alert|incident|detection|report|finding)_?url|docs?_|self|icon|logo",
        "web": r"http|request|header|url|dns",
        "closed": r"geo|(?:^|[._])(?:session|browser|os|operating_system|location|license|config\w*|enrichments?)(?:[._]|$)",
        "security": r"alert|threat|attack|malware|detect|finding|mitre|tactic|techni|(?:^|[._])ioc|signature|incident|phish|virus|quarant|suspici|malicious|breach|malop|violation|告警|威胁|攻击|漏洞",
    }.items()
}  # fmt: skip
_SUBJECT: Final = r"(?:rule|alert|threat|attack|signature|detection|finding|incident|malware|virus|violation|anomaly|offense|alarm|malop)"
_TOP: Final = r"^(?:(?:data|details?|event|incident|properties|content|issue|payload|fields|attributes|result|body|info)\.)?"
# Keys for one purpose, the best first: what names an event (from the fifth on less surely, last a mere message), and when it was.
_RANKED: Final[dict[str, tuple[re.Pattern[str], ...]]] = {
    purpose: tuple(map(re.compile, patterns))
    for purpose, patterns in {
        "title": (
            rf"(?:^|[._]){_SUBJECT}[._]?(?:name|title|label|display_name|headline|signature)$",
            r"(?:^|[._])(?:signature|rulelabel|headline|告警名称|威胁名称|事件名称|规则名称)$|(?:^|[._])(?:finding_info|control|model|policy|detect\w*|issue|template|problem)[._](?:title|name|display_name)$",
            rf"{_TOP}(?:title|alert_display_name|display_name|threat_?type|threat_?cat(?:egory)?|attack_?(?:type|family)|detect(?:ion)?_?(?:name|type|description)|policy_?name|告警|攻击类型)$",
            r"^(?:[a-z_]+\.)?(?:alert|threat|detection|attack|rule|vulnerability|breach|reason)$",
            r"(?:^|\.)(?:event_?(?:type_?)?name|event_?title|event_?type(?:\._?tag)?|event_?action|event_?simple_?name|事件|名称)$|^type_name$",
            r"^(?:(?:event|data|properties|detail|attributes|record)s?\.)*name$|(?:^|\.)activity_?display_?name$",
            rf"{_TOP}(?:(?:short|brief)_?description|summary|message_?title)$|(?:^|\.)alert_?type$",
            r"(?:^|\.)(?:operation(?:_?name)?|activity(?:_?(?:name|type))?|method_?name|action_?(?:name|type)|event|message_?type)$",
            r"(?:^|\.)(?:action|type|_tag|sub_?type|record_?type|category|event_?category|reason|change_type|类型)$",
            r"(?:^|\.)(?:subject|rule_?id|code|log_?type|task_?category|channel|provider_name|status_?text)$",
            r"(?:^|[._])(?:message|msg|summary|description|descr|details?|text|raw|log|描述)$",
        ),
        "time": (
            r"(?:event|occurr\w*|detect\w*|alert|observ\w*|activity|attack|log|security|trigger\w*|breach)_?(?:_?(?:time|date|timestamp|at|on|utc))+$",
            r"^@?timestamp$|(?:^|[._])(?:time_?stamp|iso_?timestamp|_?time|date_?time|ts|utc_?time|time_generated|时间)$",
            r"(?:^|[._])(?:creat(?:ed|ion)\w*|start\w*|first_?\w*seen\w*|published\w*|generated\w*|reported\w*|begin\w*|effective_at|date|rt|received\w*)$",
            r"(?:^|[._])(?:\w*_time|\w*_at|\w*time_?stamp|last_?\w*seen\w*|updated\w*|modified\w*|end\w*|\w*date|\w*time)$",
        ),
    }.items()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text or number of an event. ``whole``: its path spelled alike ("source_ip", "alert.rule_name"); ``address``: the value, if it is one."""

    path: str
    whole: str
    roles: frozenset[str]
    value: Any
    address: str = ""

    @property
    def name(self) -> str:
        """The last key."""
        return self.whole.rpartition(".")[2]

    @property
    def depth(self) -> int:
        """Of nesting."""
        return self.whole.count(".")

    def means(self, *roles: str) -> bool:
        """Any of these."""
        return not self.roles.isdisjoint(roles)

    def rank(self, purpose: str) -> int:
        """For "title" or "time", the best is 0; -1 for a key that is none."""
        return _rank(self.whole[-_TELLING:], purpose)


def leaves_of(event: Table) -> list[Leaf]:
    """What is filled, shallow first; of arrays the first entries, and an event that stands as a text in it opened."""
    found: list[Leaf] = []
    level: list[tuple[str, Any]] = [("", event)]
    for _ in range(_DEEPEST):
        level = [below for path, value in level for below in _step(path, value, found)]
        if not level or len(found) >= _MOST_LEAVES:
            break
    return found[:_MOST_LEAVES]


def _step(path: str, value: Any, found: list[Leaf]) -> Iterator[tuple[str, Any]]:
    if (
        isinstance(value, str)
        and value[:1] == "{"
        and value.rstrip()[-1:] == "}"
        and len(value) < _LONGEST_TEXT
    ):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    if isinstance(value, dict):
        if named := _named(value):
            yield f"{path}.{named}", value["value"]
        for key, inner in value.items():
            if len(path) + len(key) < _LONGEST_PATH:
                yield (f"{path}.{key}" if path else key), inner
    elif isinstance(value, list):
        yield from ((path, item) for item in value[:_MOST_ITEMS])
    elif value is not None and not isinstance(value, bool) and value != "" and path:
        whole = spelled(path)
        address = canonical_ip(value) if isinstance(value, str) and _ADDRESS.fullmatch(value) else ""
        address = "" if address in _NOWHERE else address
        found.append(Leaf(path, whole, _roles(whole[-_TELLING:]), value, address))


def _named(value: Table) -> str:
    """What the value of {"name": "src_ip", "value": "…"} or of {"type": "sha256", "value": "…"} is; "" where nothing says so."""
    if isinstance(value.get("value"), str):
        number = value.get("type_id")
        if isinstance(number, int):
            return _OBSERVABLES.get(number, "")
        said = (value.get(key) for key in ("name", "key", "type"))
        return next((each for each in said if isinstance(each, str) and 0 < len(each) <= _LONGEST_NAME), "")
    return ""


@lru_cache(maxsize=8192)
def spelled(path: str) -> str:
    """ "sourceIPAddress" and "Source-IP_address" → "source_ip_address"; dots stay."""
    return _OTHER.sub("_", _CAMEL.sub("_", path).lower()).strip("_")


@lru_cache(maxsize=8192)
def _roles(whole: str) -> frozenset[str]:
    return frozenset(name for name, pattern in _ROLES.items() if pattern.search(whole))


@lru_cache(maxsize=8192)
def _rank(whole: str, purpose: str) -> int:
    return next((place for place, pattern in enumerate(_RANKED[purpose]) if pattern.search(whole)), -1)
