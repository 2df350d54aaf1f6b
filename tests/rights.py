"""Who may do what: rights, the roles that have them, and every door that asks for them. Run: ``python -m tests.rights``.

The table is made from what the doors ask for (endpoints, pages, tools, orders in the chat) and stands in docs/security.md;
a test keeps it equal. The command writes it there.
"""

import re
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parent.parent / "docs/security.md"
BEGIN: Final = "<!-- 权利表：由 python -m tests.rights 写出 -->\n"
END: Final = "<!-- 权利表完 -->\n"
HEAD: Final = "| 做什么 | 谁 | 从哪扇门 |\n|---|---|---|\n"
_VERBS: Final = {"view": "查看", "change": "修改", "add": "新建", "delete": "删除"}


def endpoints() -> dict[str, set[str]]:
    """Right → the operations of the API that need it, with the scope of a token."""
    from drf_spectacular.generators import SchemaGenerator

    from secops_agent.api.urls import urlpatterns

    paths = SchemaGenerator().get_schema(public=True)["paths"]
    found: dict[str, set[str]] = defaultdict(set)
    for pattern in urlpatterns:
        view: Any = getattr(getattr(pattern, "callback", None), "view_class", None)
        address = "/api/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        for method, need in getattr(view, "needs", {}).items():
            if told := paths.get(address, {}).get(method.lower()):
                found[need.permission].add(f"令牌 `{need.scope}`：`{told['operationId']}`")
    return found


def pages() -> dict[str, set[str]]:
    """Right → the names of our own pages that need it."""
    from secops_agent.web.urls import urlpatterns

    found: dict[str, set[str]] = defaultdict(set)
    for pattern in urlpatterns:
        for permission in getattr(pattern.callback, "permissions", ()):
            found[permission].add(f"页面：`{pattern.name}`")
    return found


def named(permission: str) -> str:
    """修改告警."""
    from django.apps import apps

    label, _, codename = permission.partition(".")
    verb, _, model = codename.partition("_")
    kind = apps.get_model(label, model)
    return f"{_VERBS[verb]}{kind._meta.verbose_name}"


def holders(permission: str) -> str:
    """分析、运维操作员: from which role on, and the groups beside the ladder."""
    from bifang.core.rights import OPERATOR, _grants, first_role
    from secops_agent.models import Role

    first = first_role(permission)
    who = [str(Role(first).label)] if first else []
    granted = any(group == OPERATOR and fnmatchcase(permission, pattern) for group, pattern in _grants)
    return "、".join([*who, *([OPERATOR] if granted else [])])


def roles() -> list[str]:
    """Rows of what asks for a role by itself: tools by their risk, and orders in the chat."""
    from secops_agent.models import Role
    from secops_agent.services.alerts import orders
    from secops_agent.tools.registry import DEFINITIONS

    risks = {
        "read": "查询的工具",
        "write": "修改的工具（本人确认）",
        "dangerous": "危险的工具（另一位审批人同意）",
    }
    rows = []
    for risk, told in risks.items():
        for role in dict.fromkeys(each.role for each in DEFINITIONS if each.risk == risk):
            names = [f"`{each.name}`" for each in DEFINITIONS if (each.risk, each.role) == (risk, role)]
            rows.append(f"| {told} | {role.label} | 聊天、MCP：{'、'.join(names)} |")
    words = "、".join(dict.fromkeys(f"`{word}`" for word in orders.WORDS.values()))
    return [*rows, f"| 一句话对告警做的事 | {Role(orders.NEEDED).label} | 聊天：{words} |"]


def table() -> str:
    """The whole, as it stands in the document."""
    found: dict[str, set[str]] = defaultdict(set)
    for doors in (endpoints(), pages()):
        for permission, names in doors.items():
            found[permission] |= names
    rows = []
    for permission, names in sorted(found.items()):
        doors = defaultdict(list)
        for door, _, name in sorted(name.partition("：") for name in names):
            doors[door].append(name)
        told = "；".join(f"{door}：{'、'.join(each)}" for door, each in doors.items())
        rows.append(f"| {named(permission)} | {holders(permission)} `{permission}` | {told} |")
    return HEAD + "\n".join([*rows, *roles()]) + "\n"


def main() -> None:
    """Write the table into the document."""
    import django

    import tests.environment  # noqa: F401 - first: what Django's settings read

    django.setup()
    text = FILE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    FILE.write_text(f"{before}{BEGIN}{table()}{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
