"""lookup_indicator: where we have seen an address, a domain, a URL, a hash, an account, a process or a file."""

from typing import Final

from bifang.channels.text.markup import plain
from secops_agent.models.people.staff import Role
from secops_agent.services.alerts import indicators
from secops_agent.services.alerts.indicators import Sightings
from secops_agent.services.intelligence.matching import ListedView
from secops_agent.services.privacy import PRIVATE_INDICATORS
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.estate.assets import asset_line
from secops_agent.tools.estate.assets import fields_of as asset_fields
from secops_agent.tools.incidents.alerts import accounts_of, alert_line
from secops_agent.tools.incidents.alerts import fields_of as alert_fields
from secops_agent.tools.markdown import INDICATOR, joined, moment
from secops_agent.tools.masking import for_reader

_ROWS: Final = 10
_IN_GROUP: Final = "账号和邮箱属于个人信息，群里不显示。请在与我的单聊里查询。"
_FOR_ROLE: Final = f"账号和邮箱属于个人信息，需要「{Role.ANALYST.label}」角色才能查。"


class LookupIndicator(Arguments):
    """Arguments of lookup_indicator."""

    value: str = argument("IP、域名、URL、文件哈希、账号、邮箱、进程名或文件路径", max_length=2000)


def lookup_indicator(asker: Asker, given: LookupIndicator) -> ToolResult:
    """Alerts that name it and assets that bear it, and how fresh our alerts are."""
    found = indicators.lookup(given.value, limit=_ROWS, private=not asker.hides_private)
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
    text = _sightings(found, asker)
    result = ToolResult(status, query, text, data, fields=fields, private_text=full if full != text else "")  # type: ignore[arg-type]
    return for_reader(result, asker, accounts_of(found.alerts.items)) if asker.hides_private else result


def _for_private_chat(asker: Asker, found: Sightings) -> str:
    """What the asker may read beyond what the group is told, "" if nothing."""
    if not (asker.is_group and asker.reads_private and indicators.names_people(found.kind, found.value)):
        return ""
    return _sightings(indicators.lookup(found.value, limit=_ROWS, private=True), asker)


def listed_line(each: ListedView) -> str:
    """What a list says; its words are somebody else's."""
    until = f"有效期至 {moment(each.expires_at)}" if each.expires_at else "长期有效"
    said = joined([plain(each.note, 120), each.origin and f"出处 {plain(each.origin, 60)}", until])
    return f"- 清单「{plain(each.list, 60)}」：{plain(each.value, 120)}（{said}）"


def _sightings(found: Sightings, asker: Asker) -> str:
    name = f"{INDICATOR.get(found.kind, '')} {plain(found.value, 200)}".strip()
    lines = [f"**{name}**" + (f"（{found.location}）" if found.location else ""), ""]
    if found.listed:
        lines += ["情报清单里有它：", "", *map(listed_line, found.listed), ""]
    if found.assets:
        lines += ["这是我们自己的资产：", "", *(asset_line(asset) for asset in found.assets), ""]
    if found.alerts.items:
        span = f"{moment(found.first_seen)} 至 {moment(found.last_seen)}"
        told = f"，其中 {found.told} 条只在标题或说明里提到" if found.told else ""
        lines += [f"在 {found.alerts.total_text} 条告警中出现过（{span}）{told}：", ""]
        lines += [alert_line(alert, asker) for alert in found.alerts.items]
        rest = found.alerts.total - len(found.alerts.items)
        lines += [f"- 另有 {rest}{'+' if found.alerts.capped else ''} 条"] if rest > 0 else []
    else:
        warning = (
            "情报清单里有它，请当心。"
            if found.listed
            else "这不代表它安全：只看了本地的告警和导入的情报清单。"
        )
        lines.append(f"没有告警提到过它。{warning}")
    lines += ["", "> 较早的告警的文字还在读取，读完之前可能少算。"] if found.unread else []
    return "\n".join([*lines, "", f"> 依据已存的告警和资产；告警数据更新至 {moment(found.updated_at)}。"])


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "lookup_indicator",
        "查询情报",
        "一个 IP、域名、URL、哈希、账号、邮箱、进程或文件路径在我们的告警、资产和情报清单里出现过没有，属于哪个国家或地区。只依据本地数据。",
        LookupIndicator,
        lookup_indicator,
    ),
)
