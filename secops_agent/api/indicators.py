"""Indicators: where one was seen."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from secops_agent.api import access
from secops_agent.api.alerts import AlertOut, ListedOut
from secops_agent.api.assets import AssetOut
from secops_agent.api.base import Form, Text, View
from secops_agent.services.alerts import indicators


class IndicatorQuery(Form):
    """One value."""

    value = Text(max_length=500, help_text="IP、域名、URL、哈希、账号或邮箱。")
    limit = serializers.IntegerField(min_value=1, max_value=200, default=20, help_text="最多多少条告警。")


class SightingsOut(Form):
    """Where it was seen."""

    kind = serializers.CharField(help_text="种类")
    value = serializers.CharField(help_text="规范化之后的值")
    total = serializers.IntegerField(source="alerts.total", help_text="告警数，最多数到 1000")
    alerts = AlertOut(many=True, source="alerts.items", help_text="最近的告警")
    assets = AssetOut(many=True, help_text="拥有它的我们的资产")
    listed = ListedOut(many=True, help_text="情报清单里怎么说它")
    location = serializers.CharField(help_text="公网 IP 的归属地；空：不知道")
    first_seen = serializers.DateTimeField(allow_null=True, help_text="首次出现")
    last_seen = serializers.DateTimeField(allow_null=True, help_text="最近出现")
    updated_at = serializers.DateTimeField(allow_null=True, help_text="数据更新于")


class IndicatorEndpoint(View):
    """Look one up."""

    needs = {"GET": access.READ_ALERTS}

    @extend_schema(tags=["告警"], operation_id="indicators_lookup", summary="查询指标", parameters=[IndicatorQuery],
                   responses=SightingsOut, description="一个 IP、域名、URL、哈希或账号在哪些告警里出现过，是不是我们的资产。")  # fmt: skip
    def get(self, request: Request) -> Response:
        """Alerts and assets."""
        asked = self.read_query(IndicatorQuery)
        return Response(SightingsOut(indicators.lookup(asked["value"], asked["limit"])).data)
