"""The page of a source that alerts are fetched from: how it is tried, and how far it has come."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.http import HttpRequest
from django.utils import timezone

from bifang.core.admin.base import moment
from bifang.core.admin.kind_pages import KIND_PAGES, Fact, KindPage, Live
from bifang.core.admin.panels import Step
from bifang.core.admin.trying import Checkup
from bifang.core.configuration.trials import COMPLETE, CheckStep, Destination, Tryout
from bifang.core.models import SystemConfig
from bifang.core.outbound.reach import REACH
from secops_agent.admin.sources.unmerged import apart_facts
from secops_agent.connectors.aliyun.client import AlertSpan, fetch_page
from secops_agent.services.intake import pulls

ASK_S = 40.0


class AliyunTrial(Tryout):
    """An account at 云安全中心."""

    @property
    def destination(self) -> Destination:
        return Destination(self.ready.address, self.ready.proxy, self.ready.ca)


async def ask_for_alerts(trial: Tryout) -> str:
    """One page of a single alert: key, right and clock are good."""
    now = timezone.now()
    page = await fetch_page(trial.ready, AlertSpan(now - timedelta(days=1), now), 1, size=1)
    return f"AccessKey 有效，可以查询；最近一天有 {page.total} 条待处理的告警"


_ASKED: CheckStep[Any] = CheckStep(
    "alerts", "查询告警", ask_for_alerts, "按上面的原因核对 AccessKey、RAM 权限、服务区域和本机时间，再测一次。", ("tls",), ASK_S,
)  # fmt: skip
_CHECKUP: Final = Checkup(
    AliyunTrial, lambda: [("", (COMPLETE, *REACH, _ASKED))], "查询一条告警，不导入，不改动。", ASK_S + 15
)


def progress(request: HttpRequest, config: SystemConfig) -> Sequence[Fact]:
    """When it was fetched last and will be next; nothing for a service that nothing is fetched from."""
    if not pulls.fetches(config):
        return []
    row = pulls.state_of(config)
    if row is None:
        return [("拉取", "还没有开始：启用以后一分钟内开始（由 python manage.py qcluster 执行）")]
    later = "已停止：修改配置后再试" if row.parked else moment(row.next_at) if config.enabled else "已停用"
    last = moment(row.last_at) if row.last_at else "还没有成功过"
    return [
        ("上一次成功", last), ("上一次的条数", f"{row.last_seen} 条，新增 {row.last_new}"), ("下一次", later),
        ("已取到", moment(row.cursor) if row.cursor else "—"), *apart_facts(config.pk),
    ]  # fmt: skip


def pull_guide(request: HttpRequest, config: SystemConfig) -> Iterable[Step]:
    """Tried, switched on, fetched."""
    row = pulls.state_of(config)
    yield Step("启用这个配置", "先按「测试连接」，再打开「启用」并保存。", config.enabled)
    waits = "一分钟内由后台任务（python manage.py qcluster）开始；失败的原因显示在这一页。"
    yield Step("等第一次取回", waits, bool(row and row.last_at))


def watch(configs: Sequence[SystemConfig]) -> Mapping[int, Live]:
    """What each is doing."""
    return {config.pk: _live(config) for config in configs}


def _live(config: SystemConfig) -> Live:
    row = pulls.state_of(config)
    if not config.enabled:
        return Live("已停用", "idle")
    if row is None or not (row.last_at or config.last_error):
        return Live("等待第一次拉取", "info")
    if config.last_error:
        text, tone = ("已停止", "bad") if row.parked else ("稍后重试", "warn")
        return Live(text, tone, "", config.last_error, config.last_error_at)
    return Live("正常", "ok", f"上一次 {row.last_seen} 条")


KIND_PAGES.add(KindPage(kind=pulls.KIND, watch=watch, facts=progress, guide=pull_guide, checkup=_CHECKUP))
