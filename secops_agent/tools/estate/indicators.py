"""lookup_indicator: where we have seen an address, a domain, a URL, a hash, an account, a process or a file."""

from collections.abc import Iterator
from typing import Final

from bifang.channels.text.markup import plain
from secops_agent.models.people.staff import Role
from secops_agent.services.alerts import indicators
from secops_agent.services.alerts.indicators import Sightings
from secops_agent.services.alerts.spread import HostSpread, Spread
from secops_agent.services.decisions.ledger.blocks import find_blocks
from secops_agent.services.intelligence.locations import place_of
from secops_agent.services.intelligence.matching import ListedView
from secops_agent.services.privacy import PRIVATE_INDICATORS
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.estate.assets import asset_line
from secops_agent.tools.estate.assets import fields_of as asset_fields
from secops_agent.tools.incidents.alert_questions import codes
from secops_agent.tools.incidents.alerts import alert_lines, judged_text
from secops_agent.tools.incidents.alerts import fields_of as alert_fields
from secops_agent.tools.markdown import INDICATOR, counts, joined, moment
from secops_agent.tools.masking import for_reader
from secops_agent.tools.operations.blocks import block_line

_ROWS: Final = 10
_LINES: Final = 5
_SPREAD: Final = 8  # assets, rules, verdicts in a line
_IN_GROUP: Final = "账号和邮箱属于个人信息，群里不显示。请在与我的单聊里查询。"
_FOR_ROLE: Final = f"账号和邮箱属于个人信息，需要「{Role.ANALYST.label}」角色才能查。"


class LookupIndicator(Arguments):
    """Arguments of lookup_indicator."""

    value: str = argument("IP、域名、URL、文件哈希、账号、邮箱、进程名或文件路径", max_length=2000)


def lookup_indicator(asker: Asker, given: LookupIndicator) -> ToolResult:
    """Alerts that name it and assets that bear it, and how fresh our alerts are."""
    found = indicators.lookup(given.value, limit=_ROWS, private=not asker.hides_private, whole=True)
    full = _for_private_chat(asker, found)
    query = f"{INDICATOR.get(found.kind, '')}={plain(found.value, 200)}"
    if asker.hides_private and found.kind in PRIVATE_INDICATORS:
        return ToolResult("ok", query, _IN_GROUP if asker.is_group else _FOR_ROLE, private_text=full)
    data = {
        "alerts": [alert.id for alert in found.alerts.items],
        "assets": [each.name for each in found.assets],
    }
    status = "ok" if found.alerts.items or found.assets or found.listed else "no_data"
    fields = (found.value, *alert_fields(found.alerts.items), *asset_fields(found.assets))
    text, people = _sightings(found, asker)
    result = ToolResult(status, query, text, data, fields=fields, private_text=full if full != text else "")  # type: ignore[arg-type]
    return for_reader(result, asker, people) if asker.hides_private else result


def _for_private_chat(asker: Asker, found: Sightings) -> str:
    """What the asker may read beyond what the group is told, "" if nothing."""
    if not (asker.is_group and asker.reads_private and indicators.names_people(found.kind, found.value)):
        return ""
    return _sightings(indicators.lookup(found.value, limit=_ROWS, private=True, whole=True), asker)[0]


def listed_line(each: ListedView) -> str:
    """What a list says; its words are somebody else's."""
    until = f"有效期至 {moment(each.expires_at)}" if each.expires_at else "长期有效"
    said = joined([plain(each.note, 120), each.origin and f"出处 {plain(each.origin, 60)}", until])
    return f"- 清单「{plain(each.list, 60)}」：{plain(each.value, 120)}（{said}）"


def _sightings(found: Sightings, asker: Asker) -> tuple[str, tuple[str, ...]]:
    """The text, and the names of people in it."""
    name = f"{INDICATOR.get(found.kind, '')} {plain(found.value, 200)}".strip()
    place = place_of(found.value) if found.kind == "ip" else ""
    lines, people = [f"**{name}**" + (f"（{place}）" if place else ""), ""], tuple[str, ...]()
    if found.listed:
        lines += ["情报清单里有它：", "", *map(listed_line, found.listed), ""]
    if found.assets:
        lines += ["这是我们自己的资产：", "", *(asset_line(asset) for asset in found.assets), ""]
    if found.spread:
        lines += [*_spread(found, found.spread), *_blocked(found, asker)]
        newest, people, _ = alert_lines(found.alerts.items[:_LINES], asker)
        people += found.spread.accounts
        lines += [f"- 最近的 {len(newest)} 条：" if found.alerts.total > len(newest) else "- 告警："]
        lines += [f"  {line}" for line in newest]
    else:
        warning = (
            "情报清单里有它，请当心。"
            if found.listed
            else "这不代表它安全：只看了本地的告警和导入的情报清单。"
        )
        lines += [f"没有告警提到过它。{warning}", *_blocked(found, asker)]
    lines += ["", "> 较早的告警的文字还在读取，读完之前可能少算。"] if found.unread else []
    lines += ["", f"> 依据已存的告警和资产；告警数据更新至 {moment(found.updated_at)}。"]
    return "\n".join(lines), people


def _spread(found: Sightings, spread: Spread) -> Iterator[str]:
    """How many alerts, then where, by which rules and accounts, and what people judged them to be."""
    told = f"，其中 {found.told} 条只在标题或说明里提到" if found.told else ""
    span = f"{moment(found.first_seen)} 至 {moment(found.last_seen)}"
    yield f"- 告警：{found.alerts.total_text} 条（{span}）{told}，{spread.open} 条未关闭"
    if spread.hosts:
        more = f" 等 {len(spread.hosts)} 台" if len(spread.hosts) > _SPREAD else ""
        yield f"- 涉及资产：{'、'.join(map(_host, spread.hosts[:_SPREAD]))}{more}"
    yield f"- 规则：{counts(spread.rules[:_SPREAD])}"
    if spread.accounts:
        yield f"- 账号：{'、'.join(plain(each, 40) for each in spread.accounts[:_SPREAD])}"
    yield f"- 以前的结论：{judged_text(spread.judged) or '还没有关闭过'}"


def _host(host: HostSpread) -> str:
    return f"{plain(host.name, 60)} {len(host.alerts)} 条（{codes(host.alerts)}）"


def _blocked(found: Sightings, asker: Asker) -> Iterator[str]:
    """Whether Bifang blocked it, or is asked to."""
    if found.kind == "ip":
        blocks = find_blocks([found.value])
        yield from (f"- 封禁：{block_line(each, asker.person)}" for each in blocks)
        if not blocks:
            yield "- 封禁：没有，也没有等待审批的申请（只有毕方执行的）"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "lookup_indicator",
        "查询情报",
        "一个 IP、域名、URL、哈希、账号、邮箱、进程或文件路径在我们的告警、资产和情报清单里出现过没有，属于哪个国家或地区。只依据本地数据。",
        LookupIndicator,
        lookup_indicator,
    ),
)
