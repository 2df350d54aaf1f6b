"""set_owner: who is responsible for an asset. It proposes; the asker's confirmation does it."""

from typing import Final

from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.services.actors import Actor
from secops_agent.services.assets import inventory
from secops_agent.services.faults import Conflict
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.tools.filters import colleague

_NOBODY: Final = frozenset({"无", "没有", "空", "无人", "清空"})


class SetOwner(Arguments):
    """Arguments of set_owner."""

    asset: str = argument("资产：名称、IP 或编号")
    owner: str = argument("负责人的姓名或员工 ID；「我」表示提问者，「清空」表示没有负责人", max_length=100)


def check(given: SetOwner, person: Person | None) -> ValidatedAction:
    """One asset, one colleague. Raises NotFound, InvalidInput, Conflict."""
    asset = inventory.require(given.asset)
    staff = None if given.owner in _NOBODY else colleague(given.owner, person)
    if asset.owner_id == (staff.pk if staff else None):
        raise Conflict(
            f"资产「{plain(asset.name, 60)}」的负责人已经是{_word(staff.name if staff else '')}。没有执行任何操作。"
        )
    now = f"{_word(asset.owner)} → {_word(staff.name if staff else '')}"
    summary = f"改资产 {plain(asset.name, 60)}（#{asset.id}）的负责人：{now}；以后的导入不会改回"
    return ValidatedAction({"asset": given.asset, "owner": staff.staff_id if staff else "清空"}, summary)


def _word(name: str) -> str:
    return plain(name, 40) if name else "无"


def set_owner(given: SetOwner, actor: Actor) -> str:
    """Done for a confirmed proposal, as on the page of the asset."""
    before = inventory.require(given.asset)
    staff = None if given.owner in _NOBODY else colleague(given.owner, actor)
    after = inventory.update(before.id, actor, owner=staff)
    back = says.set_owner(after.name, before.owner if before.owner_id else "清空")
    return f"资产「{plain(after.name, 60)}」的负责人：{_word(before.owner)} → {_word(after.owner)}。要改回请发送「{back}」。"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    action(
        "set_owner", "改资产负责人", "改一个资产的负责人。只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。", "write", SetOwner, check, set_owner
    ),
)  # fmt: skip
