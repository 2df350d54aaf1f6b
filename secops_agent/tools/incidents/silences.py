"""silence_alerts, end_silence: messages about what it covers are held back for a while; alerts stay in every list."""

import math
import re
from typing import Any, Final

from django.utils import timezone

from bifang.channels.text.markup import plain
from bifang.core.errors import InvalidInput
from secops_agent import says
from secops_agent.models import Silence
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import triage
from secops_agent.services.clock import minutes_told, until_told
from secops_agent.services.faults import Conflict
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.coverage import ON, about, coverage, known_value, told_anyway
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.definitions import ToolDefinition, ValidatedAction, action
from secops_agent.tools.incidents.triage import MOST, numbers
from secops_agent.tools.markdown import moment, read_moment

SCOPES: Final = {"资产": "asset", "标签": "tag", "来源": "source", "规则": "rule", "全部": "all"}
_ALERT: Final = re.compile(r"#?A?(\d{1,18})", re.IGNORECASE)
NOBODY: Final = Actor("person", "user:0", "", "agent")
_SHAPE: Final = "静默什么：告警编号（A 加数字），或 资产:名称、标签:名称、来源:名称、规则:名称、规则:名称 @ 资产名称（只停这台资产上的这条规则）"


class SilenceAlerts(Arguments):
    """Arguments of silence_alerts."""

    scope: str = argument(_SHAPE, default="", max_length=300)
    alert_ids: str = argument(
        f"几条告警一起静默时的编号，用英文逗号分隔，最多 {MOST} 条；这时不填 scope",
        default="",
        max_length=1100,
    )
    minutes: int = argument("多少分钟", default=60, minimum=1, maximum=30 * 24 * 60)
    until: str = argument(
        "到什么时候为止，北京时间 YYYY-MM-DD HH:MM；说的是结束的时刻（到明天八点）就写它，不写 minutes",
        default="",
        max_length=40,
    )
    start: str = argument("开始时间，北京时间 YYYY-MM-DD HH:MM；不填从现在起", default="", max_length=40)
    reason: str = argument("原因", default="", max_length=200)


class EndSilence(Arguments):
    """Arguments of end_silence."""

    scope: str = argument(_SHAPE, default="", max_length=300)
    silence_id: int | None = argument("静默的编号", default=None, minimum=1, maximum=2**62)


def read_scope(text: str) -> tuple[str, str]:
    """("alert", "12") for A12, ("asset", "web-01") for 资产:web-01. Raises InvalidInput, NotFound."""
    if match := _ALERT.fullmatch(text.strip()):
        return "alert", str(triage.get(int(match[1])).summary.id)
    word, _, value = text.partition(":") if ":" in text else text.partition("：")
    scope = SCOPES.get(word.strip(), word.strip())
    scope = "rule_on" if scope == "rule" and ON in value else scope
    if scope not in silences.SCOPES or scope == "alert" or not (value.strip() or scope == "all"):
        raise InvalidInput(f"请说明{_SHAPE}。")
    return scope, value.strip()


def check_silence(given: SilenceAlerts, person: Person | None) -> ValidatedAction:
    """Says what it would cover. Raises as `silences.plan`, which decides what this person may silence."""
    if given.alert_ids:
        return _check_several(given, person)
    scope, value = read_scope(given.scope)
    actor = Actor.person(person, "agent") if person else NOBODY  # nothing is done yet, and nothing recorded
    start, minutes = read_moment(given.start), length_of(given)
    planned = silences.plan(scope, value, minutes, actor, start=start)
    word = "" if scope == "alert" else _word_of(scope)
    named = (
        f"告警 A{value}"
        if scope == "alert"
        else word + (f" {plain(planned.value, 100)}" if planned.value else "")
    )
    why = f"，原因：{plain(given.reason, 200)}" if given.reason else ""
    covered = coverage(scope, planned.value)
    covers = plain(str(covered), 300)
    begins = f"，从 {moment(start)} 起" if start else ""
    lasts = _lasts(given, minutes)
    summary = f"静默{named} {lasts}{begins}：这段时间不发送它的消息，只计数，结束时汇总{told_anyway(planned.worst)}{why}。{covers}"
    stored = given.model_dump(exclude_defaults=True, exclude={"minutes"}) | _ends(given)
    return ValidatedAction(stored, summary, covered.assets)


def length_of(given: SilenceAlerts) -> int:
    """Minutes: to the moment that was said, from now or from its start, else as many as were said. Raises InvalidInput."""
    if (end := read_moment(given.until)) is None:
        return given.minutes
    minutes = math.ceil((end - (read_moment(given.start) or timezone.now())).total_seconds() / 60)
    if minutes < 1:
        raise InvalidInput(
            f"静默要到「{plain(given.until, 40)}」，那时还没有开始或已经过去：请写以后的时间。"
        )
    return minutes


def _lasts(given: SilenceAlerts, minutes: int) -> str:
    if given.until:
        return f"到 {plain(given.until, 40)}"
    return minutes_told(minutes) if given.start else until_told(minutes)


def _ends(given: SilenceAlerts) -> dict[str, Any]:
    """A moment stays that moment, whenever it is confirmed."""
    return {"until": given.until} if given.until else {"minutes": given.minutes}


def _check_several(given: SilenceAlerts, person: Person | None) -> ValidatedAction:
    """Of several alerts: those that can be silenced, and why not of each other one. Raises InvalidInput for none."""
    actor = Actor.person(person, "agent") if person else NOBODY
    ids, left, minutes = numbers(None, given.alert_ids), dict[int, str](), length_of(given)
    for pk in ids:
        try:
            silences.plan("alert", str(pk), minutes, actor)
        except InvalidInput as error:
            left[pk] = error.message
    kept = [pk for pk in ids if pk not in left]
    if not kept:
        raise InvalidInput("；".join(left.values()))
    named = "、".join(map(says.code, kept))
    rest = f"。没有列入：{'；'.join(left.values())}" if left else ""
    why = f"，原因：{plain(given.reason, 200)}" if given.reason else ""
    summary = f"静默 {len(kept)} 条告警 {_lasts(given, minutes)}（{named}）：这段时间不发送它们的消息，只计数{why}{rest}"
    stored = {"alert_ids": ",".join(map(str, kept)), **_ends(given)}
    stored |= {"reason": given.reason} if given.reason else {}
    return ValidatedAction(stored, summary)


def silence(given: SilenceAlerts, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    minutes = length_of(given)
    if given.alert_ids:
        rows = [
            silences.silence("alert", str(pk), minutes, actor, given.reason)
            for pk in numbers(None, given.alert_ids)
        ]
        ends = "".join(f"「{says.end_silence(row.value)}」" for row in rows)
        return (
            f"已静默 {len(rows)} 条到 {moment(rows[0].ends_at)}，结束时汇总期间的告警。提前结束请发送{ends}。"
        )
    scope, value = read_scope(given.scope)
    row = silences.silence(scope, value, minutes, actor, given.reason, start=read_moment(given.start))
    covers = plain(str(coverage(scope, row.value)), 300)
    return f"已静默到 {moment(row.ends_at)}，结束时汇总期间的告警{told_anyway(row.worst)}。{covers}。提前结束请发送「{says.end_silence(given.scope)}」。"


def _in_force(given: EndSilence) -> list[Silence]:
    """Those that are meant, begun or not. Raises InvalidInput, NotFound, Conflict."""
    rows = Silence.objects.filter(ends_at__gt=timezone.now()).order_by("pk")
    if given.silence_id:
        found, named = list(rows.filter(pk=given.silence_id)), f"编号为 {given.silence_id} 的静默"
    else:
        scope, value = read_scope(given.scope)
        known = known_value(scope, value)
        found, named = list(rows.filter(about(scope, known))), f"「{plain(given.scope, 100)}」的静默"
    if not found:
        others = "".join(f"「{says.end_silence(_scope_of(row))}」" for row in rows[:3])
        known = f"正在静默的可以取消：{others}。" if others else ""
        raise Conflict(f"现在没有{named}，不用取消。{known}没有执行任何操作。")
    return found


def _scope_of(row: Silence) -> str:
    """As `read_scope` reads it."""
    return says.code(row.value) if row.scope == "alert" else f"{_word_of(row.scope)}:{row.value}"


def _word_of(scope: str) -> str:
    return next(word for word, name in SCOPES.items() if name == scope.removesuffix("_on"))


def check_end(given: EndSilence, person: Person | None) -> ValidatedAction:
    """Says which end, and until when they would have lasted."""
    found = _in_force(given)
    told = "、".join(
        f"{plain(str(row), 100)}（到 {moment(row.ends_at)}，{plain(row.made_by, 40)}）" for row in found
    )
    stored = {"silence_id": given.silence_id} if given.silence_id else {"scope": given.scope}
    return ValidatedAction(stored, f"取消静默：{told}；期间没有发送的马上汇总")


def end(given: EndSilence, actor: Actor) -> str:
    """Done for a confirmed proposal."""
    found = _in_force(given)
    for row in found:
        silences.end(row.pk, actor)
    return f"已取消静默：{'、'.join(plain(str(row), 100) for row in found)}。"


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    action(
        "silence_alerts",
        "静默告警",
        "一段时间内不发送某条告警、某台资产等的消息；告警仍在列表里。只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。",
        "write",
        SilenceAlerts,
        check_silence,
        silence,
    ),
    action(
        "end_silence", "取消静默", "提前结束一条告警、一台资产、一条规则等的静默。只提出，由提问者本人确认后才执行。仅在提问者明确要求时调用。",
        "write", EndSilence, check_end, end,
    ),
)  # fmt: skip
