"""Reading reports, schedules and the state of Bifang itself."""

import re

from .intents import Intent
from .patterns import Pattern
from .skeletons import ANY_MARK, Kind, Skeleton, mark

_PERIODS = (("today", r"日报|daily"), ("this_week", r"周报|weekly"), ("this_month", r"月报|monthly"))
_REPORT = Pattern(
    r"日报|周报|月报|简报|安全报告|运营报告|值班报告|工作报告|报告(?!警|一?下)|report|安全(?:总体|整体|运营|运行|工作)*(?:态势|情况|状况|形势)|态势|总结|(?:整体|总体)(?:安全)?(?:情况|状况)|(?:情况|安全)(?:怎么样|如何|咋样|怎样)|概况|总览|overview|summary|daily|weekly|monthly",
    re.IGNORECASE,
)
# 写周报用，上周告警每天多少: what the figures are for.
_FOR_A_REPORT = Pattern(
    r"(?:^|(?<=[,，。]))[^,，。]{0,8}(?:写|凑|做|准备|赶|弄|要|交|汇报)[^,，。]{0,4}(?:日报|周报|月报|简报|报告|总结)[^,，。]{0,4}[,，](?=[^,，]{0,20}(?:告警|报警|漏洞|资产|主机))"
)
# 告警分布情况如何 asks for figures, not for a report.
_FIGURES = Pattern(r"(?:告警|报警|漏洞|资产)\S{0,8}(?:分布|占比|比例|趋势|走势|统计|排名|数量)")
_WRITTEN = Pattern(r"[日周月简]报|报告(?!警)|总结|态势|report|summary|daily|weekly|monthly", re.IGNORECASE)
_EARLIER = {"today": "yesterday", "this_week": "last_week", "this_month": "last_month"}
_SCHEDULES = Pattern(
    r"(?:订|配|设|挂|开|建)(?:阅|置|立)?了\S{0,6}(?:推送|任务|报告|提醒|播报)|(?:推送|提醒|播报)(?:任务|计划)|(?:配置|设置)\S{0,6}(?:推送|任务)|定时任务|\bcron\b|(?:scheduled|recurring) (?:tasks?|jobs?)|\bjobs?\b|定时(?:报告|推送|提醒)?|订阅|计划任务|任务列表|(?:有|看|列|查)\S{0,6}任务|schedules?|我的任务|周期任务|例行任务",
    re.IGNORECASE,
)
_SELF = r"(?:毕方|小毕|bifang|机器人|你们?|您|系统|服务(?!器)|平台|bot|stream|钉钉|dingtalk|worker|大?模型|通义千问|千问|qwen|消息通道|推送服务|助手)"
_HEALTHY = r"(?:正常|在线|掉线|离线|断线|活着|活的|死了|死机|卡死|卡住|宕|崩|挂了|挂没|挂掉|歇菜|罢工|趴窝|状态|健康|断了|断开|连上|连接|还好|可用|好使|能用|能不能用|ok|积压|堆积|拥堵|堵|工作吗|干活|运行|版本|故障|吭声|吱声|反应|响应|回应|回话|报错|出问题|有问题|通不通|通吗|连得上|连不上|连着|抽风|health(?:[ -]?check)?)"
_SERVICE = Pattern(
    r"^(?:查|看|查看|查询|检查|看下|看看|看一下|查一下|查下|检查一下|瞅瞅|瞅下|show|请|帮我|当前|现在|你|您|的|毕方|bifang|机器人|系统|服务|平台|自身|bot|\s)*(?:运行|服务|系统|健康|连接|在线|工作|机器人|bot)*(?:状态|状况|健康检查|健康|status|health)(?:怎么样|如何|怎样|咋样|正常[吗不没么]|看一?[下眼]|查一?下|说一?[下声]|发我|给我|好不好|还好吗|ok吗|ok不|行不行|好[吗不]|检查|瞅瞅|看看|一下|了|呢|吗|[?？。!])*$|"
    rf"{_SELF}[^,，]{{0,8}}{_HEALTHY}|^(?:现在|目前|今天|还|是不是|是否)*(?:活着|在线|正常|好使|挂了|死机|宕机|卡死|掉线|离线|在不在线|能用)了?(?:没有?|吗|么|不|了没)?[?？]?$|"
    r"(?:消息|任务|推送)?队列(?!服务)[^,，]{0,6}(?:积压|堆积|拥堵|堵)|^(?:自己|自身|本身|现在|目前|今天|最近|刚才|还|都|是不是|是否|有没有|会不会)*(?:又)?(?:出|有|发生)?(?:了)?(?:故障|毛病|岔子)了?(?:没有?|吗|么|没)?[?？]?$|^(?:自己|自身|本身|现在|如今|眼下|当下|目前|今天|一切|都|还|可|是否|得|在)*(?:运行|工作|运转)(?:得|是否|可|还|都|一切|状态|情况)*(?:正常|稳定|良好|ok|健康)(?:不正常)?(?:吗|么|没有?|不)?[?？]?$|"
    r"(?:服务|系统)(?:状态|是否正常|还好)|\b(?:service|system|bot) (?:status|health)\b|\bping\b|^status$|are you (?:ok|alive|up|there)",
    re.IGNORECASE | re.ASCII,
)


def read_report(skeleton: Skeleton) -> Intent | None:
    """security_report with its period; 日报 is today, with 昨天 yesterday."""
    text = _FOR_A_REPORT.sub("", skeleton.text)
    if not _REPORT.search(text) or skeleton.first(
        Kind.ASSET, Kind.ASSET_IP, Kind.IP, Kind.DOMAIN, Kind.HASH, Kind.URL
    ):
        return None
    if _FIGURES.search(text) and not _WRITTEN.search(text):
        return None
    times = [entity.value.period for entity in skeleton.found(Kind.TIME)]
    said = next((period for period in times if period), "")
    kind = next((period for period, words in _PERIODS if re.search(words, text, re.IGNORECASE)), "")
    period = said or kind or "today"
    if kind and said and said not in (kind, _EARLIER[kind]):
        period = _reconcile(kind, said)
    if re.search(r"上一?(?:期|份|次)", text) and period in _EARLIER:
        period = _EARLIER[period]
    return Intent("security_report", {"period": period}, 0.95, skeleton.spans())


def _reconcile(kind: str, said: str) -> str:
    """今天的周报 is this week's: the kind of report counts, the day only tells which one."""
    earlier = said in _EARLIER.values()
    return _EARLIER[kind] if earlier and said != "yesterday" else kind


def read_schedules(skeleton: Skeleton) -> Intent | None:
    """list_schedules."""
    if not _SCHEDULES.search(skeleton.text) or re.search(r"如何|怎么|怎样|手册", skeleton.text):
        return None
    return Intent("list_schedules", {}, 0.9, skeleton.spans())


def read_service(skeleton: Skeleton) -> Intent | None:
    """service_status: only about Bifang itself."""
    piled_up = {char for char, one in skeleton.entities.items() if one.raw.startswith("积压")}
    said = "".join(skeleton.expand(char) if char in piled_up else char for char in skeleton.text)
    text = re.sub(mark(Kind.TIME), "", said)
    clauses = [clause for clause in re.split(r"[,，]", text) if clause.strip()]
    if ANY_MARK.search(text) or not (_SERVICE.search(text) or all(map(_SERVICE.search, clauses))):
        return None
    return Intent("service_status", {}, 0.9)
