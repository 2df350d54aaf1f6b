"""The ledger of blocks: what was blocked and isolated through us, who asked and approved, and what the device says."""

from typing import Any, Final

from rest_framework import serializers

from secops_agent.api.access import READ_BLOCKS, Caller
from secops_agent.api.base import ConditionsQuery, PageQuery, values_of
from secops_agent.api.endpoints import Endpoint, view_of
from secops_agent.api.fields import Output
from secops_agent.models import BlockState
from secops_agent.services.decisions.ledger import blocks
from secops_agent.services.decisions.ledger.blocks import BLOCKS, Block, BlockFilter
from secops_agent.services.decisions.ledger.entries import KINDS
from secops_agent.services.pages import Page


class BlockQuery(ConditionsQuery, PageQuery):
    """Conditions of the list."""

    listing = BLOCKS


class BlockOut(Output):
    """One order of the ledger."""

    view = Block
    told = {
        "id": "编号",
        "target": "对象：IP 或主机名",
        "kind": serializers.ChoiceField(choices=list(KINDS.items()), help_text="种类"),
        "reason": "理由",
        "alert": "告警的编号；空：没有",
        "case": "事件的编号；空：没有",
        "asked_by": "提出人",
        "approved_by": "批准人",
        "device": "执行它的处置连接器或 MCP 服务；空：没有执行",
        "state": serializers.ChoiceField(choices=BlockState.choices, help_text="状态"),
        "at": "开始",
        "until": "到什么时候；空：永久、按设备默认，或没有执行",
        "minutes": "时长（分钟），0 永久；空：按设备默认，或没有执行",
        "due_at": "什么时候要处理（到期解除，或失败后再试）；空：没有",
        "stands": "设备最近一次说有没有；空：没有问过，或问不到",
        "verified_at": "核实时间",
        "proof": "怎么核实的",
        "ended_at": "结束时间",
        "ended_by": "谁结束的；「时限到期」是自动解除",
        "mistaken_by": "误封登记人；空：不是误封",
        "can_end": "毕方能不能解除它：设备给出了撤销的办法",
        "code": "审批代码",
        "action_id": "处置动作的编号",
    }


def _list(caller: Caller, limit: int, cursor: str, **asked: Any) -> Page[Block]:
    return blocks.search(BlockFilter(**values_of(BLOCKS, asked)), caller.homes, limit, cursor)


PATHS: Final = {
    "blocks/": view_of("审批", Endpoint(
        "GET", READ_BLOCKS, "blocks_list", "封禁台账", "毕方执行的封禁和隔离，一次命令一行，新的在前，游标翻页。还在等审批的看审批列表。",
        _list, BlockOut, BlockQuery, paged=True,
    )),
}  # fmt: skip
