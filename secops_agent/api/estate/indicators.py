"""Indicators: where one was seen."""

from typing import Final

from rest_framework import serializers

from secops_agent.api import access
from secops_agent.api.alerting.alerts import AlertOut, ListedOut
from secops_agent.api.base import Form, PageQuery, Text
from secops_agent.api.endpoints import Endpoint, view_of
from secops_agent.api.estate.assets import AssetOut
from secops_agent.api.fields import Output
from secops_agent.services.alerts import indicators
from secops_agent.services.intelligence import views
from secops_agent.services.intelligence.views import EntryView, ListView

# Lists of indicators: what there is. Entries come in by `ingest`.

TAG: Final = "告警"


class IndicatorListOut(Output):
    """A list."""

    view = ListView
    told = {
        "id": "编号",
        "name": "名称",
        "origin": "出处",
        "enabled": "启用",
        "default_days": "条目没有写有效期时的天数；空：长期",
        "severity": "命中的告警至少为这个级别；空：不改",
        "hits": "命中的告警数",
        "compared": "已存的告警比对到百分之几",
        "updated_at": "修改时间",
    }


class ListedEntryOut(Output):
    """An entry; its texts are data that somebody else wrote."""

    view = EntryView
    told = {
        "id": "编号",
        "kind": "种类：ip cidr domain url hash email account",
        "value": "值",
        "note": "说明",
        "origin": "出处",
        "expires_at": "有效期至；空：长期",
    }


class IndicatorQuery(Form):
    """One value."""

    value = Text(max_length=500, help_text="IP、域名、URL、哈希、账号或邮箱。")
    limit = serializers.IntegerField(min_value=1, max_value=200, default=20, help_text="最多多少条告警。")


class SightingsOut(Form):
    """Where it was seen."""

    kind = serializers.CharField(help_text="种类")
    value = serializers.CharField(help_text="规范化之后的值")
    total = serializers.IntegerField(source="alerts.total", help_text="告警数，最多数到 1000")
    told = serializers.IntegerField(help_text="其中只在标题或说明里提到它的告警数")
    unread = serializers.BooleanField(help_text="较早的告警的文字还在读取，读完之前可能少算")
    alerts = AlertOut(many=True, source="alerts.items", help_text="最近的告警")
    assets = AssetOut(many=True, help_text="拥有它的我们的资产")
    listed = ListedOut(many=True, help_text="情报清单里怎么说它")
    location = serializers.CharField(help_text="公网 IP 的归属地；空：不知道")
    first_seen = serializers.DateTimeField(allow_null=True, help_text="首次出现")
    last_seen = serializers.DateTimeField(allow_null=True, help_text="最近出现")
    updated_at = serializers.DateTimeField(allow_null=True, help_text="数据更新于")


PATHS: Final = {
    "indicators/": view_of(TAG, Endpoint(
        "GET", access.READ_ALERTS, "indicators_lookup", "查询指标",
        "一个 IP、域名、URL、哈希或账号在哪些告警里出现过，是不是我们的资产。账号和邮箱只有「分析」角色或审计员查得到。",
        lambda caller, value, limit: indicators.lookup(value, limit, private=caller.private), SightingsOut, IndicatorQuery,
    )),
    "indicator-lists/": view_of(TAG, Endpoint(
        "GET", access.READ_LISTS, "indicator_lists_list", "情报清单列表",
        "按名称，游标翻页。条目用 POST /api/v1/ingest/indicators_csv/?source=清单名称 导入。",
        lambda caller, **asked: views.search_lists(**asked), IndicatorListOut, PageQuery, paged=True,
    )),
    "indicator-lists/<int:list_id>/entries/": view_of(TAG, Endpoint(
        "GET", access.READ_LISTS, "indicator_lists_entries", "清单的条目", "新的在前，游标翻页。",
        lambda caller, list_id, **asked: views.search_entries(list_id, **asked), ListedEntryOut, PageQuery, paged=True,
    )),
}  # fmt: skip
