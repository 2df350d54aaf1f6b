"""list_blocks, unblock_ip, release_host: what is blocked, isolated and silenced now, and taking that back.

Taking back is dangerous, too: another person approves, and the connector that did it undoes it.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent.services.actors import Actor
from secops_agent.services.assets import inventory
from secops_agent.services.clock import minutes_told
from secops_agent.services.decisions import undo
from secops_agent.services.decisions.ledger import blocks, entries
from secops_agent.services.decisions.ledger.blocks import KIND, NEVER_DONE, NOW, STATE, Block
from secops_agent.services.faults import Conflict
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import ASKS, Asker, ToolDefinition, ValidatedAction, action, reading
from secops_agent.tools.filters import MOST_ROWS, told
from secops_agent.tools.markdown import foot, joined, moment
from secops_agent.tools.masking import for_reader

_WANTED: Final = {"now": "现在的", "ended": "已结束的", "all": "全部"}
_BEGUN: Final = {"waiting": "提出", "dry": "演练", "failed": "尝试"}  # what was done at its time, else 执行
_ONLY_OURS: Final = "只有毕方执行的；直接在设备上做的不在这里。"


class ListBlocks(Arguments):
    """Arguments of list_blocks."""

    target: str = argument("IP、主机名或告警编号（A 加数字）；问全部时不填", default="")
    kind: Literal["block_ip", "isolate_host", "silence"] | None = argument(
        "只看哪一种", labels=KIND, default=None
    )
    state: Literal["now", "ended", "all"] = argument(
        "现在的（含等待审批的）、已结束的，还是全部", labels=_WANTED, default="now"
    )


class UnblockIp(Arguments):
    """Arguments of unblock_ip."""

    ip: str = argument("要解除封禁的 IP", max_length=60)
    reason: str = argument("理由", default="", max_length=500)


class MistakenBlock(Arguments):
    """Arguments of mistaken_block."""

    target: str = argument("误封的 IP，或误隔离的主机")
    reason: str = argument("为什么是误封", default="", max_length=500)


class ReleaseHost(Arguments):
    """Arguments of release_host."""

    asset: str = argument("要解除隔离的主机：资产库里的名称、IP 或编号")
    reason: str = argument("理由", default="", max_length=500)


def list_blocks(asker: Asker, given: ListBlocks) -> ToolResult:
    """Of one target plainly yes or no, with the facts; without one, what is in force."""
    found = _of(given.target) if given.target else [*blocks.find_blocks(), *blocks.find_silences()]
    found = [each for each in found if given.kind in (None, each.kind)]
    shown = [each for each in found if given.state == "all" or (each.state in NOW) == (given.state == "now")]
    what = KIND[given.kind] if given.kind else "封禁、隔离和静默"
    query = told(
        对象=plain(given.target, 60), 种类=KIND[given.kind] if given.kind else "", 状态=_WANTED[given.state]
    )
    head = f"**{_WANTED[given.state]}{what}：{len(shown)} 个**"
    if given.target:
        head, shown = _answer(plain(given.target, 60), found), found
    lines = [f"- {block_line(each, asker.person)}" for each in shown[:MOST_ROWS]]
    more = [f"- 另有 {len(shown) - MOST_ROWS} 个更早的"] if len(shown) > MOST_ROWS else []
    text = "\n".join([head, "", *lines, *more, *foot(query, f"> {_ONLY_OURS}")])
    alerts = (str(each.alert) for each in shown if each.alert)
    codes = (each.code for each in shown if each.code)
    fields = (*(each.target for each in shown), *alerts, *codes)
    one = {"block_ip": "ip", "isolate_host": "asset"}
    about = {kind: said for tool, kind in one.items() if (said := _only(shown, tool))}  # 那个ip, 那台
    result = ToolResult(
        "ok" if shown else "no_data", query, text, {"subject": about} if about else None, fields=fields
    )
    named = [each.target.partition(" ")[2] for each in shown if each.kind == "silence"]
    return for_reader(result, asker, inventory.accounts_among(named)) if named else result


def _only(shown: Sequence[Block], kind: str) -> str:
    targets = {each.target for each in shown if each.kind == kind}
    return targets.pop() if len(targets) == 1 else ""


def _of(target: str) -> list[Block]:
    """Of an address, an alert, or an asset by any of its names."""
    if address := _address(target):
        found = blocks.find_blocks([address])
    elif (number := target.strip().lstrip("#Aa")).isdecimal() and len(number) < 19:
        return blocks.find_silences("alert", number)
    else:
        found = []
    asset = inventory.find(target).asset
    if asset is None and not found and not address:
        inventory.require(target)
    known = (
        [*blocks.find_blocks(asset_id=asset.id), *blocks.find_silences("asset", asset.name)] if asset else []
    )
    return [*found, *known]


def _answer(target: str, found: Sequence[Block]) -> str:
    standing = [each for each in found if each.state == "active"]
    if standing:
        return f"**{target}：{'、'.join(dict.fromkeys(f'{KIND[each.kind]}中' for each in standing))}**"
    open_ones = [f"{KIND[each.kind]}{STATE[each.state]}" for each in found if each.state in NOW]
    return (
        f"**{target}：现在没有被封禁、隔离或静默，也没有等待审批的申请**"
        if not open_ones
        else f"**{target}：{'、'.join(open_ones)}**"
    )


def block_line(block: Block, reader: Person) -> str:
    """One block, isolation or silence with who, when, until when and why."""
    block = blocks.for_reader(block, (reader.corp_id,))
    asked, approved = plain(block.asked_by, 30), plain(block.approved_by, 30)
    parts = (
        f"**{plain(block.target, 60)}** {KIND[block.kind]}{STATE[block.state]}",
        until_words(block),
        f"{moment(block.at)} {'设置' if block.kind == 'silence' else _BEGUN.get(block.state, '执行')}",
        f"提出 {asked}" + (f"、批准 {approved}" if block.approved_by else ""),
        f"设备 {plain(block.device, 40)}{_verified(block)}" if block.device else "",
        f"告警 A{block.alert}" if block.alert and block.kind != "silence" else "",
        entries.MISTAKES.get(block.kind, "误封") if block.mistaken_by else "",
        f"理由：{plain(block.reason, 100)}" if block.reason else "",
        f"申请 {block.code}" if block.code else "",
    )
    return joined(parts)


def _verified(block: Block) -> str:
    """What the device said of it."""
    if block.stands is None or block.verified_at is None:
        return "，没有核实" if block.state == "active" else ""
    return f"（{moment(block.verified_at)} 核实：设备上{'有' if block.stands else '没有'}）"


def state_words(block: Block) -> str:
    """封禁生效中, 隔离结果未知; of what is over and not ended yet, that."""
    return f"{KIND[block.kind]}{'到期，等待解除' if block.is_due else STATE[block.state]}"


def standing_words(block: Block) -> str:
    """Beside its target: 已封禁到 12-02 10:37, 已隔离; of what is not simply in force, how it stands: 封禁结果未知."""
    if block.state != "active" or block.is_due:
        return state_words(block)
    until = until_words(block) if block.kind == "block_ip" else ""
    said = f"已{KIND[block.kind]}{'，' if until and not until.startswith('到') else ''}{until}"
    return f"{said}（核实：设备上没有）" if block.stands is False else said


def until_words(block: Block) -> str:
    """到 11-30 10:00, 永久, 时长按设备默认, 直到解除; of what was never in force, that."""
    if block.state in NEVER_DONE:
        return NEVER_DONE[block.state]
    if block.until is not None:
        return f"到 {moment(block.until)}"
    if block.minutes:
        return f"时长 {minutes_told(block.minutes)}"
    if block.kind == "isolate_host":
        return "直到解除" if block.state in NOW else ""
    return "永久" if block.minutes == 0 else "时长按设备默认" if block.kind == "block_ip" else ""


def _address(text: str) -> str:
    """As a block keeps it; "" for what is no address."""
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        return ""
    return str(getattr(found, "ipv4_mapped", None) or found)


def check_unblock(given: UnblockIp, person: Person | None) -> ValidatedAction:
    """Only what Bifang blocked and still is."""
    address = _address(given.ip)
    if not address:
        raise InvalidInput(f"「{plain(given.ip, 60)}」不是 IP 地址：请写一个完整的 IP。没有执行任何操作。")
    found = next(iter(blocks.find_blocks([address])), None)
    return _lifting(found, address, {"ip": address}, given.reason, person)


def check_release(given: ReleaseHost, person: Person | None) -> ValidatedAction:
    """Only a host that Bifang isolated and still is."""
    asset = inventory.require(given.asset)
    found = next(iter(blocks.find_blocks(asset_id=asset.id)), None)
    aim = {"asset": asset.name, "asset_id": asset.id}
    return _lifting(found, plain(asset.name, 60), aim, given.reason, person)


def _lifting(
    found: Block | None, named: str, aim: Mapping[str, Any], reason: str, person: Person | None
) -> ValidatedAction:
    word = "封禁" if "ip" in aim else "隔离"
    if found is None or found.state != "active":
        stands = f"（{block_line(found, person)}）" if found and person else ""
        raise Conflict(
            f"{named} 现在没有{word}{stands}；直接在设备上{word}的，请在设备上解除。没有执行任何操作。"
        )
    if person and found.corp_id not in ("", person.corp_id):
        raise Conflict(f"{named} 是另一个企业{word}的，您不能解除。没有执行任何操作。")
    undo.demand_undoable(found.action_id)
    how = f"{found.asked_by} 提出、{found.approved_by} 批准，{moment(found.at)} 由「{found.device}」执行"
    why = f"，理由：{plain(reason, 500)}" if reason else "，没有写理由"
    plan = {**aim, "action_id": found.action_id} | ({"reason": reason} if reason else {})
    return ValidatedAction(plan, f"解除{word} {named}（{found.code}：{plain(how, 200)}）{why}")


def check_mistaken(given: MistakenBlock, person: Person | None) -> ValidatedAction:
    """An approver releases at once what should not have been blocked."""
    found = next(
        (each for each in _of(given.target) if each.id and each.state in ("active", "unknown")), None
    )
    named = plain(given.target, 60)
    if found is None:
        raise Conflict(f"{named} 现在没有被封禁或隔离；直接在设备上做的，请在设备上解除。没有执行任何操作。")
    if person is not None:
        entries.demand_releaser(Actor.person(person, ""), found.corp_id)
    why = f"，{plain(given.reason, 500)}" if given.reason else ""
    plan = {"target": given.target, "reason": given.reason}
    return ValidatedAction(
        plan, f"{entries.MISTAKES[found.kind]}：立即解除对 {named} 的{KIND[found.kind]}{why}"
    )


def mistaken_block(given: MistakenBlock, actor: Actor) -> str:
    """Released at once, on record."""
    found = next(each for each in _of(given.target) if each.id and each.state in ("active", "unknown"))
    entries.mistaken(found.id, actor, given.reason)
    return f"已登记{entries.MISTAKES[found.kind]}，正在解除 {plain(found.target, 60)}；结果会告诉提出人和批准人。"


def recheck_lifting(stored: Mapping[str, Any]) -> ValidatedAction:
    """Still not taken back. Raises Conflict."""
    undo.demand_undoable(int(stored["action_id"]))
    return ValidatedAction(stored, "")


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "list_blocks",
        "查看封禁和隔离",
        "某个 IP、主机封了吗、隔离了吗、静默了吗；现在封禁、隔离、静默着什么，谁提出、谁批准、在哪台设备、到什么时候。",
        ListBlocks,
        list_blocks,
    ),
    action(
        "unblock_ip", "解除封禁", f"申请解除对一个 IP 的封禁。{ASKS}", "dangerous", UnblockIp, check_unblock, recheck=recheck_lifting
    ),
    action(
        "mistaken_block", "误封", "误封了：审批人立即解除一个 IP 的封禁或一台主机的隔离，登记为误封并告诉提出人。", "write", MistakenBlock,
        check_mistaken, mistaken_block,
    ),
    action(
        "release_host", "解除隔离", f"申请解除一台主机的隔离。{ASKS}", "dangerous", ReleaseHost, check_release, recheck=recheck_lifting
    ),
)  # fmt: skip
