"""Every page, what the offline mode answers to the corpora, and a scripted day."""

import asyncio
import os

from tests.record.acts import CLOSED, OPEN, OTHER, TAKEN, samples
from tests.record.stage import Sheaf, browser, lines_of_page, mcp, program, tidy, untouched


def pages(sheaf: Sheaf) -> None:
    """Every page that a superuser and a viewer can be led to."""
    from tests import every_page

    rows = untouched(every_page.fill)  # what could not be made is not visited
    rows = {model: model._default_manager.order_by("pk").first() for model in rows}
    there = {model: row for model, row in rows.items() if row is not None}
    for name in ("superuser", "analyst", "viewer"):
        client = browser(sheaf.users[name])
        paths = list(every_page.own_addresses())
        if name == "superuser":
            paths += [
                path for model, row in there.items() for path in every_page._screen_addresses(model, row)
            ]
        for path in dict.fromkeys(paths):
            answer = untouched(client.get, path)
            file = path.strip("/").replace("/", "_") or "home"
            sheaf.write(
                f"pages/{name}/{file}",
                f"{answer.status_code} {answer.get('Content-Type')}\n{lines_of_page(answer)}",
            )


def corpora(sheaf: Sheaf) -> None:
    """What the offline mode does with every line of the corpora, asked as lisi."""
    from bifang.core.database import db
    from secops_agent.agent.trial import Trial
    from secops_agent.services.people.staff import find_person
    from tests.secops import offline_corpus

    person = find_person("", "lisi")
    assert person

    async def ask(texts: list[str]) -> list[str]:
        trial = Trial(person)
        try:
            return [tidy((await trial.ask(text)).as_line()) for text in texts]
        finally:
            await trial.close()

    for file in offline_corpus.FILES:
        texts = [line.text for line in offline_corpus.read(file)]
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # `tidy` asks for codes
        sheaf.write(f"corpora/{file.stem}.jsonl", "\n".join(asyncio.run(ask(texts))))
    db.shut_down()


def day(sheaf: Sheaf) -> None:
    """What audit trail and history hold after a scripted day of one analyst and one approver."""
    from secops_agent.models import AuditRecord
    from secops_agent.services.audit import history

    which = samples()
    analyst, token = browser(sheaf.users["analyst"]), program(sheaf.users["analyst"], "read", "write")
    for form in (
        {"act": "acknowledge", "one": which[OPEN], "note": "看一下"}, {"act": "assign", "one": which[OPEN], "person": "me"},
        {"act": "comment", "one": which[OPEN], "note": "是巡检"}, {"act": "close:benign", "one": which[OPEN], "note": "巡检"},
        {"act": "close:false_positive", "ids": [which[TAKEN], which[OTHER]], "note": "误报"}, {"act": "reopen", "one": which[CLOSED]},
    ):  # fmt: skip
        analyst.post("/alerts/act/", form)
    analyst.post(
        "/alerts/silence/", {"here": str(which[OTHER]), "scope": "alert", "minutes": "60", "reason": "维护"}
    )
    token.post(f"/api/v1/alerts/{which[OPEN]}/reopen/", {}, "application/json")
    token.post(f"/api/v1/alerts/{which[OPEN]}/assign/", {"assignee": "lisi"}, "application/json")
    mcp(
        token,
        "tools/call",
        {"name": "close_alert", "arguments": {"alert_id": which[OPEN], "verdict": "benign"}},
    )
    analyst.post(
        "/alerts/propose/",
        {"here": str(which[OPEN]), "tool": "block_ip", "ip": "203.0.113.77", "reason": "扫描"},
    )
    rows = AuditRecord.objects.order_by("pk").values_list(
        "kind", "what", "actor_name", "via", "subject", "text", "detail"
    )
    sheaf.write("day_audit.txt", "\n".join(tidy(str(each)) for each in rows))
    for pk in which.values():
        sheaf.write(
            f"day_history_{pk}.txt", "\n".join(tidy(str(each)) for each in history.entries("alert", pk))
        )
