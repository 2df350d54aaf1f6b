"""create_schedule and delete_schedule: 每天早上9点发日报, 删除定时任务 3."""

import re
from collections.abc import Callable

from .intents import READ_TOOLS, Intent
from .manners import AFTER, NOW, POLITE
from .mood import find_doubt
from .patterns import Pattern
from .recurrence import read_recurrence
from .skeletons import Kind, Skeleton, mark

_NEW = Pattern(
    rf"^{POLITE}(?:(?:以后|今后|往后|从(?:今天|现在|今日)(?:起|开始))[,，\s]*)?{POLITE}(?:于|在)?(?:(?:新建|创建|新增|添加|增加|设置|设定|设|建立?|加|定(?!时)|安排|配置|订阅|开)(?:一个|个|一条|一下|一项|一份|项)?)?(?:定时任务|定时|计划任务|任务|提醒|订阅)?[:：,，\s]*{POLITE}",
    re.IGNORECASE,
)
_DELIVER = Pattern(
    r"^(?:[,，:：\s]*(?:都|要|来|再|自动|定时|准时|请|麻烦|帮(?:我|忙)?|(?:给|向|为|跟|往)(?:我们?|大家|群里|本群|这个群|群|团队)(?:里|内)?))*"
    r"[,，:：\s]*(?:发送|发出|发|推送|推|提醒(?:我们?|大家)?(?:去)?(?:查看|看看|看一下|看下|看|检查|查一下|关注|处理(?!中|完|过))?|汇报|播报|通知|生成|(?:喊|叫|戳|叮)我们?(?:去)?(?:查看|看看|看一下|看下|看|检查|处理(?!中|完|过))?|检查|看看|看|查询|查看|查|跑|执行|运行|告诉|同步|报告(?=.)|报(?=[给一])|出)?"
    r"(?:给)?(?:我们?|大家|群里|本群)?(?:一次|一下|一份|一遍|一张|下|份)?(?:的)?[:：,，\s]*"
)
# What is left of an unknown verb of delivery (敲我一下…) is no task.
_ADDRESSES = Pattern(r"\S{0,2}(?:我|咱|大家)(?!的|名下|手上|手头|负责|司|们的)")
_WHITHER = Pattern(r"(?:给|到|至|往)(?:我们?|大家|群里?|本群|这个群|团队)(?:里|内)?$")
_BROUGHT = Pattern(
    r"(?:都|要|请|麻烦|自动|准时|定时|帮我)*(?:把|将)(?P<task>[^,，]{2,20}?)(?:自动|准时|定时|都)*(?:发送|推送|发|推|同步|播报|转发|汇报)(?:一下|一份|一遍)?(?:给|到|至|出)?(?:我们?|大家|群里|群|本群|这个群|团队)?(?:里|内)?(?:一下|一份|一遍|来)?"
)
_DELIVERS = Pattern(
    r"[,，\s]*(?:[把将][^,，]{2,20}?|\S{0,6}?)(?:发|推|提醒|汇报|播报|通知|生成|检查|告诉|同步|报[给一]|查|看)"
)
_ENDS = Pattern(
    r"(?:日报|周报|月报|报告|总结|简报|汇总|告警|报警|预警|警报|漏洞|补丁|资产|主机|服务器|镜像|网站|统计|数量|总数|趋势|分布|情况|态势|状态|列表|清单|排名|alerts?|reports?|vulns?|\d)$",
    re.IGNORECASE,
)
_ACTS = Pattern(
    r"封|拉黑|隔离|断网|屏蔽|阻断|指派|转给|派给|认领|删除|关闭(?!的)|确认[\s一告]|block|isolate|close|assign",
    re.IGNORECASE,
)
# 没发日报, 发不发日报.
_UNSENT = Pattern(r"(?:没有?|未|不)(?:再|会|能|用|必|给我)*(?:发|推|提醒|汇报|播报|通知|生成|告诉|同步|检查)")
_GONE = r"(?:删除|删掉|取消|撤销|注销|关停|终止|清理|清除|停掉|停用|停止|移除|去掉|下掉|撤掉|关掉|退订)"
_LET_GO = r"(?:删了|停了|取消了|关了|去了|撤了|下了)吧"
_USELESS = r"(?:已经|早就|现在|今后|以后|后续|目前|现|已|均)*(?:没有?人(?:再|在)?(?:看|用|收|需要|关注)|不再(?:使用|需要|用|执行|适用)|停止使用|停用|无(?:继续)?(?:使用|保留)?的?(?:需求|需要|必要|用处)|无[需须](?:继续)?(?:使用|执行|保留|运行)|没用|没啥用|没什么用|用不着|用不上|不需要|不用|不要|没必要|多余|作废|过时|过期)了?(?:的)?"
# 不要，删掉 and 不要了，删掉, but not 不要删掉.
_NO_VERB = r"(?:(?<=[了的])|(?:(?<=使用)|(?<=需要)|(?<=需求)|(?<=必要)|(?<=用处)|(?<=停用)|(?<=作废)|(?<=过[时期])|(?<=多余))(?<!不需要)(?<!没必要)(?<!无需使用)|(?=[,，]))"
_DELETE = Pattern(
    rf"{POLITE}(?:把|将)?\s*(?:删除|删掉|删了|删|取消订阅|取消|撤销|注销|关停|终止|清理|清除|停掉|停止|停用|移除|去掉|关闭|退订|不要了?|delete|cancel)\s*(?:一下|掉)?\s*(?P<n>{mark(Kind.SCHEDULE)})(?:的(?:定时|计划)?任务)?(?:这个|了|吧)?{AFTER}"
    rf"|{POLITE}(?:把|将)\s*(?P<n2>{mark(Kind.SCHEDULE)})(?:这个)?\s*{NOW}(?:删除|删掉|删了|删|取消订阅|取消|撤销|注销|关停|终止|清理|清除|停掉|停了|停止|停用|移除|去掉|关闭|关掉)(?:掉|了|吧|一下)*{AFTER}"
    rf"|{POLITE}(?P<n3>{mark(Kind.SCHEDULE)})(?:这个)?[,，\s]*(?:{_USELESS}{_NO_VERB}[,，\s]*)?{NOW}(?:{_GONE}(?:一下|吧|处理)?|{_LET_GO}){AFTER}",
    re.IGNORECASE,
)


def read_scheduling(
    skeleton: Skeleton, text: str, understand_task: Callable[[str], Intent | None]
) -> Intent | None:
    """A schedule to create or delete; ``understand_task`` tells what the recurring sentence asks for."""
    return read_deletion(skeleton) or _read_creation(text, understand_task)


def read_deletion(skeleton: Skeleton) -> Intent | None:
    """A schedule to delete if the whole sentence is exactly that."""
    match = _DELETE.fullmatch(skeleton.text)
    if not match:
        return None
    schedule = skeleton.entities[match["n"] or match["n2"] or match["n3"]]
    return Intent("delete_schedule", {"schedule_id": schedule.value}, 1.0, skeleton.spans())


def _read_creation(text: str, understand_task: Callable[[str], Intent | None]) -> Intent | None:
    start = _NEW.match(text)
    rest = text[start.end() :] if start else text
    created = bool(start and re.search(r"定时|任务|新建|创建|添加|订阅", start.group()))
    recurrence = read_recurrence(rest)
    if not recurrence or rest[recurrence.end : recurrence.end + 1] == "的":
        return None
    said = rest[recurrence.end :]
    task = _task_of(said)
    if (
        _ADDRESSES.match(task)
        or _ACTS.search(task)
        or not _ENDS.search(task)
        or not (created or _is_order(rest, recurrence.end))
    ):
        return None
    wanted = understand_task(task) if task and not _is_doubtful(said) else None
    if wanted is None or wanted.tool not in READ_TOOLS or wanted.tool in {"list_schedules"}:
        return None
    return Intent("create_schedule", {"task": task, "cron": recurrence.cron}, 0.95)


def _is_order(rest: str, end: int) -> bool:
    """Without 新建定时任务 in front it needs 每 or 工作日, and either a clock or a verb of delivery."""
    return bool(re.match(r"每|工作日|周.[到至]周", rest)) and bool(
        re.search(r"[点时:\d]|分钟", rest[:end]) or _DELIVERS.match(rest[end:])
    )


def _task_of(said: str) -> str:
    """发日报给我 and 将日报发给我 both ask for 日报."""
    brought = _BROUGHT.fullmatch(said.strip(" ,，。.!！"))
    if brought:
        return brought["task"].strip()
    task = re.sub(rf"{AFTER}$", "", said[_delivery_end(said) :], flags=re.IGNORECASE).strip(" ,，。.!！")
    return _WHITHER.sub("", task)


def _delivery_end(said: str) -> int:
    match = _DELIVER.match(said)
    return match.end() if match else 0


def _is_doubtful(said: str) -> bool:
    """A delivery verb makes even 有哪些 a wish; without one a question is a question."""
    delivered = re.search(r"发|推|提醒|汇报|播报|通知|生成|告诉|同步|检查", said)
    doubt = find_doubt(
        re.sub(
            r"(?:还?没有?|未)(?:人)?(?:处理|处置|关闭|确认|认领|解决)|有没有(?=\S)|已(?:处理|关闭|确认)",
            "",
            said,
        )
    )
    if _UNSENT.search(said):
        return True
    if re.match(r"[,，\s]*(?:都|会|就|已经?)*(?:发|推送?|提醒|检查)(?:了|过|的)", said):
        return True
    if doubt == "question":
        return not delivered or bool(re.search(r"[?？吗么]|为什么|谁|怎么|如何|是否|能不能|要不要", said))
    return doubt in ("negation", "quotation", "condition")
