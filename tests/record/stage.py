"""The stage of a record: the demo with a login of every role, and what is common to all its parts."""

import itertools
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

ROLES: Final = ("nobody", "viewer", "analyst", "responder", "approver", "admin")
GROUPS: Final = {"operator": "运维操作员", "auditor": "审计员"}
_numbers = itertools.count(1)
T = TypeVar("T")


def prepare() -> dict[str, Any]:
    """The demo, and a login of every role with its person; name → user, "" for a token of nobody."""
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command

    from deploy.local import preparation
    from secops_agent.models import Role, Staff

    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0, interactive=False)
    preparation.load_demo_data(preparation.apply_demo())
    logging.disable(logging.CRITICAL)
    corp = Staff.objects.get(staff_id="lisi").corp_id
    users = {}
    for name in (*ROLES, *GROUPS, "superuser"):
        user = users[name] = User.objects.create_user(f"login-{name}", is_superuser=name == "superuser")
        if name in GROUPS:
            user.groups.add(Group.objects.get(name=GROUPS[name]))
        elif name != "nobody":
            role = Role.ANALYST if name == "superuser" else Role(name)
            Staff.objects.create(
                corp_id=corp, staff_id=f"as-{name}", name=f"人员{name}", role=role, user=user
            )
    return users


def tidy(text: str) -> str:
    """Without what is new each time: form tokens, nonces, secrets, how long it took, codes of proposals."""
    from secops_agent.models import Proposal

    text = re.sub(r'(name="csrfmiddlewaretoken" value=")[^"]+', r"\1…", text)
    text = re.sub(r'("X-CSRFToken": ")[^"]+', r"\1…", text)
    text = re.sub(r'(nonce=")[^"]+', r"\1…", text)
    text = re.sub(r"bf_[A-Za-z0-9_-]{20,}", "bf_…", text)
    text = re.sub(r"('seconds': )[0-9.]+", r"\1…", text)
    text = re.sub(r"bifang-tests-\w+", "bifang-tests-…", text)
    for number, code in enumerate(Proposal.objects.order_by("pk").values_list("code", flat=True)):
        text = text.replace(code, f"CODE{number}")
    return text


def lines_of_page(answer: Any) -> str:
    """The HTML with a line a tag, so that two records differ in few lines."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text = tidy(body.decode(errors="replace"))
    text = re.sub(r">\s+", ">\n", re.sub(r"\s+<", "\n<", text))
    return re.sub(r"[ \t]+", " ", text.replace("><", ">\n<"))


def browser(user: Any) -> Any:
    """Somebody who is logged in."""
    from django.test import Client

    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def program(owner: Any, *scopes: str) -> Any:
    """A program with a token; of nobody, if there is no owner."""
    from django.test import Client

    from secops_agent.services.people import tokens

    _, secret = tokens.create(f"记录{next(_numbers)}", scopes, owner_id=owner.pk if owner else None)
    return Client(headers={"Authorization": f"Bearer {secret}"})


class Sheaf:
    """The files of one record."""

    def __init__(self, folder: Path, users: dict[str, Any]) -> None:
        self.folder, self.users = folder, users

    def write(self, name: str, text: str) -> None:
        """One file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")

    def write_json(self, name: str, value: Any) -> None:
        """One file of JSON."""
        self.write(name, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, default=str))


def untouched(do: Callable[..., T], *given: Any) -> T:
    """What it returns; the database is as before."""
    from django.db import transaction

    with transaction.atomic():
        found = do(*given)
        transaction.set_rollback(True)
    return found


def mcp(client: Any, method: str, params: dict[str, Any]) -> Any:
    """The answer to a request of the MCP server."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return client.post(
        "/mcp/", body, "application/json", headers={"MCP-Protocol-Version": "2025-11-25"}
    ).json()


def told(body: Any) -> str:
    """The body of an answer; of a page of rows which they are."""
    if isinstance(body, dict) and isinstance(body.get("items"), list):
        rows = [each.get("id") for each in body["items"]]
        return json.dumps({**body, "items": rows}, ensure_ascii=False, sort_keys=True)
    return json.dumps(body, ensure_ascii=False, sort_keys=True)
