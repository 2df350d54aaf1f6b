"""send_message: colleagues, whoever is on call, or a group are told something or sent a report in the asker's name.

People are told in private. Whom it can reach: `recipients`.
"""

import re
import secrets
from typing import Any, Final, Literal

from django.utils import timezone

from bifang.channels.allowance import allowance
from bifang.channels.models import KnownGroup
from bifang.channels.ports import FileToSend
from bifang.channels.queues import outbox
from bifang.channels.text.markup import literal, plain
from bifang.core.errors import InvalidInput
from bifang.core.models import SystemConfig
from secops_agent.models import Case, CaseStatus, NotificationTarget, Staff, TargetKind
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.decisions.requests import Origin
from secops_agent.services.faults import Conflict
from secops_agent.services.notifications.targets import resolve
from secops_agent.services.people import messages
from secops_agent.services.people.eligibility import staff_of
from secops_agent.services.people.staff import Person, person_of, written_as
from secops_agent.services.people.words import cleaned, demand_pace, quoted
from secops_agent.services.reports import archive
from secops_agent.services.reports.documents import Document
from secops_agent.services.reports.files import FORMATS, report_file
from secops_agent.services.reports.files import text as words_of
from secops_agent.services.reports.incidents import incident_report
from secops_agent.services.reports.outline import document
from secops_agent.services.reports.periods import DATES, PERIODS, period_of
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.tools.operations.recipients import SHAPE, Recipient, demand_readers, read_recipients

NAME: Final = "send_message"
LONGEST: Final = 500
_MENTION: Final = re.compile(r"@\s?(?P<name>[^\s,，:：@]{1,20})")
_CASE: Final = re.compile(r"(?:事件)?\s*[E#]?\s*(?P<n>[1-9]\d{0,8})", re.IGNORECASE)
_WORDS: Final = re.compile(r"[A-Za-z0-9_.-]+|[一-鿿]{2,}")
_LOOKED_AT: Final = 200  # open cases
_NOTHING: Final = "没有发送。"
_FILES: Final = {"": "不附文件", **{name: each.label for name, each in FORMATS.items()}}


class SendMessage(Arguments):
    """Arguments of send_message."""

    to: str = argument(f"发给谁：{SHAPE}", max_length=200)
    text: str = argument(
        "要说的话，用提问者自己的词（去掉「跟他说」这样的话），编号和名称照写；只发报告时不填",
        default="",
        max_length=LONGEST,
    )
    report: Literal["", "today", "yesterday", "this_week", "last_week", "this_month", "last_month"] = (
        argument(
            "发哪一段时间的日报、周报、月报；不发报告时不填", labels={"": "不发报告", **PERIODS}, default=""
        )
    )
    date: str = argument(f"报告不是上面几段时，哪一天、哪一周或哪个月的：{DATES}", default="", max_length=10)
    case: str = argument("发哪个事件的报告：事件编号，或标题里的几个字", default="", max_length=60)
    file: Literal["", "pdf", "png", "markdown", "csv"] = argument(
        "报告另附的文件，说了才填", labels=_FILES, default=""
    )

    @property
    def period(self) -> str:
        """The name or the date of the report; "" for none."""
        return self.date or self.report


def check(given: SendMessage, person: Person | None) -> ValidatedAction:
    """Says whom it reaches and the whole text, or which report. Raises InvalidInput, NotFound, Conflict."""
    case_id, reports = _case_of(given.case), bool(given.period or given.case)
    text = cleaned(given.text, _NOTHING) if given.text or not reports else ""
    if person is None:
        raise InvalidInput(f"只有登记的人员可以请毕方转告。{_NOTHING}")
    found = read_recipients(given.to, person, _NOTHING)
    for one in found:
        _demand_other(one, person)
        _demand_reachable(one, person)
    if reports:
        demand_readers(found, _NOTHING)
    titles = [f"《{literal(one.title)}》" for one in _titled(given, case_id)]
    said = [*titles, *[f"「{literal(text)}」"] * bool(text)]
    as_file = f"，附 {_FILES[given.file]} 文件" if given.file else ""
    stored = given.model_dump() | {"to": ",".join(_kept(one) for one in found), "text": text, "case": case_id}
    kept = {name: str(value) for name, value in stored.items() if value}
    summary = f"以您的名义{_told(found)}：{'，并说'.join(said)}{as_file}"
    return ValidatedAction(kept, summary)


def _told(found: list[Recipient]) -> str:
    """私聊 王五（wangwu）、李四（lisi），发到群「安全值班群」."""
    alone, groups = ([one.named for one in found if bool(one.group) == kind] for kind in (False, True))
    told = [f"私聊 {'、'.join(alone)}"] * bool(alone) + [f"发到{'、'.join(groups)}"] * bool(groups)
    return "，".join(told)


def _kept(one: Recipient) -> str:
    """Whoever was shown is who gets it, also where the shift changes before it is confirmed."""
    return one.staff.staff_id if one.staff else one.key


def _case_of(wanted: str) -> int:
    """The number of the case that is meant: by its number, or the only open one that says these words; 0 for none. Raises NotFound,
    InvalidInput that name the open ones."""
    if not wanted:
        return 0
    if number := _CASE.fullmatch(wanted):
        return int(number["n"])
    rows = list(Case.objects.exclude(status=CaseStatus.CLOSED).order_by("-pk")[:_LOOKED_AT])
    words = _WORDS.findall(wanted)
    found = [row for row in rows if words and any(word.lower() in row.title.lower() for word in words)]
    if len(found) == 1:
        return int(found[0].pk)
    listed = "、".join(f"E{row.pk}「{plain(row.title, 40)}」" for row in (found or rows)[:5])
    raise InvalidInput(f"要发哪个事件的报告？请写事件编号{f'：{listed}' if listed else ''}。{_NOTHING}")


def _titled(given: SendMessage, case_id: int) -> list[Any]:
    """The reports that are sent, by their titles."""
    periods = [period_of(given.period, timezone.localtime())] if given.period else []
    return [*periods, *([incident_report(case_id)] if case_id else [])]


def _demand_other(one: Recipient, person: Person) -> None:
    staff = one.staff
    if staff and (staff.corp_id or person.corp_id, staff.staff_id) == (person.corp_id, person.staff_id):
        raise InvalidInput(f"收信人是您自己：{one.named}。{_NOTHING}")


def _demand_reachable(one: Recipient, person: Person) -> frozenset[int]:
    """The configurations of the asker's corporation, one of which reaches them. Raises Conflict, Unreachable."""
    own = written_as(person.corp_id)
    through = frozenset(row.pk for row in SystemConfig.objects.chats() if row.corporation in own)
    config_id = one.group.config_id if one.group else messages.config_of(_staff(one), through)
    if config_id is None:
        raise Conflict(f"没有启用通知的配置可以联系{one.named}。{_NOTHING}")
    if (spare := allowance(config_id)).scarce:
        raise Conflict(f"接口额度快用完了（{spare.reason}），现在不代发消息：请直接联系对方。{_NOTHING}")
    return through


def _staff(one: Recipient) -> Staff:
    assert one.staff is not None
    return one.staff


def send(given: SendMessage, actor: Actor, origin: Origin) -> str:
    """Done for a confirmed proposal, which was checked again: once to each, with who sent it. Raises InvalidInput, NotFound, Conflict."""
    sender = staff_of(actor)
    if sender is None:
        raise InvalidInput(f"只有登记的人员可以请毕方转告。{_NOTHING}")
    person = person_of(sender, actor.named[0])
    found = read_recipients(given.to, person, _NOTHING)
    demand_pace(sender, len(found))
    text = given.text
    through = [_demand_reachable(one, person) for one in found]
    case_id = _case_of(given.case)
    reports = [document(archive.look(given.period))] if given.period else []
    reports += [incident_report(case_id)] if case_id else []
    file = _file(given, reports)
    for one, among in zip(found, through, strict=True):
        said = _worded(sender, text, reports, is_group=one.group is not None)
        _deliver(one, sender, said, file, among, _mentioned(text, person) if one.group else "")
        detail = {"to": one.key, "text": text, "report": "、".join(each.title for each in reports)}
        subject = f"group:{one.group.pk}" if one.group else f"staff:{_staff(one).pk}"
        keep(actor, f"代发消息给 {plain(one.named, 60)}", subject, detail)
    where = (
        "群里会看到"
        if all(one.group for one in found)
        else "对方会在私聊里看到"
        if not any(one.group for one in found)
        else "群里和私聊里会看到"
    )
    names = "、".join(plain(one.staff.name, 40) if one.staff else one.named for one in found)
    return f"已交给发送：{names}，{where}，写明是您{'发' if reports else '说'}的。"


def _file(given: SendMessage, reports: list[Document]) -> FileToSend | None:
    """The report of a case is a file, as it is where somebody asks for it; of a period where one was asked for."""
    form = given.file or ("markdown" if given.case else "")
    return report_file(reports[-1], form) if form and reports else None


def _worded(sender: Staff, text: str, reports: list[Document], *, is_group: bool) -> str:
    name = plain(sender.name, 40)
    verb = ("发来" if is_group else "把这份报告发给您") if reports else ("转告大家" if is_group else "转告您")
    parts = [f"**{name}** 请毕方{verb}：", quoted(text), *(words_of(each)[1] for each in reports)]
    reply = "" if is_group else f"回复请直接联系 {name}，这里的回复他看不到。"
    return "\n\n".join(filter(None, [*parts, reply]))


def _mentioned(text: str, person: Person) -> str:
    """The staff id of the colleague whom a text for a group mentions: @张三 …; "" for nobody."""
    said = _MENTION.match(text)
    ours = Staff.objects.acting().filter(corp_id__in=written_as(person.corp_id))
    rows = list(ours.filter(name=said["name"]).values_list("staff_id", flat=True)[:2]) if said else []
    return rows[0] if len(rows) == 1 else ""


def _deliver(
    one: Recipient, sender: Staff, said: str, file: FileToSend | None, among: frozenset[int], at: str
) -> None:
    """Raises Conflict, Unreachable."""
    title, key = f"{plain(sender.name, 40)} 请毕方转告", f"message:{sender.pk}:{secrets.token_hex(8)}"
    if one.group is None:
        if not messages.tell(_staff(one), title, said, key=key, among=among, file=file):
            raise Conflict(f"现在联系不到{one.named}。{_NOTHING}")
        return
    address = resolve(_place(one.group), timezone.now())
    outbox.notify(address.config_id, address.target, said, key=key, title=title, at_staff_id=at)
    if file:
        outbox.notify(
            address.config_id, address.target, messages.no_place(file), key=f"{key}:file", file=file
        )


def _place(group: KnownGroup) -> NotificationTarget:
    return NotificationTarget(
        kind=TargetKind.GROUP, config=group.config, conversation_id=group.conversation_id
    )


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    action(
        NAME, "转告同事", "以提问者的名义把一段话，或者日报、周报、月报、事件报告，私聊发给几位同事或值班人，或发到群里。只能发普通消息，不能打电话、发短信、发 DING、发邮件。"
        "只提出，由提问者本人确认后才发送。仅在提问者明确要求时调用，内容用他自己的话。",
        "write", SendMessage, check, act_there=send,
    ),
)  # fmt: skip
