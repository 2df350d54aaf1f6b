"""docs/security.md is true: what it names is there, rights begin with the role it says, and no reserved field is left out."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import Group

from bifang.core.configuration.fields import MadeField, Setting
from bifang.core.configuration.kinds import all_kinds
from bifang.core.rights import LADDER, OPERATOR, rights_of
from secops_agent.models import Role
from tests.rights import BEGIN, END, table

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/security.md").read_text(encoding="utf-8")
SUPERUSER = "超级管理员"
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in TEXT.splitlines()
    if line.startswith("| ") and not line.startswith(("| 设置 |", "| 做什么 |"))
]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


PLACES = sorted({each for each in names(TEXT) if "/" in each})
RIGHTS = [(who, each) for _, who, _ in ROWS for each in names(who)]


def test_every_row_says_who_and_where() -> None:
    assert len(ROWS) > 25
    assert all(len(row) == 3 and all(row) and names(row[2]) for row in ROWS)


def test_the_table_of_rights_is_what_the_doors_ask_for() -> None:
    """After a change: ``python -m tests.rights``."""
    assert TEXT.split(BEGIN)[1].split(END)[0] == table()


@pytest.mark.parametrize("place", PLACES)
def test_what_the_table_names_is_there(place: str) -> None:
    path, _, symbol = place.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not symbol or re.search(
        rf"^\s*(?:async )?(?:def|class) {symbol}\b|^{symbol}\b.* = ", text, re.M
    ), place


@pytest.mark.django_db
@pytest.mark.parametrize(("who", "right"), RIGHTS, ids=[right for _, right in RIGHTS])
def test_rights_begin_with_the_role_that_the_table_says(who: str, right: str) -> None:
    first = next(role for role in LADDER if right in rights_of(role))
    assert str(Role(first).label) in who
    held = Group.objects.get(name=OPERATOR).permissions.filter(codename=right.partition(".")[2])
    assert held.exists() is (OPERATOR in who)


def test_no_setting_that_only_some_may_change_is_left_out() -> None:
    told = " ".join(row[0] for row in ROWS)
    common = {"directs": "地址、代理、CA 证书"}
    for kind in all_kinds():
        for name, field in kind.fields.items():
            if field.directs:
                assert common["directs"] in told
                continue
            alone = (
                type(field).reserved is not Setting.reserved
                or field.from_file
                or field.account
                or isinstance(field, MadeField)
            )
            label = "MCP 工具" if name == "tools" else str(field.label)
            assert not alone or label in told, f"{kind.name}.{name}"
    for label in ("使用流式推送", "允许用钉钉登录", "未登记人员的角色", "企业 CorpId", "tenant_key"):
        assert label in told
