"""who_is_on_call: people by schedule, now or in any span of time. swap_shift: asks a colleague to swap. cover_shift: sets somebody
in the place of another."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal

from django.utils import timezone

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models import OnCallSchedule, Staff
from secops_agent.services.actors import Actor
from secops_agent.services.alerts.timeline import QUIET, under_way
from secops_agent.services.on_call import overrides, swaps
from secops_agent.services.on_call.schedules import enabled_schedules, find_schedule
from secops_agent.services.on_call.shifts import Shift, moment, shifts
from secops_agent.services.on_call.spans import HELP, read_days, read_span
from secops_agent.services.people.eligibility import listed
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, ValidatedAction, action, reading
from secops_agent.tools.filters import colleague, told
from secops_agent.tools.markdown import foot

_MOST_SHIFTS: Final = 20
_AHEAD: Final = timedelta(days=30)
_AROUND: Final = timedelta(days=31)


class WhoIsOnCall(Arguments):
    """Arguments of who_is_on_call."""

    schedule: str = argument("值班表的名称；只有一张或全部都要时不填", default="")
    at: str = argument(
        "什么时候，用提问里的词：今天、今晚、下周、本月、周三、11月27日；现在则不填", default=""
    )
    person: str = argument("只看这个人的班：姓名或员工 ID；我。不写时间就是今后 30 天", default="")
    about: Literal["", "calling"] = argument("calling：只问现在在叫谁、下一个会叫谁", default="")


def who_is_on_call(asker: Asker, given: WhoIsOnCall) -> ToolResult:
    """Who it is at that moment, or every shift of that span; gaps are told as such."""
    person = colleague(given.person, asker.person) if given.person else None
    start, end = read_span(given.at, asker.now)
    if person and not given.at:
        end = start + _AHEAD
    schedules = (
        [find_schedule(given.schedule)] if given.schedule else enabled_schedules() or [find_schedule("")]
    )
    query = told(
        值班表=plain(given.schedule, 60),
        人员=person.name if person else "",
        时间=plain(given.at, 40) or ("今后 30 天" if person else "现在"),
    )
    lines = [*_under_way(), ""] if given.about else list[str]()
    names: list[str] = []
    for schedule in schedules:
        every = shifts(schedule, start - _AROUND, end + _AROUND)  # whole: nobody's duty ends at midnight
        found = [shift for shift in every if shift.start < end and start < shift.end]
        after = [shift for shift in every if shift.staff and shift.start >= found[-1].end]
        instead = found if person and given.at else []
        found = [shift for shift in found if not person or shift.staff == person]
        names += [shift.staff.name for shift in found if shift.staff]
        lines += [
            f"**{plain(schedule.name, 60)}**",
            *(_told(found) or ["- 没有班", *_instead(instead, person)]),
        ]
        lines += [f"- 下一位：{_who(after[0])}　{moment(after[0].start)} 起"] if after and not person else []
        lines.append("")
    known = list(dict.fromkeys(names))
    text = "\n".join([*lines[:-1], *foot(query)])
    return ToolResult("ok" if known or not person else "no_data", query, text, known, fields=tuple(known))


def _instead(found: Sequence[Shift], person: Staff | None) -> list[str]:
    """Who has the duty that was asked for somebody else."""
    return [f"不是{plain(person.name, 40)}，那段时间是：", *_told(found)] if person and found else []


def _under_way() -> list[str]:
    found = under_way()
    said = [f"- {says.code(pk)}：{plain(line, 200)}" for pk, line in found]
    return ["**正在叫的和下一个会叫的**", *said] if said else [f"**{QUIET}。**"]


def _told(found: Sequence[Shift]) -> list[str]:
    lines = [
        f"- {_who(shift)}　{moment(shift.start)} 至 {moment(shift.end)}" for shift in found[:_MOST_SHIFTS]
    ]
    rest = len(found) - _MOST_SHIFTS
    return [*lines, f"- 还有 {rest} 班没有列出，请缩短时间。"] if rest > 0 else lines


def _who(shift: Shift) -> str:
    if shift.staff is None:
        return "不排班" if shift.origin == "off" else f"⚠️ **{shift.who}**"
    return f"**{plain(shift.staff.name, 40)}**" + (f"（{shift.instead}）" if shift.instead else "")


class SwapShift(Arguments):
    """Arguments of swap_shift."""

    colleague: str = argument("和谁换：姓名或员工 ID", max_length=100)
    when: str = argument(f"换哪一天，几天用「和」连接。{HELP}", default="", max_length=100)
    schedule: str = argument("值班表的名称；只有一张时不填", default="", max_length=100)


def check_swap(given: SwapShift, person: Person | None) -> ValidatedAction:
    """Whose duty on which days goes to whom. The second time, the days are dates."""
    if not given.when:
        raise InvalidInput(f"请说明换哪一天，例如「{'」「'.join(map(str, says.SWAPS))}」。没有执行任何操作。")
    days = read_days(given.when, timezone.localtime())
    other = colleague(given.colleague, person)
    stored = {"colleague": other.staff_id, "when": "、".join(day.isoformat() for day in days)}
    if person is None:
        return ValidatedAction(stored | _named(given.schedule), f"和{plain(other.name, 40)}换班")
    me = _staff(person.corp_id, person.staff_id)
    schedule, pieces = swaps.plan(given.schedule, me, other, days)
    summary = (
        f"请{plain(other.name, 40)}换班（{plain(schedule.name, 60)}），对方接受以后：\n\n{swaps.told(pieces)}"
    )
    if other_reading := swaps.one_sided(schedule, me, pieces):
        summary += f"\n\n{other_reading}"
    return ValidatedAction(stored | _named(schedule.name), summary)


def _named(schedule: str) -> dict[str, str]:
    return {"schedule": schedule} if schedule else {}


def _staff(corp_id: str, staff_id: str) -> Staff:
    if (row := listed(corp_id, staff_id)) is None:
        raise InvalidInput("您不在人员名单中，不能换班：请管理员登记。")
    return row


def swap(given: SwapShift, actor: Actor) -> str:
    """Asks, for a confirmed proposal; the other one decides."""
    other = colleague(given.colleague, actor)
    days = read_days(given.when, timezone.localtime())
    made = swaps.ask(given.schedule, _staff(*actor.named), other, days, actor.via)
    until = timezone.localtime(made.expires_at)
    return (
        f"已请{plain(other.name, 40)}答复换班 {made.code}（到 {until:%m-%d %H:%M}），班次暂时不变。"
        f"要撤回请回复「{says.decline_swap(made.code)}」。"
    )


class CoverShift(Arguments):
    """Arguments of cover_shift."""

    person: str = argument("由谁值班：姓名或员工 ID", max_length=100)
    when: str = argument(f"哪一天的班，几天用「和」连接。{HELP}", max_length=100)
    relieved: str = argument(
        "换下谁：姓名或员工 ID；只换他那几天的班。没有说就不填，是那几天的全部班", default="", max_length=100
    )
    both: bool = argument("两个人对调：person 那几天的班也给 relieved", default=False)
    part: Literal["", "day", "night"] = argument("只换白班 day、夜班 night；没有说就不填", default="")
    schedule: str = argument("值班表的名称；只有一张时不填", default="", max_length=100)


def _cover(
    given: CoverShift, who: Person | Actor | None
) -> tuple[Staff, Staff | None, OnCallSchedule, list[swaps.Piece]]:
    """Who comes, who is relieved if that was said, and which shifts of which rota become whose. Raises InvalidInput."""
    days = read_days(given.when, timezone.localtime())
    staff = colleague(given.person, who)
    relieved = colleague(given.relieved, who) if given.relieved else None
    if relieved and given.both:
        return staff, relieved, *swaps.plan(given.schedule, staff, relieved, days)
    return staff, relieved, *overrides.plan(given.schedule, staff, days, relieved, given.part)


def check_cover(given: CoverShift, person: Person | None) -> ValidatedAction:
    """Whose shifts on which days become whose. The second time, the days are dates, and who alone had them is who is relieved."""
    staff, relieved, schedule, pieces = _cover(given, person)
    had = {each.holder for each in pieces}
    relieved = relieved or (had.pop() if len(had) == 1 else None)
    days = read_days(given.when, timezone.localtime())
    stored = given.model_dump() | {
        "person": staff.staff_id, "relieved": relieved.staff_id if relieved else "",
        "when": "、".join(day.isoformat() for day in days), "schedule": schedule.name, "both": bool(given.both and given.relieved),
    }  # fmt: skip
    summary = f"临时换人（{plain(schedule.name, 60)}），不用谁答应，换上的和换下的都会收到私聊：\n\n{overrides.told(pieces)}"
    if given.both and len({each.to for each in pieces}) == 1:
        to = plain(pieces[0].to.name, 40)
        summary += f"\n\n这些时间没有{to}的班，只换一个方向。要换回，请把{to}值班的那一天也写上。"
    return ValidatedAction({key: value for key, value in stored.items() if value}, summary)


def cover(given: CoverShift, actor: Actor) -> str:
    """Does it, for a confirmed proposal."""
    _, _, schedule, pieces = _cover(given, actor)
    told = overrides.told(pieces)
    who_knows = overrides.cover(schedule, pieces, actor)
    return f"已临时换人（{plain(schedule.name, 60)}）：\n\n{told}\n\n{who_knows}要取消，在「值班」页的「临时换人」里点「取消」。"


def own_swap(given: CoverShift, person: Person) -> tuple[str, Mapping[str, str]] | None:
    """What somebody may ask a colleague for instead, where they give a shift of their own or take one; None else."""
    me, staff = colleague("我", person), colleague(given.person, person)
    had = {colleague(given.relieved, person)} if given.relieved else _holders(given, staff)
    if len(had) != 1 or me not in {staff, *had} or {staff} == had:
        return None
    other = had.pop() if staff == me else staff
    return "swap_shift", {"colleague": other.staff_id, "when": given.when} | _named(given.schedule)


def _holders(given: CoverShift, staff: Staff) -> set[Staff]:
    days = read_days(given.when, timezone.localtime())
    _, pieces = overrides.plan(given.schedule, staff, days, part=given.part)
    return {each.holder for each in pieces if each.holder}


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "who_is_on_call",
        "查询值班",
        "谁在值班：现在、某一天、某一周；或一个人哪天值班。没有人值班的时间会标出来。",
        WhoIsOnCall,
        who_is_on_call,
    ),
    action(
        "swap_shift",
        "换班",
        "请一位同事和提问者换班，对方接受以后才生效。只提出，由提问者本人确认后才去问对方。仅在提问者明确要求时调用。",
        "write",
        SwapShift,
        check_swap,
        swap,
    ),
    action(
        "cover_shift",
        "临时换人",
        "某几天的班由另一个人值：不问任何人，提问者本人确认后立即生效。是提问者自己和同事换，用 swap_shift。仅在提问者明确要求时调用。",
        "write",
        CoverShift,
        check_cover,
        cover,
        instead=own_swap,
    ),
)
