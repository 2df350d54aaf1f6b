"""Runbooks: list, search, read, write."""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework import serializers

from secops_agent.api import access
from secops_agent.api.access import Caller
from secops_agent.api.base import Form, Named, PageQuery, Text, Truth, word
from secops_agent.api.endpoints import Endpoint, items, view_of
from secops_agent.api.fields import HistoryOut, Output, texts
from secops_agent.models import Role
from secops_agent.services import runbooks
from secops_agent.services.audit import history
from secops_agent.services.runbooks.search import RunbookHit
from secops_agent.services.runbooks.store import RunbookLine

TAG: Final = "手册"
EXAMPLE = {
    "title": "SSH 暴力破解",
    "body": "## 第一步\n确认来源 IP。",
    "tags": ["ssh"],
    "techniques": ["T1110"],
    "when": "登录日志里同一来源大量失败",
    "tools": ["list_alerts", "lookup_indicator"],
    "role": "viewer",
    "published": True,
}


class RunbookQuery(PageQuery):
    """Filters of the list."""

    tag = word("标签，完整匹配。")


READERS = [(role.value, role.label) for role in Role if role != Role.NONE]


class RunbookLineOut(Output):
    """A runbook in the list."""

    view = RunbookLine
    told = {
        "id": "编号",
        "title": "标题",
        "when": "什么时候用",
        "role": serializers.ChoiceField(choices=READERS, help_text="至少要有这个角色才能看到"),
        "published": "已发布；草稿只有能修改手册的人看得到",
        "tags": "标签",
        "techniques": "ATT&CK 技术编号",
        "updated_at": "修改时间",
    }


class RunbookOut(RunbookLineOut):
    """A whole runbook."""

    tools = texts("相关的查询工具；只是提示，不给任何权限")
    body = serializers.CharField(help_text="正文，Markdown")


class RunbookIn(Form):
    """A runbook to write."""

    title = Text(max_length=200, help_text="标题，不能与其他手册相同")
    body = Text(max_length=200_000, trim_whitespace=False, help_text="正文，Markdown")
    tags = serializers.ListField(child=Text(max_length=60), max_length=50, default=list, help_text="标签")
    techniques = serializers.ListField(
        child=Named(r"^[Tt][0-9]{4}(\.[0-9]{3})?$"), max_length=50, default=list, help_text="ATT&CK 技术编号"
    )
    when = Text(max_length=1024, required=False, allow_blank=True, help_text="什么时候用，一句话；不写则不变")
    tools = serializers.ListField(
        child=Named(r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$"),
        max_length=20,
        required=False,
        help_text="相关的查询工具；不写则不变",
    )
    role = serializers.ChoiceField(choices=READERS, required=False, help_text="谁可以看；不写则不变")
    published = Truth(required=False, help_text="false 是草稿；不写则不变")


class SearchQuery(Form):
    """What is sought."""

    q = Text(max_length=400, help_text="要找的内容，例如 勒索病毒。")
    limit = serializers.IntegerField(min_value=1, max_value=50, default=5, help_text="最多多少条。")


class HitOut(Output):
    """One result."""

    view = RunbookHit
    told = {
        "id": "编号",
        "title": "标题",
        "when": "什么时候用",
        "tags": "标签",
        "techniques": "ATT&CK 技术编号",
        "score": "相关程度 0..1",
        "excerpt": "最相关的一段",
    }


class HitsOut(Form):
    """Results, best first."""

    items = HitOut(many=True, help_text="结果，最相关的在前")


class RunbookHistoryOut(Form):
    """The changes of a runbook."""

    items = HistoryOut(many=True, help_text="变更历史，新的在前")


def _reader(caller: Caller) -> runbooks.Reader:
    """The caller by their role; drafts are for those who may write."""
    return runbooks.reader_of(caller.actor, drafts=caller.may(access.WRITE_RUNBOOKS))


def _save(caller: Caller, runbook_id: int | None = None, **body: Any) -> runbooks.RunbookView:
    rest: dict[str, Any] = {name: body[name] for name in ("when", "role", "published") if name in body}
    if "tools" in body:
        rest["tools"] = tuple(body["tools"])
    return runbooks.save(
        body["title"], body["body"], tuple(body["tags"]), tuple(body["techniques"]), caller.actor,
        runbook_id, **rest,
    )  # fmt: skip


def _search(caller: Caller, q: str, limit: int) -> Mapping[str, Any]:
    """Words that mean nothing find nothing."""
    return items(runbooks.search(q, limit, _reader(caller)) if runbooks.terms(q) else ())


def _history(caller: Caller, runbook_id: int) -> Mapping[str, Any]:
    runbooks.get(runbook_id, _reader(caller))
    return items(history.entries("runbook", runbook_id))


PATHS: Final = {
    "runbooks/": view_of(
        TAG,
        Endpoint(
            "GET", access.READ_RUNBOOKS, "runbooks_list", "手册列表", "全部手册，按标题排序，游标翻页。",
            lambda caller, **asked: runbooks.browse(**asked, reader=_reader(caller)), RunbookLineOut, RunbookQuery, paged=True,
        ),
        Endpoint(
            "POST", access.WRITE_RUNBOOKS, "runbooks_create", "新建手册", "新建一份手册；标题重复时返回 409。",
            _save, RunbookOut, RunbookIn, 201, example=("手册", EXAMPLE),
        ),
    ),
    "runbooks/search/": view_of(TAG, Endpoint(
        "GET", access.READ_RUNBOOKS, "runbooks_search", "搜索手册", "按中文内容搜索手册，最相关的在前。", _search, HitsOut, SearchQuery,
    )),
    "runbooks/<int:runbook_id>/": view_of(
        TAG,
        Endpoint(
            "GET", access.READ_RUNBOOKS, "runbooks_get", "手册", "一份手册的全文。",
            lambda caller, runbook_id: runbooks.get(runbook_id, _reader(caller)), RunbookOut,
        ),
        Endpoint(
            "PUT", access.WRITE_RUNBOOKS, "runbooks_update", "修改手册", "整份替换；标题与其他手册重复时返回 409。",
            _save, RunbookOut, RunbookIn, example=("手册", EXAMPLE),
        ),
        Endpoint(
            "DELETE", access.WRITE_RUNBOOKS, "runbooks_delete", "删除手册", "删除一份手册；历史中保留它的标题。",
            lambda caller, runbook_id: runbooks.delete(runbook_id, caller.actor), status=204,
        ),
    ),
    "runbooks/<int:runbook_id>/history/": view_of(TAG, Endpoint(
        "GET", access.READ_RUNBOOKS, "runbooks_history", "手册的历史", "谁在什么时候改了这份手册。", _history, RunbookHistoryOut,
    )),
}  # fmt: skip
