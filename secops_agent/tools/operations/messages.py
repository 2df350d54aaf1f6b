"""send_message: a colleague, or whoever is on call, is told something or sent a report in the asker's name, in private.

Only people who are listed in the asker's own corporation can be reached; nobody outside, no group, never everybody.
"""

import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Literal

from django.utils import timezone

from bifang.channels.allowance import allowance
from bifang.channels.text.markup import literal, plain
from bifang.channels.text.visible import visible
from bifang.core.database.db import database_now
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from bifang.core.secrets.redaction import redact
from secops_agent.models import OnCallSchedule, Proposal, Role, Staff
from secops_agent.models.automation.proposal import ProposalState
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.on_call.schedules import enabled_schedules
from secops_agent.services.on_call.shifts import on_call_at
from secops_agent.services.people import messages
from secops_agent.services.people.eligibility import staff_of
from secops_agent.services.people.staff import Person, written_as
from secops_agent.services.reports import archive
from secops_agent.services.reports.files import text as words_of
from secops_agent.services.reports.outline import document
from secops_agent.services.reports.periods import PERIODS, period_of
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action

NAME: Final = "send_message"
LONGEST: Final = 500
AN_HOUR: Final = 20  # messages of one sender
_DUTY: Final = re.compile(r"(?:现在的?|当前的?|今天的?)?(?:值班(?:的?人|员|的)?|on-?call)", re.IGNORECASE)
_SECRET: Final = re.compile(
    r"(?:密码|口令|密钥|私钥|验证码|pin)\s*(?:是|为|[:：=])\s*[!-~]{4,}", re.IGNORECASE
)
_NOTHING: Final = "没有发送。"


class SendMessage(Arguments):
    """Arguments of send_message."""

    to: str = argument("发给谁：同事的姓名或员工 ID，值班表的名称，或「值班」", max_length=100)
    text: str = argument("要说的话，用提问者自己的词；只发报告时不填", default="", max_length=LONGEST)
    report: Literal["", "today", "yesterday", "this_week", "last_week", "this_month", "last_month"] = (
        argument(
            "发哪一段时间的日报、周报、月报；不发报告时不填", labels={"": "不发报告", **PERIODS}, default=""
        )
    )


def check(given: SendMessage, person: Person | None) -> ValidatedAction:
    """Says whom it reaches and the whole text, or which report. Raises InvalidInput, NotFound, Conflict."""
    text = _cleaned(given.text) if given.text or not given.report else ""
    if person is None:
        raise InvalidInput(f"只有登记的人员可以请毕方转告。{_NOTHING}")
    staff, duty = _receiver(given.to, person)
    if (staff.corp_id or person.corp_id, staff.staff_id) == (person.corp_id, person.staff_id):
        raise InvalidInput(f"收信人是您自己。{_NOTHING}")
    _demand_reachable(staff, person)
    _demand_reader(staff, given.report)
    named = f"{plain(staff.name, 40)}（{f'{plain(duty, 40)}现在值班，' if duty else ''}{plain(staff.staff_id, 60)}）"
    about = period_of(given.report, timezone.localtime()).title if given.report else ""
    said = [f"《{about}》"] * bool(about) + [f"「{literal(text)}」"] * bool(text)
    stored = {"to": staff.staff_id, "text": text, "report": given.report}
    kept = {name: value for name, value in stored.items() if value}
    return ValidatedAction(kept, f"以您的名义私聊 {named}：{'，并说'.join(said)}")


def _cleaned(text: str) -> str:
    """What can be seen, without secrets. Raises InvalidInput."""
    said = visible(text).strip()
    if not said:
        raise InvalidInput(f"请写明要说什么。{_NOTHING}")
    if redact(said) != said or _SECRET.search(said):
        raise InvalidInput(f"内容里有像密码、密钥或令牌的文字：请去掉再发。{_NOTHING}")
    return said


def _receiver(wanted: str, person: Person) -> tuple[Staff, str]:
    """One listed person of the asker's corporation; with the rota, if it was that. Raises NotFound, InvalidInput."""
    rotas = enabled_schedules()
    named = [each for each in rotas if each.name == wanted.strip()]
    if not named and _DUTY.fullmatch(wanted.strip()):
        named = rotas
    if len(named) > 1:
        raise InvalidInput(
            f"有几张值班表：{'、'.join(plain(each.name, 40) for each in named[:5])}，请写明哪一张。{_NOTHING}"
        )
    if named:
        return _on_duty(named[0], person), named[0].name
    ours = Staff.objects.acting().filter(corp_id__in=written_as(person.corp_id))
    rows = list(ours.filter(staff_id=wanted.strip())[:2]) or list(ours.filter(name=wanted.strip())[:3])
    if len(rows) != 1:
        told = (
            f"有多位人员叫「{plain(wanted, 40)}」，请用员工 ID"
            if rows
            else f"本企业的人员里没有「{plain(wanted, 40)}」"
        )
        raise NotFound(f"{told}。只能发给登记的同事或值班人，不能发给群或企业外的人。{_NOTHING}")
    return rows[0], ""


def _on_duty(rota: OnCallSchedule, person: Person) -> Staff:
    staff = on_call_at(rota, timezone.now()).staff
    if staff is None or not staff.acts:
        raise NotFound(f"「{plain(rota.name, 40)}」现在无人值班。{_NOTHING}")
    if staff.corp_id not in written_as(person.corp_id):
        raise InvalidInput(f"「{plain(rota.name, 40)}」现在的值班人属于另一个企业，不能由您发送。{_NOTHING}")
    return staff


def _demand_reader(staff: Staff, report: str) -> None:
    """Whoever gets a report may read it. Raises InvalidInput."""
    if report and staff.role == Role.NONE:
        raise InvalidInput(
            f"「{plain(staff.name, 40)}」没有查看权限，请管理员在「人员」里给一个角色。{_NOTHING}"
        )


def _demand_reachable(staff: Staff, person: Person) -> frozenset[int]:
    """The configurations of the asker's corporation, one of which reaches them. Raises Conflict."""
    own = written_as(person.corp_id)
    through = frozenset(row.pk for row in SystemConfig.objects.chats() if row.corporation in own)
    config_id = messages.config_of(staff, through)
    if config_id is None:
        raise Conflict(f"没有启用通知的配置可以联系{plain(staff.name, 40)}。{_NOTHING}")
    if (spare := allowance(config_id)).scarce:
        raise Conflict(f"接口额度快用完了（{spare.reason}），现在不代发消息：请直接联系对方。{_NOTHING}")
    return through


def recheck(stored: Mapping[str, Any]) -> ValidatedAction:
    """What was shown to its sender is what is sent; the rest is asked again when it is."""
    return ValidatedAction(stored, "")


def send(given: SendMessage, actor: Actor, origin: Origin) -> str:
    """Done for a confirmed proposal: in private, once, with who sent it. Raises InvalidInput, NotFound, Conflict."""
    sender = staff_of(actor)
    if sender is None:
        raise InvalidInput(f"只有登记的人员可以请毕方转告。{_NOTHING}")
    person = Person(sender.corp_id or actor.named[0], sender.staff_id, sender.name, sender.role)  # type: ignore[arg-type]
    _demand_pace(sender)
    staff, text = _receiver(given.to, person)[0], _cleaned(given.text) if given.text else ""
    through = _demand_reachable(staff, person)
    _demand_reader(staff, given.report)
    name = plain(sender.name, 40)
    lines = "\n".join(f"> {literal(line)}" for line in text.splitlines() if line.strip())
    report = document(archive.look(given.report)) if given.report else None
    first = f"**{name}** 请毕方{'把这份报告发给您' if report else '转告您'}："
    parts = [
        first,
        lines,
        words_of(report)[1] if report else "",
        f"回复请直接联系 {name}，这里的回复他看不到。",
    ]
    said = "\n\n".join(filter(None, parts))
    key = f"message:{sender.pk}:{secrets.token_hex(8)}"
    if not messages.tell(staff, f"{name} 请毕方转告", said, key=key, among=through):
        raise Conflict(f"现在联系不到{plain(staff.name, 40)}。{_NOTHING}")
    keep(
        actor,
        f"代发消息给 {plain(staff.name, 40)}",
        f"staff:{staff.pk}",
        {"to": staff.staff_id, "text": text, "report": report.title if report else ""},
    )
    return f"已交给发送：{plain(staff.name, 40)} 会在私聊里看到，写明是您{'发' if report else '说'}的。"


def _demand_pace(sender: Staff) -> None:
    """Counted by what was confirmed, this one too. Raises Conflict."""
    since = database_now() - timedelta(hours=1)
    rows = Proposal.objects.filter(
        asked_by=sender, tool=NAME, state=ProposalState.CONFIRMED, decided_at__gt=since
    )
    if rows.count() > AN_HOUR:
        raise Conflict(f"一小时内最多代发 {AN_HOUR} 条。{_NOTHING}")


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    action(
        NAME, "转告同事", "以提问者的名义私聊一位同事或值班人一段话，或者把日报、周报、月报发给他。只提出，由提问者本人确认后才发送。仅在提问者明确要求时调用，内容只用他自己的话。",
        "write", SendMessage, check, act_there=send, recheck=recheck,
    ),
)  # fmt: skip
