"""Lists of indicators: what there is. Entries come in by `ingest`."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from secops_agent.api import access
from secops_agent.api.base import Form, PageQuery, View
from secops_agent.api.documentation import page_of
from secops_agent.services.intelligence import views

TAG = ["告警"]


class IndicatorListOut(Form):
    """A list."""

    id = serializers.IntegerField(help_text="编号")
    name = serializers.CharField(help_text="名称")
    origin = serializers.CharField(help_text="出处")
    enabled = serializers.BooleanField(help_text="启用")
    default_days = serializers.IntegerField(allow_null=True, help_text="条目没有写有效期时的天数；空：长期")
    severity = serializers.CharField(help_text="命中的告警至少为这个级别；空：不改")
    hits = serializers.IntegerField(help_text="命中的告警数")
    compared = serializers.IntegerField(help_text="已存的告警比对到百分之几")
    updated_at = serializers.DateTimeField(help_text="修改时间")


class ListedEntryOut(Form):
    """An entry; its texts are data that somebody else wrote."""

    id = serializers.IntegerField(help_text="编号")
    kind = serializers.CharField(help_text="种类：ip cidr domain url hash email account")
    value = serializers.CharField(help_text="值")
    note = serializers.CharField(help_text="说明")
    origin = serializers.CharField(help_text="出处")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="有效期至；空：长期")


class IndicatorListsView(View):
    """All lists."""

    needs = {"GET": access.READ_LISTS}

    @extend_schema(tags=TAG, operation_id="indicator_lists_list", summary="情报清单列表", parameters=[PageQuery],
                   responses=page_of(IndicatorListOut),
                   description="按名称，游标翻页。条目用 POST /api/v1/ingest/indicators_csv/?source=清单名称 导入。")  # fmt: skip
    def get(self, request: Request) -> Response:
        """A page."""
        return self.page(views.search_lists(**self.read_query(PageQuery)), IndicatorListOut)


class ListedEntriesView(View):
    """The entries of one."""

    needs = {"GET": access.READ_LISTS}

    @extend_schema(tags=TAG, operation_id="indicator_lists_entries", summary="清单的条目", parameters=[PageQuery],
                   responses=page_of(ListedEntryOut), description="新的在前，游标翻页。")  # fmt: skip
    def get(self, request: Request, list_id: int) -> Response:
        """A page."""
        return self.page(views.search_entries(list_id, **self.read_query(PageQuery)), ListedEntryOut)
