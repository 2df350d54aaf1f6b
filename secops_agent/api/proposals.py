"""What people asked for: list, one of them, and the decision of the person behind the caller."""

from typing import Final

from rest_framework import serializers

from secops_agent.agent.acting.controls import DirectDecision, decide_as_user
from secops_agent.api.access import DECIDE, READ_PROPOSALS, Caller
from secops_agent.api.base import Form, PageQuery, Remark
from secops_agent.api.endpoints import Endpoint, view_of
from secops_agent.api.fields import Output
from secops_agent.models import ActionState, ProposalState
from secops_agent.models.automation.proposal import Risk
from secops_agent.services.decisions import views
from secops_agent.services.decisions.views import ProposalView
from secops_agent.services.faults import Conflict

TAG: Final = "审批"
VERDICTS = (
    ("confirm", "确认自己提出的"),
    ("approve", "同意别人的危险操作"),
    ("reject", "拒绝；自己提出的则撤回"),
)
NOBODYS = "这个 API 令牌没有归属用户，不能审批：四眼原则比较的是人。请由审批人本人在管理后台创建令牌。"


class ProposalQuery(PageQuery):
    """Filters of the list."""

    state = serializers.ChoiceField(
        choices=ProposalState.choices, default="", allow_blank=True, help_text="状态。"
    )


class ProposalOut(Output):
    """What somebody wants done."""

    view = ProposalView
    told = {
        "code": "代码",
        "tool": "工具",
        "title": "操作",
        "risk": serializers.ChoiceField(choices=Risk.choices, help_text="由谁决定"),
        "state": serializers.ChoiceField(choices=ProposalState.choices, help_text="状态"),
        "summary": "说明",
        "arguments": serializers.DictField(
            child=serializers.JSONField(allow_null=True),
            help_text="确切的参数；隔离主机时含资产编号、名称和地址",
        ),
        "prospect": "同意之后会怎样：由哪个处置连接器执行，或只做演练；已决定时为空",
        "corp_id": "所属企业；只有这个企业的人可以决定",
        "asker": "提出人",
        "asker_id": "提出人的员工 ID",
        "decider": "决定人",
        "reason": "决定时写的理由",
        "result": "决定带来了什么",
        "action_state": serializers.ChoiceField(
            choices=ActionState.choices, allow_blank=True, help_text="处置动作的状态；没有动作时为空"
        ),
        "action_result": "处置动作的结果",
        "created_at": "提出时间",
        "expires_at": "过期时间",
        "decided_at": "决定时间",
    }


class DecisionIn(Form):
    """A verdict."""

    verdict = serializers.ChoiceField(choices=VERDICTS, help_text="决定。")
    reason = Remark(default="", max_length=500, help_text="理由，告诉提出人，可以不填。")


def _decide(caller: Caller, code: str, verdict: str, reason: str) -> ProposalView:
    if caller.user_id is None:
        raise Conflict(NOBODYS)
    proposal = views.find(code, None)  # who may not decide is told why
    decision = decide_as_user(proposal, _keystroke(caller, proposal.pk, verdict, reason))
    if decision.status == "refused":
        raise Conflict(decision.text)
    return views.get(code, None)


def _keystroke(caller: Caller, proposal_id: int, verdict: str, reason: str) -> DirectDecision:
    return DirectDecision(
        user_id=caller.user_id,
        verdict=verdict,  # type: ignore[arg-type]  # one of VERDICTS
        through=f"api:{caller.key}:{proposal_id}",
        via="api",
        reason=reason,
        token=caller.actor if caller.grant else None,
    )


PATHS: Final = {
    "proposals/": view_of(TAG, Endpoint(
        "GET", READ_PROPOSALS, "proposals_list", "审批列表", "提出的操作，新的在前，游标翻页。",
        lambda caller, **asked: views.search(caller.homes, **asked), ProposalOut, ProposalQuery, paged=True,
    )),
    "proposals/<str:code>/": view_of(TAG, Endpoint(
        "GET", READ_PROPOSALS, "proposals_get", "一个审批", "一个操作的确切内容、同意之后会怎样，以及它的结果。",
        lambda caller, code: views.get(code, caller.homes), ProposalOut,
    )),
    "proposals/<str:code>/decision/": view_of(TAG, Endpoint(
        "POST", DECIDE, "proposals_decide", "决定一个审批",
        "以调用者本人（令牌的归属用户）的身份决定，规则与聊天里相同：提出人不能批准自己的危险操作，"
        "决定人须属于同一企业并有「审批」角色。不能决定时返回 409 和原因；同一个人重复同样的决定返回 200。",
        _decide, ProposalOut, DecisionIn, example=("同意", {"verdict": "approve", "reason": "已核实"}),
    )),
}  # fmt: skip
