"""Visiting the admin's pages: people to visit as, a row of every model, and the text a person sees."""

import itertools
import json
from collections.abc import Callable
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import bifang.urls  # noqa: F401  # registers the screens
from bifang.channels import known_groups
from bifang.channels.cards.models import Card, CardState
from bifang.channels.models import ClientState, ClientStatus, InboxRow, KnownGroup, OutboxRow, State, Worker
from bifang.channels.ports import Incoming, ReplyTarget
from bifang.channels.queues import inbox
from bifang.core.configuration import configs
from bifang.core.models import LoginFailure, Switch, SystemConfig
from bifang.core.secrets.sealed import Sealed, place_of
from dingtalk_integration.models import ApiUsage
from secops_agent.models import (
    Action,
    AlertMessage,
    AuditKind,
    AuditRecord,
    AuditSegment,
    BrokerLetter,
    CalendarDay,
    CalendarFeed,
    Component,
    Correction,
    DataSource,
    DetectionRule,
    Feed,
    FormatTable,
    GradingQuestion,
    ImportJob,
    IndicatorList,
    InvestigationReplay,
    ListedIndicator,
    McpCatalogue,
    ModelPrice,
    NotificationPreference,
    NotificationRule,
    OnCallSchedule,
    Proposal,
    ReportingDuty,
    Role,
    Runbook,
    ScheduledTask,
    SecurityReport,
    SlaTarget,
    SourceHour,
    Staff,
    SuppressionRule,
    SyslogRejection,
    SyslogSource,
    SyslogTraffic,
    TaskRun,
    TurnUsage,
    WakeCall,
)  # fmt: skip
from secops_agent.services.actors import Actor
from secops_agent.services.audit import chain, trail
from secops_agent.services.intake import deliveries, jobs
from secops_agent.services.intake.deliveries import Delivery
from secops_agent.services.investigations import replays
from secops_agent.services.mcp import catalogue
from secops_agent.services.mcp.definitions import read_offered
from secops_agent.services.notifications import silences
from secops_agent.services.notifications.rules import save_rule
from secops_agent.services.on_call import feeds
from secops_agent.services.on_call.schedules import apply_on_call_entries
from secops_agent.services.people import tokens
from secops_agent.services.reports import archive
from secops_agent.services.schedules.schedules import save_task

SYSTEM = Actor.system("test")
SECRET = "an-app-secret-nobody-may-see"
WEBHOOK = "https://oapi.dingtalk.com/robot/sendBySession?session=hidden-session"
_numbers = itertools.count(1)
ADD = "/admin/core/systemconfig/add/"
PRIVATE = "我的工资条被谁看过？"
MODELS: list[type[Model]] = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)


def serve_plain_static(settings: Any, tmp_path: Path) -> None:
    """Pages without `collectstatic`: names as they are, and a folder for whitenoise to look at."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir(exist_ok=True)


def superuser() -> Client:
    """Someone who may do everything."""
    return _signed_in(User.objects.create_superuser("root", "root@example.com"))


def member(group: str) -> Client:
    """Someone in one of the groups, or whose person has this role."""
    if group in Role.values:
        return with_role(Role(group))
    user = User.objects.create_user(f"in-{Group.objects.get(name=group).pk}")
    user.groups.add(Group.objects.get(name=group))
    return _signed_in(user)


def with_role(role: Role, name: str = "") -> Client:
    """Someone whose login belongs to a person of this role, in no group."""
    user = User.objects.create_user(name or f"as-{role.value}")
    Staff.objects.create(staff_id=user.username, name=f"人员 {user.username}", role=role, user=user)
    return _signed_in(user)


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


class _Reader(HTMLParser):
    """Collects what is read: text and the attributes that are shown, no scripts, no symbols."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        shown = dict(attrs)
        self.parts += [shown[name] or "" for name in ("title", "placeholder", "aria-label") if name in shown]
        symbol = tag == "span" and "material-symbols" in (shown.get("class") or "")
        if tag in ("script", "style", "template") or symbol:
            self._silent = self._silent or tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def text_of(response: HttpResponse) -> str:
    """What a person reads on the page; pieces are divided by " ¦ "."""
    reader = _Reader()
    reader.feed(response.content.decode())
    return " ¦ ".join(" ".join(part.split()) for part in reader.parts if part.strip())


def messages_of(response: HttpResponse) -> str:
    """The messages shown after an action."""
    return " ".join(str(message) for message in response.context["messages"])


def form_of(page: HttpResponse) -> dict[str, str]:
    """What the browser sends when the form of this page is submitted as it is."""
    form = page.context["adminform"].form
    found = {box.name: box.value() for box in form}
    return {
        name: "on" if value is True else str(value)
        for name, value in found.items()
        if value not in (None, False)
    }


def tried(client: Client, which: SystemConfig | str, **typed: str) -> dict[str, str]:
    """测试连接 with what the page holds and is typed into it: name of a step → what it reads as; "end": the outcome.

    ``which``: a configuration, or the kind of a new one.
    """
    saved = isinstance(which, SystemConfig)
    page = reverse("admin:core_systemconfig_change", args=[which.pk]) if saved else f"{ADD}?kind={which}"
    form = form_of(client.get(page)) | typed
    answer = client.post(reverse("admin:core_systemconfig_try", args=[which.pk if saved else which]), form)
    assert answer.status_code == 200
    return read_trial(answer)


def read_trial(answer: HttpResponse) -> dict[str, str]:
    """The lines of a trial, as people read them."""
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]  # type: ignore[attr-defined]
    steps = {line["name"]: _read(line["step"]) for line in lines if "step" in line}
    ends = [line.get("error") or _read(line["end"]) for line in lines if "end" in line or "error" in line]
    return steps | {"end": ends[0], "whole": "".join(str(line) for line in lines)}


def _read(html: str) -> str:
    reader = _Reader()
    reader.feed(html)
    return " ".join("".join(reader.parts).split())


def dingtalk(name: str = "", **values: Any) -> SystemConfig:
    """A DingTalk configuration, with a name of its own unless given."""
    name = name or f"钉钉{next(_numbers)}"
    enabled = values.pop("enabled", True)
    given = {"client_id": f"ding-{name}", "client_secret": SECRET, **values}
    return configs.save("dingtalk", name, enabled, given)[0]


def qwen(name: str = "") -> SystemConfig:
    """A Qwen configuration whose key is a reference."""
    name = name or f"千问{next(_numbers)}"
    return configs.save("qwen", name, True, {"api_key": "env:DASHSCOPE_API_KEY"})[0]


def received(config: SystemConfig, number: int = 1, **columns: Any) -> InboxRow:
    """A message in the inbox."""
    target = ReplyTarget("cid-1", True, "staff-1", "robot", WEBHOOK, 4_000_000_000_000)
    payload = {"text": {"content": PRIVATE}}
    inbox.store([Incoming(config.pk, "chat", f"msg-{number}", "cid-1", "staff-1", PRIVATE, payload, target)])
    rows = InboxRow.objects.filter(config=config, external_id=f"msg-{number}")
    rows.update(**columns)
    return rows.get()


def sent(row: InboxRow, number: int = 1, **columns: Any) -> OutboxRow:
    """A reply in the outbox."""
    key = f"{row.pk}:{number}"
    webhook = Sealed.of(WEBHOOK, place_of(OutboxRow, "webhook", {"key": key}))
    values = {
        "config": row.config, "inbox": row, "key": key, "order_key": "k", "title": PRIVATE, "text": PRIVATE,
        "target": row.target, "webhook": webhook, "created_at": timezone.now(), **columns,
    }  # fmt: skip
    return OutboxRow.objects.create(**values)


def connected(config: SystemConfig, *, age: float = 0, **columns: Any) -> ClientState:
    """What a worker said about a configuration `age` seconds ago."""
    now = timezone.now()
    values = {
        "owner": "host:1", "status": ClientStatus.CONNECTED, "since": now, "updated_at": now - timedelta(seconds=age), **columns,
    }  # fmt: skip
    return ClientState.objects.create(config=config, **values)


def card(row: InboxRow | None = None, **columns: Any) -> Card:
    """A card that answered a message, or one by itself."""
    now = timezone.now()
    values = {
        "out_track_id": f"card-{next(_numbers)}", "config": row.config if row else dingtalk(), "inbox": row, "staff_id": "staff-1",
        "conversation_id": "cid-1", "is_group": True, "created_at": now, "updated_at": now, **columns,
    }  # fmt: skip
    return Card.objects.create(**values)


def _worker() -> Worker:
    now = timezone.now()
    return Worker.objects.create(owner="node-1:1", host="node-1", pid=1, started_at=now, heartbeat_at=now)


def _schedule() -> Any:
    from django_q.models import Schedule

    return Schedule.objects.create(name="每日", func="math.sqrt", args="4", next_run=timezone.now())


def _task(success: bool) -> Any:
    from django_q.models import Failure, Success

    now = timezone.now()
    model = Success if success else Failure
    return model.objects.create(
        id=("1" if success else "3") * 32,
        name="任务",
        func="math.sqrt",
        started=now,
        stopped=now,
        success=success,
        result="完成",
    )


def _queued() -> Any:
    from django_q.models import OrmQ
    from django_q.signing import SignedPackage

    package = {"id": "2" * 32, "name": "任务", "func": "math.sqrt", "args": (4,), "kwargs": {}}
    return OrmQ.objects.create(key="bifang", payload=SignedPackage.dumps(package), lock=timezone.now())


def _proposal() -> Any:
    now = timezone.now()
    return Proposal.objects.create(
        code=f"A2B{next(_numbers):03}", config=dingtalk(), conversation_id="cid-1", tool="block_ip", title="封禁 IP", risk="dangerous",
        arguments={"ip": "203.0.113.5"}, summary="封禁 203.0.113.5", digest="0" * 64, asker_id="zhaoliu", asker_name="赵六",
        created_at=now, expires_at=now + timedelta(minutes=30), state="approved", decider_name="王五",
    )  # fmt: skip


def unknown_action() -> Action:
    """One of which nobody knows what it came to."""
    proposal = _proposal()
    return Action.objects.create(
        proposal=proposal, config=proposal.config, key=proposal.code, tool="block_ip", title="封禁 IP", summary="封禁 203.0.113.5",
        asker="赵六", approver="王五", created_at=timezone.now(), state="unknown", result="没有得到应答",
    )  # fmt: skip


def _audited() -> Any:
    entry = trail.entry(AuditKind.MESSAGE, "提问", Actor.system("test"), text=PRIVATE, detail={"a": 1})
    record = AuditRecord.objects.create(**entry.values)
    chain.seal()
    return record


def _segment() -> Any:
    return _audited() and AuditSegment.objects.get()


def _usage() -> Any:
    now = timezone.now()
    return TurnUsage.objects.create(
        at=now, day=now.date(), model="qwen-plus", input_tokens=100, output_tokens=10, cost=100
    )


def _estate(model: Any) -> Any:
    """An estate of one host, and the row of it that a screen shows."""
    from tests.secops.api.callers import estate

    estate(1)
    return model.objects.latest("pk")


def _broker_letter() -> BrokerLetter:
    stream, _ = configs.save(
        "stream", "总线", True, {"url": "redis://127.0.0.1:6379", "topic": "siem.alerts"}
    )
    message = Delivery("总线", "1795696350000-0", timezone.now(), b'{"record": "alert", "title": ')
    deliveries.bury(stream.pk, message, "这条消息 的 JSON 在第 1 行第 30 个字符处中断：没有写完。")
    return BrokerLetter.objects.get()


def _import_job() -> ImportJob:
    job = jobs.submit("generic", "导出.json", "0", size=1, digest="0", options={}, actor=Actor.system("test"))
    outcome = {"format": "generic", **{name: {"alert": 1} for name in ("created", "updated", "unchanged")}}
    rejected = [{"position": "alerts[3]", "reason": "缺少标题"}]
    ImportJob.objects.filter(pk=job.id).update(state="done", outcome=outcome | {"rejected": rejected})
    return ImportJob.objects.get(pk=job.id)


def known_group(
    config: SystemConfig, conversation_id: str = "cid-1", title: str = "安全值班群"
) -> KnownGroup:
    """A group in which 李四 was the first to speak to the robot."""
    known_groups.learn_group(
        config.pk, conversation_id, title=title, corp_id="dingcorp", speaker="李四", staff_id="lisi"
    )
    return KnownGroup.objects.get(config=config, conversation_id=conversation_id)


def rule(name: str = "", **given: Any) -> NotificationRule:
    """A rule with two steps; its group is known, its person on call is not there."""
    config = dingtalk()
    group = {"kind": "group", "config": config.name, "conversation_id": known_group(config).conversation_id}
    on_call = {"kind": "on_call", "config": config.name, "schedule": schedule().name}
    values = {
        "name": name or f"规则{next(_numbers)}", "severities": ["critical", "high"], "targets": [group],
        "escalate": [{"after_minutes": 5, "to": [on_call]}, {"after_minutes": 9}], **given,
    }  # fmt: skip
    return save_rule(values, SYSTEM)


def schedule() -> OnCallSchedule:
    """A rota of one, on working days only."""
    staff = Staff.objects.create(staff_id=f"on-call-{next(_numbers)}", name="值班人")
    name = f"值班{next(_numbers)}"
    apply_on_call_entries(
        [{"name": name, "days": "working", "start": "2026-01-05", "staff": [staff.staff_id]}]
    )
    return OnCallSchedule.objects.get(name=name)


def _feed() -> CalendarFeed:
    feeds.make_feed(schedule(), None, SYSTEM)
    return CalendarFeed.objects.latest("pk")


def scheduled(**given: Any) -> ScheduledTask:
    """日报 every morning for a known group, with a run."""
    config = dingtalk()
    target = {"kind": "group", "config": config.name, "conversation_id": known_group(config).conversation_id}
    row = save_task({"task": "日报", "cron": "每天早上9点", "target": target, **given}, SYSTEM)
    TaskRun.objects.create(
        task=row, due_at=timezone.now(), state="done", note="日报（昨日）", text="**安全日报**"
    )
    return row


def _alert_message() -> AlertMessage:
    from tests.secops.inventory_aid import alert, host, store

    rule()
    store(alert(assets=(host("web-01"),)))
    return AlertMessage.objects.latest("pk")


def _wake_call() -> WakeCall:
    message, now = _alert_message(), timezone.now()
    return WakeCall.objects.create(
        config=message.target.config, staff=Staff.objects.create(staff_id=f"called-{next(_numbers)}", name="李四"),
        account="called", means="ding_call", message=message, text="毕方", state="refused", reason="没有额度",
        created_at=now, due_at=now, called_at=now,
    )  # fmt: skip


def _data_source() -> DataSource:
    now = timezone.now()
    source = DataSource.objects.create(
        key=f"token:{next(_numbers)}:generic", door="token", name="WAF", first_seen=now, last_seen=now, trouble="silent",
        trouble_at=now, detail="3 天没有数据",
    )  # fmt: skip
    SourceHour.objects.create(
        source=source, hour=now.replace(minute=0, second=0, microsecond=0), taken=9, unreadable=1
    )
    return source


def _replay() -> InvestigationReplay:
    replays.run()
    return InvestigationReplay.objects.latest("pk")


def mcp_service(name: str = "", url: str = "http://127.0.0.1:9/mcp") -> McpCatalogue:
    """A service that was reached, with a tool that may be used, one that is off, and one that cannot be used."""
    name = name or f"防火墙{next(_numbers)}"
    config, _ = configs.save("mcp", name, True, {"url": url, "tools": {"get_rules": "read", "gone": "write"}})
    raw = [
        {"name": "get_rules", "description": "查规则", "inputSchema": {"type": "object"}},
        {
            "name": "block",
            "description": "封\u200b禁<b>",
            "inputSchema": {"type": "object", "required": ["a"]},
        },
        {"name": "broken", "inputSchema": {"$ref": "http://x.example/"}},
    ]
    catalogue.record(config.pk, {"name": "fw", "version": "1", "protocol": "2026-07-28"}, read_offered(raw))
    return McpCatalogue.objects.get(pk=config.pk)


def syslog_source(networks: tuple[str, ...] = ("203.0.113.0/24",)) -> SyslogSource:
    """A source that sends, and loses some."""
    number = next(_numbers)
    source = SyslogSource.objects.create(name=f"防火墙{number}", networks=list(networks))
    SyslogTraffic.objects.create(
        source=source, lines=12_345, alerts=120, rejected=2, over_rate=7, cut=1, per_minute=84,
        last_line_at=timezone.now(), updated_at=timezone.now(),
    )  # fmt: skip
    return source


def _syslog_rejection() -> SyslogRejection:
    return SyslogRejection.objects.create(
        source=syslog_source(), at=timezone.now(), peer="203.0.113.9", reason="不是 UTF-8 编码。", size=10,
        data="PDM0Pv/+IGJhZA==",
    )  # fmt: skip


# A model that gets a screen gets a row here: tests/core/test_admin_pages.py opens all its pages.
ROWS: dict[str, Callable[[], Any]] = {
    "auth.user": lambda: User.objects.create_user("someone"),
    "auth.group": lambda: Group.objects.create(name="我们的组"),
    "core.loginfailure": lambda: LoginFailure.objects.create(
        username="someone", ip_address="203.0.113.9", user_agent="curl", failures_since_start=3
    ),
    "core.systemconfig": lambda: dingtalk(ai_config=qwen()),
    "core.switch": lambda: Switch.objects.create(name="read_only", on=True),
    "channels.inboxrow": lambda: sent(received(dingtalk(), state=State.DEAD, last_error="坏了")).inbox,
    "channels.outboxrow": lambda: sent(received(dingtalk()), state=State.DEAD, last_error="坏了"),
    "channels.worker": _worker,
    "channels.knowngroup": lambda: known_group(dingtalk()),
    "secops_agent.mcpcatalogue": mcp_service,
    "secops_agent.detectionrule": lambda: DetectionRule.objects.create(
        uid="36c5146c-d127-4f85-8e21-01bf62355d5a", name="可疑的服务路径", level="high"
    ),
    "secops_agent.formattable": lambda: FormatTable.objects.create(
        name="acme_waf",
        title="某某 WAF",
        version=1,
        text='name = "某某 WAF"\n',
        made_by="张三",
        made_at=timezone.now(),
    ),
    "secops_agent.syslogsource": syslog_source,
    "secops_agent.indicatorlist": lambda: IndicatorList.objects.create(name=f"清单{next(_numbers)}"),
    "secops_agent.listedindicator": lambda: ListedIndicator.objects.create(
        list=IndicatorList.objects.create(name=f"清单{next(_numbers)}"),
        kind="ip",
        value="203.0.113.9",
        created_at=timezone.now(),
    ),
    "secops_agent.suppressionrule": lambda: SuppressionRule.objects.create(
        name=f"规则{next(_numbers)}", reason="扫描"
    ),
    "secops_agent.syslogrejection": _syslog_rejection,
    "secops_agent.notificationrule": rule,
    "secops_agent.alertmessage": _alert_message,
    "secops_agent.wakecall": _wake_call,
    "secops_agent.datasource": _data_source,
    "secops_agent.oncallschedule": schedule,
    "secops_agent.calendarfeed": _feed,
    "secops_agent.notificationpreference": lambda: NotificationPreference.objects.create(
        staff=Staff.objects.create(staff_id=f"wishes-{next(_numbers)}", name="免打扰")
    ),
    "secops_agent.scheduledtask": scheduled,
    "secops_agent.feed": lambda: Feed.objects.get_or_create(
        name="kev", address="https://www.cisa.gov/kev.json"
    )[0],
    "secops_agent.silence": lambda: silences.silence("all", "", 60, SYSTEM, "维护"),
    "secops_agent.investigationreplay": _replay,
    "secops_agent.securityreport": lambda: SecurityReport.objects.get(pk=archive.make("yesterday").pk),
    "secops_agent.calendarday": lambda: CalendarDay.objects.get_or_create(
        date="2030-01-01", working=False, name="元旦"
    )[0],
    "dingtalk_integration.apiusage": lambda: ApiUsage.objects.create(
        client_id="dinga", family="card", day=date(2026, 11, 2), calls=8_100
    ),
    "channels.clientstate": lambda: connected(dingtalk()),
    "channels.card": lambda: card(received(dingtalk()), state=CardState.FAILED, last_error="坏了"),
    "secops_agent.proposal": _proposal,
    "secops_agent.auditrecord": _audited,
    "secops_agent.auditsegment": _segment,
    "secops_agent.turnusage": _usage,
    "secops_agent.modelprice": lambda: ModelPrice.objects.get(prefix="qwen-plus"),
    "secops_agent.component": lambda: _estate(Component),
    "secops_agent.runbook": lambda: _estate(Runbook),
    "secops_agent.correction": lambda: Correction.objects.create(
        at=timezone.now(),
        message_id=next(_numbers),
        name="李四",
        is_group=False,
        question="问",
        answer="答",
        reason="不对",
    ),
    "secops_agent.reportingduty": lambda: ReportingDuty.objects.get_or_create(
        name="其他", defaults={"body": "网信部门", "minutes": 240, "article": "第八条"}
    )[0],
    "secops_agent.gradingquestion": lambda: GradingQuestion.objects.get_or_create(
        text="多少人", defaults={"unit": "人", "moderate": 10, "article": "附件"}
    )[0],
    "secops_agent.slatarget": lambda: SlaTarget.objects.get_or_create(severity="high", alert_hours=8)[0],
    "secops_agent.brokerletter": _broker_letter,
    "secops_agent.importjob": _import_job,
    "secops_agent.apitoken": lambda: tokens.create(f"令牌{next(_numbers)}", ["read"])[0],
    "secops_agent.staff": lambda: Staff.objects.create(staff_id="wangwu", name="王五", role=Role.APPROVER),
    "django_q.schedule": _schedule,
    "django_q.success": lambda: _task(True),
    "django_q.failure": lambda: _task(False),
    "django_q.ormq": _queued,
}
