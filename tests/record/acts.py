"""Who may do what to an alert, by which door, and what is said."""

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.record.stage import GROUPS, ROLES, Sheaf, browser, mcp, program, tidy, told, untouched

OPEN, TAKEN, CLOSED, OTHER = 1, 2, 3, 4  # which alert of `samples`
NONE: Final = 999_999  # no alert
LOGINS: Final = (*ROLES, *GROUPS, "superuser")


def samples() -> dict[int, int]:
    """An open alert, one that somebody has, a closed one, and another open one."""
    from secops_agent.models import Alert

    rows = Alert.objects.order_by("pk")
    is_open = list(rows.filter(status="open", assignee=None)[:2])
    taken = rows.filter(status="acknowledged").exclude(assignee=None).first()
    closed = rows.filter(status="closed").exclude(verdict="").first()
    assert taken
    assert closed
    return {OPEN: is_open[0].pk, TAKEN: taken.pk, CLOSED: closed.pk, OTHER: is_open[1].pk}


def after(pk: int) -> str:
    """What became of the alert, and the newest line of its history."""
    from secops_agent.models import Alert
    from secops_agent.services.audit import history

    row = Alert.objects.select_related("assignee").get(pk=pk)
    last = history.entries("alert", pk)[:1]
    acts = [f"{each.action} {each.actor} {dict(each.changes)} {each.note}" for each in last]
    return f"{row.status} {row.verdict or '-'} {row.assignee or '-'} {row.severity} | {'; '.join(acts)}"


def by_page(sheaf: Sheaf, which: dict[int, int]) -> Iterator[str]:
    """Buttons of the page and of many at once."""
    acts = (
        "acknowledge", "assign", "unassign", "close:false_positive", "close:grave", "close", "reopen", "severity", "comment", "useful", "nothing",
    )  # fmt: skip
    many = {"act": "close:benign", "ids": [which[OPEN], which[TAKEN], which[CLOSED]], "list": "tab=all"}
    here = {"here": str(which[OPEN])}
    forms: dict[str, tuple[str, dict[str, Any]]] = {
        "batch close": ("act", many),
        "batch close with note": ("act", many | {"note": "批"}),
        "batch all": ("act", {"act": "acknowledge", "all": "1", "mark": "99999", "list": "tab=unassigned"}),
        "silence": ("silence", here | {"scope": "alert", "minutes": "60", "reason": "维护"}),
        "propose": ("propose", here | {"tool": "block_ip", "ip": "203.0.113.77", "duration_minutes": "60", "reason": "扫描"}),
        "view": ("views", {"name": "夜班", "list": "tab=mine&sort=newest"}),
    }  # fmt: skip
    for name in LOGINS:
        client = browser(sheaf.users[name])
        for act in acts:
            for sample, pk in which.items():
                form = {
                    "act": act, "one": pk, "note": "记录", "person": "me", "list": "tab=all", "here": str(pk),
                }  # fmt: skip
                yield f"page {name} {act} {sample}: {untouched(posted, client, 'act', form, pk)}"
        for what, (door, given) in forms.items():
            yield f"{what} {name}: {untouched(posted, client, door, given, which[OPEN])}"
        yield f"undo {name}: {untouched(undone, client, many, which[OPEN])}"


def posted(client: Any, door: str, form: dict[str, Any], pk: int) -> str:
    """A POST to a page: status, where it leads, what is told, and the alert afterwards."""
    from django.contrib.messages import get_messages

    answer = client.post(f"/alerts/{door}/", form)
    messages: Any = get_messages(answer.wsgi_request)
    said = [str(each) for each in messages._queued_messages]
    where = answer.get("Location", "")
    return tidy(f"{answer.status_code} {where} {said} | {after(pk)}")


def undone(client: Any, form: dict[str, Any], pk: int) -> str:
    """A batch, and its undoing."""
    from secops_agent.models import TriageBatch

    posted(client, "act", form | {"note": "批"}, pk)
    batch = TriageBatch.objects.order_by("-pk").values_list("pk", flat=True).first()
    return posted(client, "undo", {"batch": str(batch or 0), "list": "tab=all"}, pk)


def by_api(sheaf: Sheaf, which: dict[int, int]) -> Iterator[str]:
    """Endpoints with tokens of every scope and owner, and with a session."""
    bodies: dict[str, Any] = {
        "acknowledge": {"note": "记录"}, "assign": {"assignee": "lisi", "note": ""}, "unassign": {}, "close": {"verdict": "benign", "note": "记录"},
        "reopen": {}, "comments": {"note": "记录"},
    }  # fmt: skip
    wrong: dict[str, Any] = {
        "assign": {"assignee": "没有这个人"},
        "close": {"verdict": "grave"},
        "comments": {"note": " "},
        "acknowledge": {"nothing": 1},
    }
    callers = {f"session {name}": browser(sheaf.users[name]) for name in (*ROLES, *GROUPS, "superuser")}
    for scope in ("read", "write", "ingest", "approve"):
        for name in ("viewer", "analyst", "superuser", "nobody"):
            callers[f"token {scope} of {name}"] = program(sheaf.users[name], scope)
        callers[f"token {scope} of none"] = program(None, scope)
    for name, client in callers.items():
        for act, body in bodies.items():
            for sample, pk in {**which, 0: NONE}.items():
                yield f"api {name} {act} {sample}: {untouched(called, client, act, body, pk)}"
        for act, body in wrong.items():
            yield f"api {name} {act} {body}: {untouched(called, client, act, body, which[OPEN])}"


def called(client: Any, act: str, body: Any, pk: int) -> str:
    """A POST to the API."""
    answer = client.post(f"/api/v1/alerts/{pk}/{act}/", body, "application/json")
    return f"{answer.status_code} {tidy(told(answer.json()))[:400]} | {after(pk) if pk != NONE else ''}"


def by_chat(sheaf: Sheaf, which: dict[int, int]) -> Iterator[str]:
    """Whole messages that are orders, by everybody of 人员."""
    from bifang.core.models import SystemConfig
    from secops_agent.models import Staff
    from secops_agent.services.alerts.orders import Orderer

    config = SystemConfig.objects.enabled("dingtalk").order_by("pk")[0]
    words = (
        "确认 A{}",
        "认领 A{}",
        "指派给我 A{}",
        "误报 A{}",
        "静默 A{} 1小时",
        "静默 A{}",
        "取消静默 A{}",
        "重新打开 A{}",
        "取消指派 A{}",
        "撤销 A{}",
        "撤销",
        "关闭 A{}",
    )
    for staff in Staff.objects.filter(active=True).order_by("staff_id"):
        orderer = Orderer(person_of(staff), config.pk, "dingtalk", "cid-1")
        for word in words:
            for sample, pk in which.items():
                text = untouched(ordered, word.format(pk), orderer, pk)
                yield f"chat {staff.staff_id} {word} {sample}: {text}"


def person_of(staff: Any) -> Any:
    """Somebody of 人员, as the chat knows them."""
    from secops_agent.models import Role
    from secops_agent.services.people.staff import Person

    return Person(staff.corp_id, staff.staff_id, staff.name, Role(staff.role))


def ordered(text: str, orderer: Any, pk: int) -> str:
    """What an order does, how it is undone, and the alert afterwards."""
    from secops_agent.agent.acting.orders import read_order
    from secops_agent.services.alerts.orders import AlertOrder, carry_out

    order = read_order(text)
    if order is None:
        return "no order"
    outcome = carry_out(order, orderer)
    undo = carry_out(AlertOrder("undo", pk), orderer).text if outcome.status == "done" else ""
    return tidy(f"{outcome.status} {outcome.text} | {undo} | {after(pk)}").replace("\n", "⏎")


def by_tool(sheaf: Sheaf, which: dict[int, int]) -> Iterator[str]:
    """Tools that propose: over MCP, and what a person's confirmation then does."""
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("acknowledge_alert", {"note": "记录"}), ("assign_alert", {"assignee": "李四"}), ("close_alert", {"verdict": "benign"}), ("close_alert", {}),
        ("set_severity", {"severity": "low"}), ("silence_alerts", {"scope": "", "minutes": 60, "reason": "维护"}),
    )  # fmt: skip
    callers = {
        f"{scope} of {name}": program(sheaf.users[name], scope)
        for scope in ("read", "write")
        for name in (*ROLES, "superuser")
    }
    for name, client in callers.items():
        for tool, given in calls:
            for sample, pk in which.items():
                about = {"scope": f"A{pk}"} if tool == "silence_alerts" else {"alert_id": pk}
                said = untouched(proposed, client, tool, {**given, **about})
                yield f"mcp {name} {tool} {given} {sample}: {said}"
        some = {"alert_ids": ",".join(map(str, which.values())), "verdict": "benign"}
        yield f"mcp {name} close some: {untouched(proposed, client, 'close_alert', some)}"
    for tool, given in calls[:-1]:
        for sample, pk in which.items():
            yield f"tool {tool} {given} {sample}: {untouched(confirmed, tool, {**given, 'alert_id': pk}, pk)}"


def proposed(client: Any, tool: str, given: dict[str, Any]) -> str:
    """What a program reads that calls the tool."""
    answer = mcp(client, "tools/call", {"name": tool, "arguments": given})
    return tidy(json.dumps(answer, ensure_ascii=False, sort_keys=True))


def confirmed(tool: str, given: dict[str, Any], pk: int) -> str:
    """What a tool proposes, and does once lisi confirmed it."""
    from bifang.core.errors import BifangError
    from secops_agent.models import Staff
    from secops_agent.services.actors import Actor
    from secops_agent.tools.arguments import parse
    from secops_agent.tools.registry import BY_NAME

    staff, definition = Staff.objects.get(staff_id="lisi"), BY_NAME[tool]
    assert definition.check
    assert definition.act
    try:
        plan = definition.check(parse(definition.arguments, given), person_of(staff))
        done = definition.act(parse(definition.arguments, plan.arguments), Actor.person(staff, "dingtalk"))
        said = f"{plan.summary} → {done}"
    except BifangError as error:
        said = f"{type(error).__name__}: {error.message}"
    return tidy(f"{said} | {after(pk)}").replace("\n", "⏎")


def acts(sheaf: Sheaf) -> None:
    """Role by door by act."""
    which = samples()
    for door in (by_page, by_api, by_chat, by_tool):
        sheaf.write(f"acts_{door.__name__}.txt", "\n".join(door(sheaf, which)))
