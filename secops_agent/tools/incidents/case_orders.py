"""Working on cases: each proposes; a person's confirmation does it."""

import re
from typing import Any, Final, Literal

from django.db import transaction
from django.utils import timezone

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models import Alert, CaseTask
from secops_agent.services.actors import Actor
from secops_agent.services.cases import membership, merging, orders, tasks, views
from secops_agent.services.cases.membership import alert_codes
from secops_agent.services.cases.views import CaseSummary, CaseTaskView
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.people.staff import Person
from secops_agent.services.privacy import HIDDEN, NEEDS_ROLE, mask
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.tools.filters import colleague
from secops_agent.tools.incidents.cases import STATUS, state
from secops_agent.tools.markdown import SEVERITY, VERDICT, moment, read_moment

_NUMBER: Final = re.compile(r"\d{1,15}")
_ALERTS: Final = "告警编号，几个之间用逗号"
_TOP: Final = 2**62
_USUAL: Final = "medium"  # the level of a case without alerts, if none is said


class CreateCase(Arguments):
    """Arguments of create_case."""

    alerts: str = argument(f"{_ALERTS}；没有告警的事件不填", default="")
    title: str = argument("标题；不填用第一条告警的标题", default="", max_length=200)
    severity: Literal["critical", "high", "medium", "low", "info"] | None = argument(
        "级别；不填则随最严重的告警", labels=SEVERITY, default=None
    )
    owner: str = argument("负责人：姓名或员工 ID；不填是提问者", default="", max_length=100)


class AddCaseAlerts(Arguments):
    """Arguments of add_case_alerts."""

    case_id: int = argument("事件编号", minimum=1, maximum=_TOP)
    alerts: str = argument(_ALERTS)


class SplitCase(Arguments):
    """Arguments of split_case."""

    case_id: int = argument("事件编号", minimum=1, maximum=_TOP)
    alerts: str = argument(_ALERTS)
    title: str = argument("新事件的标题；不填用第一条告警的标题", default="", max_length=200)


class MergeCases(Arguments):
    """Arguments of merge_cases."""

    case_id: int = argument("要并走的事件编号", minimum=1, maximum=_TOP)
    into_id: int = argument("并入哪个事件", minimum=1, maximum=_TOP)


class AssignCase(Arguments):
    """Arguments of assign_case."""

    case_id: int = argument("事件编号", minimum=1, maximum=_TOP)
    assignee: str = argument("交给谁：姓名或员工 ID；「我」表示提问者", max_length=100)


class CloseCase(Arguments):
    """Arguments of close_case."""

    case_id: int = argument("事件编号", minimum=1, maximum=_TOP)
    verdict: Literal["true_positive", "false_positive", "benign", "duplicate"] | None = argument(
        "结论，必须由提问者明确说出，不要替他判断", labels=VERDICT, default=None
    )
    with_alerts: bool | None = argument("同时以这个结论关闭它的未关闭的告警", default=None)
    note: str = argument("说明", default="", max_length=500)


class AddCaseTask(Arguments):
    """Arguments of add_case_task."""

    case_id: int = argument("事件编号", minimum=1, maximum=_TOP)
    text: str = argument("要做什么", max_length=300)
    assignee: str = argument("谁做：姓名或员工 ID；「我」表示提问者", default="", max_length=100)
    due: str = argument("期限，北京时间 YYYY-MM-DD HH:MM", default="", max_length=40)


class FinishCaseTask(Arguments):
    """Arguments of finish_case_task."""

    case_id: int = argument("事件编号", minimum=1, maximum=_TOP)
    task: str = argument("哪个任务：编号，或任务里的字", default="", max_length=300)
    again: bool | None = argument("已完成的任务恢复为未完成", default=None)


class SetCaseStatus(Arguments):
    """Arguments of set_case_status."""

    case_id: int = argument("事件编号", minimum=1, maximum=_TOP)
    status: Literal["new", "working", "contained"] = argument("改成的状态", labels=STATUS)
    note: str = argument("说明", default="", max_length=500)


class ReopenCase(Arguments):
    """Arguments of reopen_case."""

    case_id: int = argument("已关闭的事件的编号", minimum=1, maximum=_TOP)
    note: str = argument("说明", default="", max_length=500)


class CommentCase(Arguments):
    """Arguments of comment_case."""

    case_id: int = argument("事件编号", minimum=1, maximum=_TOP)
    note: str = argument("备注", max_length=500)


def _case(case_id: int) -> CaseSummary:
    """One that is open. Raises NotFound, Conflict."""
    case = views.summaries([views.read(case_id)])[0]
    if case.is_closed:
        raise Conflict(f"事件 {case.code} {state(case)}，不能这样做。")
    return case


def _named(case: CaseSummary) -> str:
    return f"事件 {case.code}「{plain(case.title, 60)}」"


def _ids(text: str) -> tuple[int, ...]:
    return membership.demand_ids(int(word) for word in _NUMBER.findall(text))


def _alerts(text: str) -> tuple[tuple[int, ...], str]:
    """Their ids and how they are named; alerts that do not exist are told now. Raises InvalidInput, NotFound."""
    ids = _ids(text)
    titles = dict(Alert.objects.filter(pk__in=ids).values_list("pk", "title"))
    if absent := [pk for pk in ids if pk not in titles]:
        raise NotFound(f"没有编号为 {alert_codes(absent)} 的告警。没有执行任何操作。")
    named = "、".join(f"A{pk}「{plain(titles[pk], 40)}」" for pk in ids[:5])
    return ids, named + (f" 等 {len(ids)} 条" if len(ids) > 5 else "")


def _joined(ids: tuple[int, ...]) -> str:
    return ",".join(map(str, ids))


def _kept(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


def check_create(given: CreateCase, person: Person | None) -> ValidatedAction:
    """What is in an open case already is told before; without alerts it has to have a title."""
    if not given.alerts and not given.title.strip():
        raise InvalidInput("请写新事件的标题，或归入哪几条告警（编号）。没有执行任何操作。")
    told = ""
    if given.alerts:
        ids, named = _alerts(given.alerts)
        held = {pk: ref for pk, ref in views.cases_of(ids).items() if not ref.is_closed}
        if len(held) == len(ids):
            where = "、".join(f"A{pk} 在 {ref.code}" for pk, ref in held.items())
            raise Conflict(f"这些告警都已属于进行中的事件（{where}）。没有执行任何操作。")
        told = f"：{named}" + (f"；{alert_codes(held)} 已在别的事件里，不会移动" if held else "")
    owner = colleague(given.owner, person) if given.owner else None
    level = given.severity or ("" if given.alerts else _USUAL)
    more = (f"级别 {SEVERITY[level]}" if level else "", f"负责人 {plain(owner.name, 40)}" if owner else "")
    title = f"「{plain(given.title, 80)}」" if given.title else ""
    told += "".join(f"，{one}" for one in more if one) + ("" if given.alerts else "；还没有告警")
    alerts = _joined(_ids(given.alerts)) if given.alerts else ""
    stored = _kept(alerts=alerts, title=given.title, severity=level, owner=owner.staff_id if owner else "")
    return ValidatedAction(stored, f"新建事件{title}{told}")


def create(given: CreateCase, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    with transaction.atomic():
        if given.alerts:
            done = orders.create(_ids(given.alerts), actor, given.title, given.severity or "")
            case, text = done.case.id, done.text
        else:
            made = orders.open_empty(given.title, given.severity or _USUAL, actor)
            case, text = made.id, f"{made.code}「{made.title}」。"
        if given.owner:
            orders.assign(case, colleague(given.owner, actor), actor)
    return f"已新建事件。{plain(text, 300)}可以说「{says.progress(case)}」。"


def check_add(given: AddCaseAlerts, person: Person | None) -> ValidatedAction:
    """The case must be open."""
    (ids, named), case = _alerts(given.alerts), _case(given.case_id)
    return ValidatedAction(_kept(case_id=case.id, alerts=_joined(ids)), f"把 {named} 归入{_named(case)}")


def add(given: AddCaseAlerts, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    return plain(membership.collect(given.case_id, _ids(given.alerts), actor).text, 500)


def check_split(given: SplitCase, person: Person | None) -> ValidatedAction:
    """The alerts must be in the case, and one stays."""
    (ids, named), case = _alerts(given.alerts), _case(given.case_id)
    if absent := [pk for pk in ids if pk not in _ids_of(case.id)]:
        raise Conflict(f"{alert_codes(absent)} 不在 {case.code} 里。没有执行任何操作。")
    stored = _kept(case_id=case.id, alerts=_joined(ids), title=given.title)
    return ValidatedAction(stored, f"把 {named} 从{_named(case)}拆成新事件")


def _ids_of(case_id: int) -> set[int]:
    """The alerts of a case."""
    return set(Alert.objects.filter(case_id=case_id).values_list("pk", flat=True))


def split(given: SplitCase, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    ids = _ids(given.alerts)
    title = given.title or Alert.objects.values_list("title", flat=True).get(pk=ids[0])
    new = merging.split(given.case_id, ids, actor, title)
    return f"已把 {alert_codes(ids)} 从 E{given.case_id} 拆成 {new.code}「{plain(new.title, 60)}」。"


def check_merge(given: MergeCases, person: Person | None) -> ValidatedAction:
    """Both must be open, and two."""
    if given.case_id == given.into_id:
        raise InvalidInput("不能把事件并入它自己。没有执行任何操作。")
    case, into = _case(given.case_id), _case(given.into_id)
    told = f"把{_named(case)}（{case.alerts} 条告警，{case.tasks} 个任务）并入{_named(into)}"
    return ValidatedAction({"case_id": case.id, "into_id": into.id}, told)


def merge(given: MergeCases, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    into = merging.merge(given.case_id, given.into_id, actor)
    return f"已把 E{given.case_id} 并入 {into.code}「{plain(into.title, 60)}」，需要时可以在事件页拆出。"


def check_assign(given: AssignCase, person: Person | None) -> ValidatedAction:
    """The colleague must be one person of the staff; what goes along is said."""
    case, staff = _case(given.case_id), colleague(given.assignee, person)
    left = CaseTask.objects.filter(case_id=case.id, assignee_id=case.owner_id, done_at=None)
    number = left.count() if case.owner_id not in (None, staff.pk) else 0
    along = f"，连同 {plain(case.owner, 40)} 未完成的 {number} 个任务" if number else ""
    name = plain(staff.name, 40)
    alerts = orders.told_along(orders.open_alerts(case.id), f" {name}", owner=staff.pk)
    arguments = {"case_id": case.id, "assignee": staff.staff_id}
    return ValidatedAction(
        arguments, "。".join(filter(None, [f"把{_named(case)}交给 {name}{along}", alerts]))
    )


def assign(given: AssignCase, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    case = orders.assign(given.case_id, colleague(given.assignee, actor), actor)
    name = plain(case.owner, 40)
    return f"已把{_named(case)}交给 {name}。{orders.told_along(orders.open_alerts(case.id), f' {name}', owner=case.owner_id)}"


def check_close(given: CloseCase, person: Person | None) -> ValidatedAction:
    """A verdict comes from a person; what happens to the open alerts is said with their number."""
    case = _case(given.case_id)
    if given.verdict is None:
        known = "、".join(VERDICT.values())
        raise InvalidInput(
            f"关闭事件要写明结论（{known}），例如「{says.close_case(case.id, VERDICT['true_positive'])}」。没有执行任何操作。"
        )
    verdict = VERDICT[given.verdict]
    stored = _kept(
        case_id=case.id, verdict=given.verdict, with_alerts=given.with_alerts or None, note=given.note
    )
    note = f"，说明：{plain(given.note, 500)}" if given.note else ""
    left = f"；还有 {case.open_tasks} 个任务没有完成" if case.open_tasks else ""
    return ValidatedAction(
        stored, f"关闭{_named(case)}，结论：{verdict}{note}{_alerts_told(case, given, verdict)}{left}"
    )


def _alerts_told(case: CaseSummary, given: CloseCase, verdict: str) -> str:
    if not case.open_alerts:
        return ""
    if given.with_alerts:
        return f"；同时以「{verdict}」关闭它的 {case.open_alerts} 条未关闭的告警"
    how = f"要一起关闭请说「{says.close_case(case.id, verdict, with_alerts=True)}」"
    return f"；它的 {case.open_alerts} 条未关闭的告警保持原样（{how}）"


def close(given: CloseCase, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    done = orders.close(
        given.case_id, given.verdict or "", actor, given.note, with_alerts=bool(given.with_alerts)
    )
    together = f"，一起关闭了 {done.alerts} 条告警" if given.with_alerts else ""
    refused = f"；没有关闭的：{plain('；'.join(done.refused), 300)}" if done.refused else ""
    return f"已关闭{_named(done.case)}，结论：{VERDICT[done.case.verdict]}{together}{refused}。"


def check_task(given: AddCaseTask, person: Person | None) -> ValidatedAction:
    """The case must be open, whoever does it a colleague, the end ahead."""
    case, staff = _case(given.case_id), colleague(given.assignee, person) if given.assignee else None
    due = read_moment(given.due)
    if due and due <= timezone.now():
        raise InvalidInput(f"期限 {given.due} 已经过了：请写以后的时间。没有执行任何操作。")
    more = (f"执行人 {plain(staff.name, 40)}" if staff else "", f"期限 {moment(due)}" if due else "")
    stored = _kept(case_id=case.id, text=given.text, assignee=staff.staff_id if staff else "", due=given.due)
    told = "".join(f"，{one}" for one in more if one)
    return ValidatedAction(stored, f"给{_named(case)}加任务：{plain(given.text, 300)}{told}")


def add_task(given: AddCaseTask, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    staff = colleague(given.assignee, actor) if given.assignee else None
    tasks.add(given.case_id, given.text, actor, staff, read_moment(given.due))
    return f"已给 E{given.case_id} 加任务：{plain(given.text, 300)}。"


def _task(case: CaseSummary, said: str, *, done: bool) -> CaseTaskView:
    """The one task that is meant: by number, by the most of its words, or the only one. Raises NotFound, InvalidInput."""
    state = "已完成" if done else "未完成"
    found = [one for one in views.task_views(case.id) if bool(one.done_at) == done]
    if not found:
        raise NotFound(f"{case.code} 没有{state}的任务。没有执行任何操作。")
    if numbered := [one for one in found if str(one.id) == said.strip()]:
        return numbered[0]
    pairs = {said[i : i + 2].lower() for i in range(len(said) - 1)} - {"任务"}
    alike = {one.id: sum(pair in one.text.lower() for pair in pairs) for one in found}
    best = [one for one in found if alike[one.id] == max(alike.values())]
    only = len(found) == 1 and not said.strip().isdigit()  # its effect is shown before it is done
    if len(best) > 1 or (said.strip() and not alike[best[0].id] and not only):
        listed = "；".join(
            f"{_shown(case, one)}（「{says.finish_task(case.id, one.id)}」）" for one in found[:5]
        )
        raise InvalidInput(f"{case.code} {state}的任务：{listed}。请写明是哪一个。没有执行任何操作。")
    return best[0]


def _shown(case: CaseSummary, task: CaseTaskView) -> str:
    """Its text, without accounts and addresses of people: a group may read it."""
    public = mask(task.text, views.private_values([case.id]), NEEDS_ROLE)
    return plain(public.replace(HIDDEN, "…"), 300)


def check_finish(given: FinishCaseTask, person: Person | None) -> ValidatedAction:
    """Which task it is, by its whole text. Raises NotFound, InvalidInput, Conflict."""
    case = _case(given.case_id)
    task = _task(case, given.task, done=bool(given.again))
    whose = f"（{plain(task.assignee, 40)}）" if task.assignee else ""
    told = f"把{_named(case)}的任务「{_shown(case, task)}」{whose}标为{'未完成' if given.again else '完成'}"
    return ValidatedAction(_kept(case_id=case.id, task=str(task.id), again=given.again), told)


def finish(given: FinishCaseTask, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    turn = tasks.resume if given.again else tasks.finish
    turn(given.case_id, int(given.task), actor)
    return f"E{given.case_id} 的任务已标为{'未完成' if given.again else '完成'}。"


def check_status(given: SetCaseStatus, person: Person | None) -> ValidatedAction:
    """Another one than it has; closed is none of them. Raises Conflict."""
    case = _case(given.case_id)
    if case.status == given.status:
        raise Conflict(f"事件 {case.code} 已经是「{STATUS[case.status]}」。没有执行任何操作。")
    note = f"，说明：{plain(given.note, 500)}" if given.note else ""
    told = f"把{_named(case)}从「{STATUS[case.status]}」改为「{STATUS[given.status]}」{note}"
    return ValidatedAction(_kept(case_id=case.id, status=given.status, note=given.note), told)


def set_status(given: SetCaseStatus, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    case = orders.advance(given.case_id, given.status, actor, given.note)
    return f"{_named(case)}现在是「{STATUS[case.status]}」。"


def check_reopen(given: ReopenCase, person: Person | None) -> ValidatedAction:
    """Only one that is closed. Raises NotFound, Conflict."""
    case = views.summaries([views.read(given.case_id)])[0]
    if not case.is_closed:
        raise Conflict(f"事件 {case.code} 没有关闭，不用重新打开。没有执行任何操作。")
    note = f"，说明：{plain(given.note, 500)}" if given.note else ""
    told = f"重新打开{_named(case)}：撤回结论，回到「{STATUS['working']}」，告警保持原样{note}"
    return ValidatedAction(_kept(case_id=case.id, note=given.note), told)


def reopen(given: ReopenCase, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    return f"已重新打开{_named(orders.reopen(given.case_id, actor, given.note))}。"


def check_comment(given: CommentCase, person: Person | None) -> ValidatedAction:
    """A closed case takes notes, too."""
    case = views.summaries([views.read(given.case_id)])[0]
    return ValidatedAction(
        {"case_id": case.id, "note": given.note}, f"给{_named(case)}写备注：{plain(given.note, 500)}"
    )


def comment(given: CommentCase, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    orders.comment(given.case_id, actor, given.note)
    return f"已写进 E{given.case_id} 的时间线。"


_PROPOSES: Final = "只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。"


def _order(name: str, title: str, told: str, *what: Any) -> ToolDefinition:
    return action(name, title, f"{told}{_PROPOSES}", "write", *what)


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    _order(
        "create_case",
        "新建事件",
        "把几条告警并成一个事件，或新建一个还没有告警的。",
        CreateCase,
        check_create,
        create,
    ),
    _order("add_case_alerts", "归入事件", "把告警归入一个进行中的事件。", AddCaseAlerts, check_add, add),
    _order("split_case", "拆分事件", "把事件里的几条告警拆成新事件。", SplitCase, check_split, split),
    _order("merge_cases", "合并事件", "把一个事件并入另一个。", MergeCases, check_merge, merge),
    _order("assign_case", "交接事件", "把一个事件交给一位同事。", AssignCase, check_assign, assign),
    _order(
        "close_case", "关闭事件", "关闭一个事件并给出结论；结论由提问者说出。", CloseCase, check_close, close
    ),
    _order("reopen_case", "重新打开事件", "撤回一个事件的结论。", ReopenCase, check_reopen, reopen),
    _order(
        "set_case_status", "改事件状态", "新建、处理中、已控制之间。", SetCaseStatus, check_status, set_status
    ),
    _order("add_case_task", "添加任务", "给一个事件加任务。", AddCaseTask, check_task, add_task),
    _order(
        "finish_case_task", "完成任务", "把事件的一个任务标为完成。", FinishCaseTask, check_finish, finish
    ),
    _order("comment_case", "添加备注", "在一个事件的时间线里写备注。", CommentCase, check_comment, comment),
)
