"""What people do on the pages of alerts: every button and key posts here, and reads what came of it on the next page."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Final

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from bifang.channels.text.visible import visible
from bifang.core.errors import BifangError, InvalidInput
from secops_agent import says
from secops_agent.admin.inventory import actor_of
from secops_agent.models import Alert, Role, Staff
from secops_agent.models.choices import AlertStatus
from secops_agent.services import links
from secops_agent.services.actors import Actor
from secops_agent.services.alerts import batches, saved_views, triage
from secops_agent.services.alerts.batches import BatchOutcome, Doer, TriageAct
from secops_agent.services.clock import clock, span
from secops_agent.services.decisions.carriers import stopped_now
from secops_agent.services.decisions.direct_requests import request_directly
from secops_agent.services.decisions.ledger.entries import first_named
from secops_agent.services.investigations import feedback, work
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.coverage import lately, told_anyway
from secops_agent.services.operations import queues
from secops_agent.services.people.eligibility import demand_account
from secops_agent.services.people.staff import Person
from secops_agent.services.sla import RiskClock
from secops_agent.services.switches import refuse_when_read_only
from secops_agent.tools.arguments import parse
from secops_agent.tools.registry import BY_NAME
from secops_agent.web.access import page
from secops_agent.web.listing import number
from secops_agent.web.send_again import place_before
from secops_agent.web.triage import alert_query
from secops_agent.web.triage.alert_query import QueueQuery
from secops_agent.web.triage.alerts import ACT, SEE

ON: Final = frozenset({"acknowledge", "assign", "close"})  # after these one goes on to the next alert
SILENCE: Final = "secops_agent.add_silence"
ALONE: Final = frozenset({"comment", "investigate", "useful", "useless"})  # of one alert, and nothing to undo


@dataclass(frozen=True, slots=True)
class Posted:
    """``query``: the list that one works through; ``here``: the alert whose page one is on, 0 for the list."""

    query: QueueQuery
    here: int

    def back(self) -> HttpResponse:
        """To where one was. Only ever a page of ours: it is built from checked parts."""
        if self.here:
            return redirect(self._alert(self.here))
        return redirect(f"{reverse('web:alerts')}?{self._list()}")

    def _list(self) -> str:
        page = self.query.page
        return f"{self.query.text}&page={page}" if page > 1 else self.query.text

    def _alert(self, pk: int) -> str:
        return f"{links.alert(pk)}?{self.query.text}" if self.query.is_given else links.alert(pk)

    def on(self, following: int | None) -> HttpResponse:
        """To the next alert of the list; to the list, when there is none."""
        if following is None:
            return redirect(f"{reverse('web:alerts')}?{self.query.text}")
        return redirect(self._alert(following))


AdminAction = Callable[[HttpRequest, Posted], HttpResponse]


def posting(*permissions: str) -> Callable[[AdminAction], Callable[[HttpRequest], HttpResponse]]:
    """A POST of those who have these permissions; what is refused is told where one was."""

    def guarded(deed: AdminAction) -> Callable[[HttpRequest], HttpResponse]:
        @require_POST
        @page(*permissions)
        @wraps(deed)
        def done(request: HttpRequest) -> HttpResponse:
            posted = Posted(
                alert_query.read_text(request.POST.get("list", "")), number(request.POST.get("here", ""))
            )
            try:
                return deed(request, posted)
            except BifangError as error:
                messages.error(request, error.message)
                return posted.back()

        return done  # type: ignore[return-value]  # `page` keeps what it guards

    return guarded


@posting(ACT)
def act(request: HttpRequest, posted: Posted) -> HttpResponse:
    """POST ``act`` (a close with its verdict: "close:benign"), ``note``, ``person``, and which: ``one``; ``ids``; or
    ``all`` that match ``list`` and are not newer than ``mark``."""
    name, _, verdict = request.POST.get("act", "").partition(":")
    note = next((text for each in request.POST.getlist("note") if (text := each.strip())), "")[
        : batches.LONGEST_NOTE
    ]
    chosen = _chosen(request, posted)
    if name in ALONE:
        return _alone(request, posted, name, chosen, note)
    following = _following(request, posted, name)
    wanted = TriageAct(name, note, verdict, _person(request) if name == "assign" else None)
    if len(chosen) > 1 and name == "close" and not note:
        raise InvalidInput("请写明原因：它会写进每一条的变更历史。")
    if name == "close" and request.POST.get("spare"):
        chosen = _spared(chosen)
    outcome = batches.carry_out(wanted, chosen, actor_of(request), batches.Doer(user_id=request.user.pk or 0))
    _tell(request, outcome, wanted)
    return following() if outcome.done else posted.back()


def _chosen(request: HttpRequest, posted: Posted) -> Sequence[int]:
    """Raises InvalidInput for none, or too many."""
    if given := request.POST.get("one", ""):
        if not (one := number(given)):
            raise InvalidInput("没有这个编号的告警。")
        return [one]
    if request.POST.get("all"):
        clock, mark = RiskClock(timezone.now()), number(request.POST.get("mark", ""))
        queue = queues.settle(posted.query.queue(request.user, clock.now), clock)
        rows = queues.ordered(queue, clock).filter(pk__lte=mark).values_list("pk", flat=True)
        chosen = list(rows[: batches.MOST + 1])
    else:
        chosen = [pk for each in request.POST.getlist("ids") if (pk := number(each))]
    if len(chosen) > batches.MOST:
        raise InvalidInput(f"一次最多处理 {batches.MOST} 条：请先用条件缩小范围。")
    if not chosen:
        raise InvalidInput("没有选中任何一条告警。")
    return chosen


def _spared(chosen: Sequence[int]) -> Sequence[int]:
    """Without those of open cases. Raises InvalidInput for none."""
    of_cases = {pk for pks in batches.in_open_cases(chosen).values() for pk in pks}
    if of_cases.issuperset(chosen):
        raise InvalidInput("选中的告警都属于进行中的事件，没有关闭。")
    return [pk for pk in chosen if pk not in of_cases]


def _following(request: HttpRequest, posted: Posted, name: str) -> Callable[[], HttpResponse]:
    """Where one goes when it is done, looked up while the alert still stands in its list."""
    if not posted.here or name not in ON or not posted.query.is_given:
        return posted.back
    clock = RiskClock(timezone.now())
    queue = queues.settle(posted.query.queue(request.user, clock.now), clock)
    before, after = queues.neighbours(queue, posted.here, clock)
    return lambda: posted.on(after or before)


def _person(request: HttpRequest) -> Staff | None:
    """ "me", or somebody by number."""
    given = request.POST.get("person", "")
    if given != "me":
        return Staff.objects.filter(pk=number(given), active=True).first()
    return demand_account(request.user.pk)


def _alone(request: HttpRequest, posted: Posted, name: str, chosen: Sequence[int], note: str) -> HttpResponse:
    refuse_when_read_only()
    for pk in chosen[:1]:
        if name == "comment":
            triage.comment(pk, actor_of(request), note)
            messages.success(request, f"已给 A{pk} 添加备注。")
        elif name == "investigate":
            work.investigate(pk, second_look=True)
            messages.success(request, f"已调查 A{pk}。")
        else:
            feedback.give(pk, actor_of(request), useful=name == "useful", reason=note)
            messages.success(request, f"已记下您对 A{pk} 的调查的评价。")
    return posted.back()


def _tell(request: HttpRequest, outcome: BatchOutcome, wanted: TriageAct) -> None:
    """What was done stands with its 撤销 on the page itself; here only what was not."""
    label = wanted.label
    for reason, count in outcome.refused.items():
        what = f"没有{label}" if not outcome.done else f"{count} 条没有{label}"
        messages.warning(request, f"{what}：{reason}")


@posting(ACT)
def cases(request: HttpRequest, posted: Posted) -> HttpResponse:
    """POST which, as to `act`: whose these are, and which are of open cases (``closes=0``: they are not closed), for the dialog
    that asks for the verdict, or for whom. X-Spares: how many can be left out."""
    chosen = _chosen(request, posted)
    others = _in_hands(request, chosen)
    found = batches.in_open_cases(chosen) if request.GET.get("closes") != "0" else {}
    told = [f"其中 {others} 正在处理。"] if others else []
    told += (
        [f"其中属于进行中的事件的：{batches.told_of_cases(found)}。关闭告警，事件仍然开着。"] if found else []
    )
    number_of_cases = sum(map(len, found.values()))
    left_out = {"X-Spares": str(number_of_cases)} if 0 < number_of_cases < len(chosen) else {}
    return HttpResponse("".join(told), headers=left_out)


def _in_hands(request: HttpRequest, alerts: Sequence[int]) -> str:
    """李四 4 条、赵六 5 条: whose these alerts are that are not closed, without one's own."""
    rows = Alert.objects.filter(pk__in=alerts, assignee__isnull=False).exclude(status=AlertStatus.CLOSED)
    counted = rows.exclude(assignee__user=request.user.pk).order_by().values_list("assignee__name")
    found = counted.annotate(number=Count("pk")).order_by("-number", "assignee__name")
    return "、".join(f"{visible(name)} {count} 条" for name, count in found)


@posting(ACT)
def undo(request: HttpRequest, posted: Posted) -> HttpResponse:
    """POST ``batch``: take back what this person just did, as far as nobody has touched it since."""
    outcome = batches.undo(
        number(request.POST.get("batch", "")), actor_of(request), Doer(user_id=request.user.pk or 0)
    )
    if outcome.done:
        some = "、".join(f"A{pk}" for pk in outcome.done[:3]) + (" 等" if len(outcome.done) > 3 else "")
        messages.success(request, f"已撤销：{some} 共 {len(outcome.done)} 条恢复原样。")
    for reason, count in outcome.refused.items():
        messages.warning(request, f"{count} 条没有撤销：{reason}")
    return posted.back()


# What is ordered from the page of an alert and done elsewhere: silences, and proposals that another person approves.

TOOLS = {"block_ip": ("ip", "duration_minutes", "reason"), "isolate_host": ("asset", "reason")}


@posting(ACT, SILENCE)
def silence(request: HttpRequest, posted: Posted) -> HttpResponse:
    """POST ``scope`` (alert, rule, asset), ``minutes``, or the end of it there or in ``until`` (a time of the zone of the page),
    ``reason``."""
    scope, row = request.POST.get("scope", "alert"), Alert.objects.filter(pk=posted.here).first()
    if row is None or scope not in ("alert", "rule", "asset"):
        raise InvalidInput("请选择静默什么，多少分钟。")
    _silence(request, scope, _value(row, scope))
    return posted.back()


@require_POST
@page(ACT, SILENCE, back=place_before)
def silence_rule(request: HttpRequest) -> HttpResponse:
    """POST ``rule``, ``minutes`` or the end of it there, ``reason``; or ``end``, a silence that is over now. From a list of
    rules, to which it goes back: ``next``."""
    if ended := number(request.POST.get("end", "")):
        silences.end(ended, actor_of(request))
        messages.success(request, "已结束静默；留存的消息汇总成一条发出。")
    else:
        _silence(request, "rule", request.POST.get("rule", ""))
    return redirect(place_before(request))


def _silence(request: HttpRequest, scope: str, value: str) -> None:
    """Makes it, and tells until when and how many alerts it would have covered. Raises as `silences.silence`."""
    minutes = _minutes(request)
    if not (minutes.isascii() and minutes.isdecimal() and len(minutes) < 6):
        raise InvalidInput("请选择静默什么，多少分钟。")
    reason = request.POST.get("reason", "")
    made = silences.silence(scope, value, int(minutes), actor_of(request), reason)
    length = timedelta(minutes=int(minutes))
    past = lately(made.scope, made.value, length)
    messages.success(
        request,
        f"已静默「{made}」到 {clock(made.ends_at)}，期间的消息只计数，不发送{told_anyway(made.worst)}。过去 {span(length)}里发生过这样的告警 {past} 条。",
    )


def _minutes(request: HttpRequest) -> str:
    try:
        until = parse_datetime(request.POST.get("until") or request.POST.get("minutes", ""))
    except ValueError:
        until = None
    if until is None:
        return request.POST.get("minutes", "")
    until = timezone.make_aware(until) if timezone.is_naive(until) else until
    return str(math.ceil((until - timezone.now()) / timedelta(minutes=1)))


def _value(row: Alert, scope: str) -> str:
    if scope == "alert":
        return str(row.pk)
    if scope == "rule":
        name = row.rule_name or row.rule_id  # as people see it
    else:
        first = row.assets.order_by("alert_links__pk").first()
        name = first.name if first else ""
    if not name:
        raise InvalidInput(
            "来源没有写明这条告警的规则，或没有关联到资产：请静默这条告警，或到「静默」页面设置。"
        )
    return name


@posting(ACT)
def propose(request: HttpRequest, posted: Posted) -> HttpResponse:
    """POST ``tool`` and its arguments: by every rule of the chat, decided there or on the page of approvals."""
    definition = BY_NAME.get(name := request.POST.get("tool", ""))
    if name not in TOOLS or definition is None or definition.check is None:
        raise InvalidInput("没有这个操作。")
    account = demand_account(request.user.pk)
    given = {key: value for key in TOOLS[name] if (value := request.POST.get(key, "").strip())}
    typed = given.get("reason", "")
    if (
        posted.here and first_named(typed) != posted.here
    ):  # the ledger and the approver are told where it comes from
        given["reason"] = f"{says.code(posted.here)}：{typed or '没有写理由'}"
    person = Person(account.corp_id, account.staff_id, account.name, Role(account.role))
    plan = definition.check(parse(definition.arguments, _typed(given)), person)
    actor = Actor.person(account, "admin")
    proposal = request_directly(
        account, actor, name, definition.title, definition.risk, plan.arguments, plan.summary
    )
    page = reverse("web:approval", args=[proposal.pk])
    link = format_html('<a class="bf-link" href="{}">{}</a>', page, proposal.code)
    bare = "" if typed else "没有写理由，审批人会看到这一点。"
    messages.success(
        request, format_html("已提出 {}，还没有执行：要另一位审批人同意。{}{}", link, bare, stopped_now())
    )
    return posted.back()


def _typed(given: dict[str, str]) -> dict[str, object]:
    minutes = given.get("duration_minutes", "")
    is_number = minutes.isascii() and minutes.isdecimal() and len(minutes) < 10
    return given | {"duration_minutes": int(minutes)} if is_number else dict(given)


# Lists of alerts that somebody wants again.


@posting(SEE)
def save(request: HttpRequest, posted: Posted) -> HttpResponse:
    """POST ``name``: the list as it is, for this person."""
    row = saved_views.save(request.user.pk or 0, request.POST.get("name", ""), posted.query.text)
    messages.success(request, f"已保存视图「{row.name}」。")
    return posted.back()


@posting(SEE)
def delete(request: HttpRequest, posted: Posted) -> HttpResponse:
    """POST ``view``."""
    saved_views.delete(request.user.pk or 0, number(request.POST.get("view", "")))
    messages.success(request, "已删除视图。")
    return posted.back()
