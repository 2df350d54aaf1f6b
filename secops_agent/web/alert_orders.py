"""What is ordered from the page of an alert and done elsewhere: silences, and proposals that another person approves."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from bifang.core.errors import InvalidInput
from secops_agent.admin.inventory import actor_of
from secops_agent.models import Alert, Role
from secops_agent.models.staff import allows
from secops_agent.services.actors import Actor
from secops_agent.services.decisions.petitions import petition
from secops_agent.services.notifications import silences
from secops_agent.services.people.eligibility import account_of
from secops_agent.services.people.staff import Person
from secops_agent.tools.arguments import parse
from secops_agent.tools.registry import BY_NAME
from secops_agent.web.alert_acts import Posted, posting
from secops_agent.web.alerts import ACT

TOOLS = {"block_ip": ("ip", "duration_minutes", "reason"), "isolate_host": ("asset", "reason")}
NOT_LISTED = "您的登录用户没有对应的「人员」，不能提出：提出的和批准的要是两个人。请管理员在「人员」里把您和登录用户对应起来。"


@posting(ACT, "secops_agent.add_silence")
def silence(request: HttpRequest, posted: Posted) -> HttpResponse:
    """POST ``scope`` (alert, rule, asset), ``minutes``, ``reason``."""
    scope, minutes = request.POST.get("scope", "alert"), request.POST.get("minutes", "")
    row = Alert.objects.filter(pk=posted.here).first()
    if (
        row is None
        or scope not in ("alert", "rule", "asset")
        or not (minutes.isascii() and minutes.isdecimal() and len(minutes) < 6)
    ):
        raise InvalidInput("请选择静默什么，多少分钟。")
    made = silences.silence(
        scope, _value(row, scope), int(minutes), actor_of(request), request.POST.get("reason", "")
    )
    messages.success(
        request,
        f"已静默「{made}」到 {timezone.localtime(made.ends_at):%m-%d %H:%M}，期间的消息只计数，不发送。",
    )
    return posted.back()


def _value(row: Alert, scope: str) -> str:
    if scope == "alert":
        return str(row.pk)
    if scope == "rule":
        name = row.rule_id or row.rule_name
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
    account = account_of(request.user.pk)
    if account is None:
        raise InvalidInput(NOT_LISTED)
    if not allows(account.role, definition.role):
        raise InvalidInput(f"「{definition.title}」需要「{Role(definition.role).label}」角色。")
    given = {key: value for key in TOOLS[name] if (value := request.POST.get(key, "").strip())}
    person = Person(account.corp_id, account.staff_id, account.name, Role(account.role))
    plan = definition.check(parse(definition.arguments, _typed(given)), person)
    proposal = petition(
        account, person, Actor.person(person, "admin"), name, definition.title, definition.risk, plan.arguments, plan.summary
    )  # fmt: skip
    page = reverse("web:approval", args=[proposal.pk])
    link = format_html('<a class="bf-link" href="{}">{}</a>', page, proposal.code)
    messages.success(request, format_html("已提出 {}，还没有执行：要另一位审批人同意。", link))
    return posted.back()


def _typed(given: dict[str, str]) -> dict[str, object]:
    minutes = given.get("duration_minutes", "")
    return {
        **given,
        **(
            {"duration_minutes": int(minutes)}
            if minutes.isascii() and minutes.isdecimal() and len(minutes) < 10
            else {}
        ),
    }
