"""Proposals: an operation that somebody wants becomes a row with a code, stored with the turn that proposed it."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any, Final

from django.db.models import QuerySet

from bifang.channels.models import OutboxRow
from bifang.channels.ports import Button, Reply, ReplyTarget, Suggestion
from bifang.channels.text.visible import visible, visible_value
from bifang.core.database.db import database_now
from bifang.core.database.rows import NewRow, insert_many
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.models import Role, Staff
from secops_agent.models.automation.proposal import Proposal, ProposalState, Risk
from secops_agent.models.people.audit import AuditKind
from secops_agent.services.actors import Actor
from secops_agent.services.audit.trail import Place, entry
from secops_agent.services.clock import clock
from secops_agent.services.decisions import carriers, targets
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.decisions.wording import describe, describe_for_approver, how_elsewhere
from secops_agent.services.faults import Conflict
from secops_agent.services.mcp.orders import CALL, needed_role
from secops_agent.services.people import eligibility
from secops_agent.services.people.applications import is_of, why_not
from secops_agent.services.people.staff import Person
from secops_agent.services.switches import refuse_when_read_only

LETTERS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ"  # none that is taken for another letter or a digit
DIGITS: Final = "23456789"
CODE_LENGTH: Final = 6
VALID_FOR: Final = {Risk.WRITE: timedelta(minutes=10), Risk.DANGEROUS: timedelta(minutes=30)}
IMPORT: Final = (
    "import_file"  # of a proposal to import what somebody sent; no model and no grammar can call it
)
LASTING: Final = {IMPORT: timedelta(hours=24)}  # as long as the file is kept
MOST_OPEN: Final = 20  # a person's undecided proposals


def new_code() -> str:
    """Six characters, starting with a letter, with a digit in it: never a word, never a number, never an alert's A12345."""
    first = secrets.choice(LETTERS)
    rest = [secrets.choice(LETTERS + DIGITS) for _ in range(CODE_LENGTH - 2)]
    rest.insert(secrets.randbelow(CODE_LENGTH - 1), secrets.choice(DIGITS))
    return new_code() if first == "A" and "".join(rest).isdigit() else first + "".join(rest)


def digest_of(proposal: Proposal) -> str:
    """What the code stands for: who asked, in which corporation, where, which tool with which arguments."""
    bound = [
        proposal.config_id, proposal.conversation_id, proposal.corp_id, proposal.asker_id, proposal.tool,
        proposal.risk, proposal.arguments,
    ]  # fmt: skip
    text = json.dumps(bound, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Proposals:
    """The proposals of one turn. `rows` and `replies` belong into its result: they are stored with it, or not at all.

    A turn that is cancelled, or whose worker lost its lease, has proposed nothing. ``actor``: who is on record for it:
    the person by the door they used, or a token that speaks for them.
    """

    def __init__(self, person: Person, origin: Origin, actor: Actor) -> None:
        self._person, self._origin, self.actor = person, origin, actor
        self._drafts: dict[str, Proposal] = {}
        self._known: dict[str, Proposal] = {}
        self._prospects: dict[str, str] = {}
        self._approvers: Sequence[Staff] = ()
        self._how = ""

    def propose(self, tool: str, title: str, risk: str, arguments: Mapping[str, Any], summary: str) -> str:
        """The code that a person answers with. On a database thread.

        Raises BifangError when it may not be done or nobody could decide. The same thing asked again while it
        is undecided keeps its code.
        """
        refuse_when_read_only()
        targets.require_allowed(tool, arguments)
        asker = self._asker(Risk(risk), _role_for(tool, arguments, Risk(risk)))
        draft = self._draft(asker, tool, title, Risk(risk), arguments, summary)
        known = self._drafts.get(draft.digest) or self._undecided(draft)
        if known is None:
            self._drafts[draft.digest] = known = draft
        self._known[known.digest] = known
        self._prospects[known.digest] = prospect_of(known)
        return known.code

    def store_now(self, tool: str, title: str, arguments: Mapping[str, Any], summary: str) -> str:
        """Propose a write and store it at once, since it is confirmed in the same breath. Inside a transaction. Raises as `propose`."""
        code = self.propose(tool, title, Risk.WRITE, arguments, summary)
        for row in self.rows:
            insert_many(row.model, [row.values])
        self._drafts.clear()
        self._known.clear()
        return code

    def _asker(self, risk: Risk, needed: Role) -> Staff:
        self._corp_id = self._corporation()
        asker = eligibility.listed(self._person.corp_id, self._person.staff_id)
        if asker is None or not eligibility.able(needed).filter(pk=asker.pk).exists():
            raise InvalidInput(f"这个操作{eligibility.instead(needed, self._corp_id)}没有提交。")
        if risk == Risk.DANGEROUS:
            self._approvers = demand_approvers(
                asker, self._corp_id, "危险操作无法提交", self._origin.config_id
            )
            self._how = how_elsewhere(self._origin.config_id)
        return asker

    def _corporation(self) -> str:
        """Of the configuration; until that is known, the asker's."""
        home = eligibility.corporation_of(self._origin.config_id)
        if home and self._person.corp_id != home:
            raise InvalidInput("您不属于这个机器人所在的企业，所以没有提交。")
        return home or self._person.corp_id

    def _draft(
        self, asker: Staff, tool: str, title: str, risk: Risk, arguments: Mapping[str, Any], summary: str
    ) -> Proposal:
        origin, now = self._origin, database_now()
        draft = Proposal(
            code=new_code(), config_id=origin.config_id, conversation_id=origin.conversation_id,
            is_group=origin.is_group, inbox_id=origin.inbox_id, target=_plain(origin), tool=tool, title=visible(title)[:100],
            risk=risk.value, arguments=_readable(arguments), summary=visible(summary), asked_by_id=asker.pk,
            corp_id=self._corp_id, asker_id=asker.staff_id, asker_name=visible(asker.name),
            state=ProposalState.PROPOSED.value, created_at=now, expires_at=now + LASTING.get(tool, VALID_FOR[risk]),
        )  # fmt: skip
        draft.digest = digest_of(draft)
        return draft

    def _undecided(self, draft: Proposal) -> Proposal | None:
        """The same proposal, still open. Also keeps codes unique and people from flooding the approvers."""
        open_ones = Proposal.objects.filter(state=ProposalState.PROPOSED, expires_at__gt=draft.created_at)
        mine = open_ones.filter(asker_id=draft.asker_id, config_id=draft.config_id)
        same = mine.filter(digest=draft.digest).first()
        if same is None and draft.risk == Risk.DANGEROUS:
            _refuse_twin(draft, open_ones)
        if same is None and mine.count() + len(self._drafts) >= MOST_OPEN:
            raise InvalidInput(f"您已有 {MOST_OPEN} 个未决定的操作，请先处理它们，或等它们过期。")
        while same is None and Proposal.objects.filter(code=draft.code).exists():
            draft.code = new_code()
        return same

    @property
    def buttons(self) -> tuple[Button, ...]:
        """The buttons under the answer, if it proposes one thing; several are decided by their codes."""
        known = tuple(self._known.values())
        return buttons_of(known[0]) if len(known) == 1 else ()

    def suggestions(self, answer: str) -> tuple[Suggestion, ...]:
        """What the asker may tap under the answer: to confirm the own proposal that it tells."""
        return () if self._untold(answer) else self._taps()

    def _taps(self) -> tuple[Suggestion, ...]:
        """In the own chat, and for one proposal: several are told apart by their codes."""
        known = tuple(self._known.values())
        if len(known) != 1 or self._origin.is_group or known[0].risk != Risk.WRITE:
            return ()
        return (says.confirm(known[0].code),)

    def _untold(self, answer: str) -> list[Proposal]:
        return [p for p in self._known.values() if not self._is_told(p, answer)]

    @property
    def rows(self) -> tuple[NewRow, ...]:
        """Unsaved rows: the new proposals and their audit records."""
        origin = self._origin
        place = Place(origin.config_id, origin.conversation_id, origin.inbox_id)
        records = [
            entry(
                AuditKind.PROPOSAL, f"提议{one.title}", self.actor, place=place, subject=f"proposal:{one.code}",
                text=one.summary, detail={"tool": one.tool, "arguments": one.arguments, "digest": one.digest,
                                          "risk": one.risk, "expires_at": one.expires_at.isoformat()},
            )
            for one in self._drafts.values()
        ]  # fmt: skip
        return (*(NewRow(Proposal, vars(draft)) for draft in self._drafts.values()), *records)

    def replies(self, answer: str) -> tuple[Reply, ...]:
        """What has to be said beside the answer: what the answer kept to itself, and the requests to approvers.

        What people decide on is written here, from the stored arguments, never by a model.
        """
        untold = self._untold(answer)
        texts = [describe(p, self._prospects[p.digest], self._how) for p in untold]
        words = "\n\n---\n\n".join(texts)
        told = [Reply(words, title="等待您决定", suggestions=self._taps())] if untold else []
        asked = [
            Reply(
                describe_for_approver(proposal, self._prospects[proposal.digest], self._how),
                title=f"待审批：{proposal.title}",
                target=self._private(staff),
                buttons=buttons_of(proposal),
            )
            for proposal in self._drafts.values()
            if proposal.risk == Risk.DANGEROUS
            for staff in self._approvers
        ]
        return (*told, *asked)

    def _is_told(self, proposal: Proposal, answer: str) -> bool:
        parts = (proposal.code, proposal.summary, self._prospects[proposal.digest])
        return all(part in answer for part in parts)

    def _private(self, staff: Staff) -> ReplyTarget:
        robot = self._origin.target.robot_code if self._origin.target else ""
        return ReplyTarget("", is_group=False, staff_id=staff.staff_id, robot_code=robot)


def _refuse_twin(draft: Proposal, open_ones: "QuerySet[Proposal]") -> None:
    """Two requests for one target would be approved twice. Raises Conflict."""
    aim = targets.AIMS.get(draft.tool, "")
    if not (wanted := draft.arguments.get(aim)):
        return
    rows = open_ones.filter(tool=draft.tool, corp_id=draft.corp_id, **{f"arguments__{aim}": wanted})
    if (twin := rows.first()) is None:
        return
    at = clock(twin.created_at)
    mine = twin.asked_by_id == draft.asked_by_id
    own = f"{'您' if mine else twin.asker_name + ' '}{at} 已提出申请 {twin.code}（{twin.summary}）"
    how = f"要改，先发送「{says.withdraw(twin.code)}」" if mine else "不用再提一次"
    raise Conflict(f"{own}，正在等待审批：{how}。没有重复提出。")


def _readable(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What people decide on is what they can see: nothing else is stored, or done."""
    return {name: visible_value(value) for name, value in arguments.items()}


def _plain(origin: Origin) -> dict[str, Any]:
    """The address as it is stored: without its sessionWebhook, which is a secret."""
    if origin.target is None:
        return {}
    plain = asdict(replace(origin.target, webhook="", webhook_expires_ms=0))
    del plain["webhook"], plain["webhook_expires_ms"]
    return plain


def buttons_of(proposal: Proposal) -> tuple[Button, ...]:
    """What a click on a card's button brings back: the code and the verdict."""
    yes = ("confirm", "确认") if proposal.risk == Risk.WRITE else ("approve", "同意")
    return tuple(
        Button(verdict, text, style, {"code": proposal.code, "verdict": verdict})
        for verdict, text, style in ((*yes, "primary"), ("reject", "拒绝", "danger"))
    )


def asks_for(key: str, code: str, verdict: str) -> bool:
    """Did the message of this key carry the button that decides this proposal so?"""
    rows = OutboxRow.objects.filter(key=key).exclude(key="").values_list("buttons", flat=True)
    asked = [button.get("params") or {} for button in rows.first() or ()]
    return any(one.get("code") == code and one.get("verdict") == verdict for one in asked)


def demand_approvers(asker: Staff, corp_id: str, cannot: str, config_id: int) -> Sequence[Staff]:
    """Who may approve what the asker wants and is to be asked by this configuration. Raises InvalidInput, saying what to
    do, if nobody is."""
    config, found = SystemConfig.objects.get(pk=config_id), eligibility.approvers_beside(asker, corp_id)
    if reached := [staff for staff in found if is_of(config, staff)]:
        return reached
    if found:
        raise InvalidInput(f"{cannot}。{why_not(config, found[0])}")
    others = eligibility.able(Role.APPROVER).exclude(pk=asker.pk)
    if any(not eligibility.same_person(row, asker) for row in others.filter(corp_id__in=(corp_id, ""))):
        raise InvalidInput(f"审批人在「人员」里与您没有区分开，{cannot}。{eligibility.HOW_TO_TELL_APART}")
    raise InvalidInput(f"除您以外没有在职的审批人，{cannot}。请管理员先登记一位审批人。")


def prospect_of(proposal: Proposal) -> str:
    """What a decision would set going now; "" where nothing outside is done."""
    outside = proposal.risk == Risk.DANGEROUS or proposal.tool in (CALL, carriers.AUTHORISATION)
    return carriers.carrier_effect(proposal.tool, proposal.arguments) if outside else ""


def role_of_asker(proposal: Proposal) -> Role:
    """What one must be to ask for it."""
    return _role_for(proposal.tool, proposal.arguments, Risk(proposal.risk))


def _role_for(tool: str, arguments: Mapping[str, Any], risk: Risk) -> Role:
    """What a program proposed is confirmed like a write, and asks for something dangerous."""
    if tool in carriers.OURS:
        risk = Risk.WRITE  # whoever may decide it with somebody else may ask for it
    asked_for = Risk.DANGEROUS if tool == carriers.AUTHORISATION else risk
    return needed_role(tool, arguments, eligibility.role_for(tool, asked_for))
