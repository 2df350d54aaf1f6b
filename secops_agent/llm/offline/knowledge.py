"""Reading runbooks, reports, schedules and the state of Bifang itself."""

import re

from .intents import Intent
from .skeletons import ANY_MARK, Kind, Skeleton

_MANUAL = r"(?:值班|应急|处置|操作|响应|安全)*(?:手册|预案|sop|playbook|runbook|指南|剧本|规程)|(?:应急|处置|处理|响应|操作|应对|排查|上报|恢复|隔离|封禁|解封|审批|值班)(?:响应|处理|处置)?(?:的)?(?:流程|步骤|方案|方法|办法|措施|规范|指引|建议|思路)|流程"
_MANUALS = re.compile(_MANUAL, re.IGNORECASE)
_HOW = re.compile(
    r"如何|怎么(?!样|回事|了|这么|那么|分布|这么)|怎样(?!了|$)|咋(?!样|了|回事)|怎么办|咋办|咋整|咋弄|怎么弄|怎么搞|该怎么|\bhow (?:to|do|should)\b|应该做什么|要做什么|该做什么|(?:第一步|先)做什么",
    re.IGNORECASE,
)
_HOW_WORDS = re.compile(
    r"(?:应该|应当|该|要|需要|我们|我|咱们|你|请问|一般|通常|到底|具体|如果|万一|要是|发现了?|遇到了?|碰到了?|出现了?|发生了?|收到了?)*(?:如何|怎么办|怎么样?|怎样|咋办|咋整|咋弄|咋|怎么弄|怎么搞|how (?:to|do i|should i|do we))(?:才能|去|来)?(?:进行|做|开展)?",
    re.IGNORECASE,
)
_GENERIC_VERB = r"(?:处理|处置|应对|应急响应|应急|响应|解决|搞定|办|弄|搞|整|操作)"
_EDGE = re.compile(
    rf"^(?:{_GENERIC_VERB}|请问|请|麻烦|帮我|帮忙|给我|查一下|查询|查下|查|看一下|看看|看下|看|搜索|搜一下|搜|找一下|找|打开|翻一下|有没有|有什么|有哪些|有|我们的?|我|关于|针对|对于|对|一下|一份|份|个|发现了?|遇到了?|碰到了?|如果|要是|万一|收到|中了(?=\S{{2,}})|的|了|,|，|:|：|\s|值班手册|手册|预案|那|这种|这个)+"
    rf"|(?:{_GENERIC_VERB}|一下|怎么|的(?:话|时候)?|了|吗|么|呢|吧|啊|呀|谢谢|在哪里|在哪|有没有|有吗|是什么|是啥|有哪些|有什么|什么|哪些|该|应该|要|发我|给我|看看|,|，|。|\?|？|!|\s|时|后|之后|事件(?=$)|修复?(?=$))+$",
    re.IGNORECASE,
)
_REPORT = re.compile(
    r"日报|周报|月报|简报|安全报告|运营报告|值班报告|工作报告|报告|report|安全(?:总体|整体)?(?:态势|情况|状况|形势)|态势|总结|(?:整体|总体)(?:安全)?(?:情况|状况)|(?:情况|安全)(?:怎么样|如何|咋样|怎样)|概况|总览|overview|summary|daily|weekly|monthly",
    re.IGNORECASE,
)
_PERIODS = (("today", r"日报|daily"), ("this_week", r"周报|weekly"), ("this_month", r"月报|monthly"))
_STATE = re.compile(r"(?:情况|状况|态势|形势|状态)(?:怎么样|如何|怎样|咋样)[?？。]?$")
_EARLIER = {"today": "yesterday", "this_week": "last_week", "this_month": "last_month"}
_SCHEDULES = re.compile(
    r"定时任务|定时(?:报告|推送|提醒)?|订阅|计划任务|任务列表|(?:有|看|列|查)\S{0,6}任务|schedules?|我的任务|周期任务|例行任务",
    re.IGNORECASE,
)
_SERVICE = re.compile(
    r"^(?:查|看|查看|查询|检查|看下|看看|看一下|查一下|查下|检查一下|show|请|帮我|当前|现在|你|您|的|毕方|bifang|机器人|系统|服务|平台|自身|\s)*(?:运行|服务|系统|健康|连接|在线|工作|机器人)*(?:状态|状况|健康检查|健康|status|health)(?:怎么样|如何|怎样|正常吗|还好吗|ok吗|好吗|检查|一下|了|呢|吗|[?？。!])*$|"
    r"(?:毕方|bifang|机器人|你|您|系统|服务|平台|bot|stream|钉钉|dingtalk|worker|大?模型|通义千问|千问|qwen|消息通道|推送服务)\S{0,8}(?:正常|在线|活着|挂了|状态|健康|断了|断开|连上|连接|还好|可用|好使|ok|工作吗|运行吗|版本|离线模式|故障)|"
    r"(?:服务|系统)(?:状态|是否正常|还好)|\b(?:service|system|bot) (?:status|health)\b|\bping\b|^status$|are you (?:ok|alive|up)",
    re.IGNORECASE,
)


def read_manual(skeleton: Skeleton) -> Intent | None:
    """search_runbook when a manual is named."""
    if not _MANUALS.search(skeleton.text) or re.search(r"定时", skeleton.text):
        return None
    return _search(skeleton, 0.95)


def read_how_to(skeleton: Skeleton) -> Intent | None:
    """search_runbook for how, what to do; never for how many, how come, how is it going."""
    if not _HOW.search(skeleton.text) or _STATE.search(skeleton.text):
        return None
    return _search(skeleton, 0.9)


def _search(skeleton: Skeleton, confidence: float) -> Intent | None:
    query = shorten_query(skeleton.expand(skeleton.text))
    return Intent("search_runbook", {"query": query}, confidence, skeleton.spans()) if query else None


def shorten_query(text: str) -> str:
    """The topic of a how-to question: 如何处置勒索病毒 → 勒索病毒, 如何隔离主机 → 隔离主机."""
    bare = _MANUALS.sub(" ", text)
    bare = _HOW_WORDS.sub(" ", bare).strip()
    for _ in range(3):
        bare = _EDGE.sub("", bare).strip(" ,，。?？!！:：")
    bare = re.sub(r"\s+", " ", bare)
    return bare or re.sub(r"[?？。!！\s]+$", "", _EDGE.sub("", text))


def read_report(skeleton: Skeleton) -> Intent | None:
    """security_report with its period; 日报 is today, with 昨天 yesterday."""
    text = skeleton.text
    if not _REPORT.search(text) or skeleton.first(
        Kind.ASSET, Kind.ASSET_IP, Kind.IP, Kind.DOMAIN, Kind.HASH, Kind.URL
    ):
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
    if ANY_MARK.search(skeleton.text) or not _SERVICE.search(skeleton.text):
        return None
    return Intent("service_status", {}, 0.9)
