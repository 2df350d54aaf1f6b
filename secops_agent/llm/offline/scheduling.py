"""create_schedule and delete_schedule: 每天早上9点发日报, 删除定时任务 3."""

import re
from collections.abc import Callable

from .chunks import Role, Words
from .facts import is_fact
from .intents import READ_TOOLS, Intent
from .mood import find_doubt
from .orders import Grammar, read_orders
from .patterns import Pattern
from .recurrence import Recurrence, read_recurrence
from .skeletons import Kind, Skeleton, mark
from .wording import AFTERWARDS, COMMON, COURTESY

_NOUN = r"(?:定时任务|定时推送|定时提醒|定时|计划任务|周期任务|推送任务|任务|提醒|订阅)"
_ONE = r"\s*(?:an?(?= )|一个|个|一条|条|一下|下|一项|一份|项|份)?(?:新的)?"
_MAKE = r"(?:schedule|create|set ?up|新建|创建|新增|添加|增加|设置|设定|设|建立?|加|定(?!时)|安排|配置|配|订阅|订|开|弄|搞|整)"
_US = r"(?:我们?|咱们?|大家|群里?|本群|这个群|工作群|安全群|团队|值班群)(?:里|内)?"
_WORDS = Words(
    (Role.MAKE, rf"{_MAKE}{_ONE}\s*(?:{_NOUN}|推送)|{_NOUN}|(?:schedule|新建|创建|添加|订阅){_ONE}"),
    (Role.MAKE, rf"(?:做|设置?|改|弄|调)成{_ONE}{_NOUN}?"),
    (Role.MAKING, rf"{_MAKE}{_ONE}"),
    (Role.NOUN, rf"的(?:{_NOUN}|推送)(?=\s*(?:[,，:：]|$))"),
    (Role.REMIND, rf"(?:提醒|通知|叫|喊){_US}$"),
    (
        Role.GLUE,
        r"(?:任务|发送|推送)?内容(?:是|为)?|(?:执行|推送|发送)?(?:时间|频率|周期)(?:是|为)?",
    ),
    (
        Role.DELIVER,
        rf"(?:发送|发出|发(?![现布起])|推送|推|提醒(?:{_US})?(?:去)?(?:查看|看看|看一下|看下|看|检查|查一下|关注|处理(?!中|完|过))?|汇报|播报|通知|生成|(?:喊|叫|戳|叮){_US}(?:去)?(?:查看|看看|看一下|看下|看|检查|处理(?!中|完|过))?|跑|执行|运行|告诉|同步|转发|报告(?=.)|报(?=[给一])|出|来(?=[一个份]))(?:给)?(?:{_US}(?!名下|手上|手头|负责|司|们的|的))?",
    ),
    (
        Role.LOOK,
        rf"(?:检查|看看|看|查询|查看|查)(?:一下|下)?(?:{_US}(?!名下|手上|手头|负责|司|们的|的))?",
    ),
    (Role.GLUE, rf"(?:给|向|为|跟|往|到|至|叫|喊){_US}(?!名下|手上|手头|负责|司|们的|的)"),
    (Role.WISH, r"我?(?:想要?|希望|需要)(?:能|在)?|能够?(?=收|看)|收到|看到|拿到|收(?!敛)"),
    (
        Role.GLUE,
        r"(?:以后|今后|往后)|从(?:今天|现在|今日|明天|明日|下周)(?:起|开始)|于|在|都|要|再|自动|定时|准时|按时|统一|固定|一次|一份|一遍|一张|份|把|将|让(?:机器人|毕方)|就|来|并|先|直接|尽快|去",
    ),
    (Role.GLUE, r"[,，;；。.:：!！~\s]+"),
    *COURTESY,
)
# What is left of an unknown verb of delivery (敲我一下…) is no task.
_ADDRESSES = Pattern(r"\S{0,2}(?:我|咱|大家)(?!的|名下|手上|手头|负责|司|们的)|[了过着的]")
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
_QUOTED = Pattern(r"[「『“\"]\s*(?P<task>[^「」『』“”\"]{2,40})[」』”\"]")
_STARTS = Pattern(
    r"每|(?<![每适恰正])逢(?=周|星期|礼拜)|工作日|天天|(?<![上下本这每到至])(?:周|星期|礼拜)(?=.[到至-])"
)
_OF_TASK = Pattern(rf"的(?:{_NOUN}|推送)\s*[,，:：]")
_WEEK = r"(?:周|星期|礼拜)"
_WEEKLY = rf"每一?个?{_WEEK}(?:都要?|来?一[次份回]|固定|如此|循环)*"
_RECURS_AFTER = Pattern(
    rf"(?<![每逢上下本这那到至])(?P<day>{_WEEK}[一二三四五六日天][^,，。?？]{{0,12}})[,，]\s*{_WEEKLY}(?=[,，]|$)"
)
_RECURS_BEFORE = Pattern(rf"{_WEEKLY}(?:\s*[,，]\s*|的)(?={_WEEK}[一二三四五六日天])")
# What a task that stands before the time may be made of: 打算日报每天9点发 is none.
_PLAIN = Pattern(
    r"(?:(?:昨|当|前一)日|(?:今|当|前一)天|(?:昨天|昨晚|上一?周|上个?月)(?=的)|本周|本月|(?:最近|过去|近)\S{1,4}?(?:天|小时|周|日)|未处理|未关闭|没处理|待处理|处理中|已关闭|高危|严重|紧急|中危|低危|及?以上|安全|运营|值班|漏洞|告警|报警|预警|资产|主机|服务器|"
    r"日报|周报|月报|简报|报告|报表|总结|汇总|统计$|数量|总数|趋势|分布|情况|态势|状态|列表|清单|排名|最新|新增|所有|全部|我们|公司|的|和|与|、|[A-Za-z][A-Za-z-]*\d+|\s)++"
)
_SEVERAL = Pattern(r"[,，;；]|\S(?:推送|发送|提醒(?:我|大家)|发(?=[日周月]报))")
_PURPOSE = Pattern(r"[,，]\s*(?:省得|免得|方便|便于|好让|这样)[^,，。?？吗]{1,16}$")
_USELESS = r"(?:已经|早就|现在|今后|以后|后续|目前|现|已|均|都|反正|一直|暂时)*(?:没有?人(?:再|在)?(?:看|用|收|需要|关注|管)|不再(?:使用|需要|用|执行|适用)|停止使用|停用了|无(?:继续)?(?:使用|保留)?的?(?:需求|需要|必要|用处)(?:保留|继续)?|无[需须](?:继续)?(?:使用|执行|保留|运行)|没用|没啥用|没什么用|用不着|用不上|不(?:想|再)?(?:需要|用|要)(?=$|[了的])|不想(?:要|看|收)|没必要(?:了|$)|多余|作废|过时|过期|失效)了?(?:的)?"
_KIND = r"的?(?:定时|计划|推送|例行)?(?:任务|推送|订阅)"
_TASK = mark(Kind.SCHEDULE)
DELETION = Grammar(
    words=Words(
        (
            Role.OBJECT,
            rf"(?:(?:我|我们)(?:的|那个|之前建的|建的)?|(?:这|那|该|此)个?|编号为?)?\s*{_TASK}(?:这|那)?个?(?:{_KIND})?",
        ),
        (
            Role.DELETE,
            rf"(?:删除|删掉|删(?![改减节选库])|取消订阅|取消|撤销|撤(?=[了掉])|注销|关停|终止|清理|清除|停掉|停止(?!使)|停用(?!了)|停(?=[了掉])|移除|去掉|去(?=了)|下掉|下(?=了)|撤掉|关闭|关掉|关(?=了)|退订|delete|del(?![a-z])|cancel|remove){AFTERWARDS}",
        ),
        (
            Role.UNUSED,
            r"(?:都|已经?|早就|现在|目前|反正|也)*(?:没有?人(?:再)?(?:看|用|收|需要|关注|管)|用不着|用不上|不再使用)了?|(?:后面|以后|今后|后续)(?:都|也)?(?:不(?:再)?(?:需要|用)|用不(?:着|上|到))了?",
        ),
        (Role.USELESS, _USELESS),
        *COMMON,
    ),
    objects=(Kind.SCHEDULE,),
    verbs=frozenset({Role.DELETE}),
    doubtless=frozenset({Role.DELETE, Role.USELESS, Role.UNUSED}),
    is_fact=is_fact,
)


def read_scheduling(
    skeleton: Skeleton, text: str, understand_task: Callable[[str], Intent | None]
) -> Intent | None:
    """A schedule to create or delete; ``understand_task`` tells what the recurring sentence asks for."""
    return read_deletion(skeleton) or _read_creation(text, understand_task)


def read_deletion(skeleton: Skeleton) -> Intent | None:
    """A schedule to delete; why it is to go is not kept."""
    for order in read_orders(skeleton, DELETION):
        roles = [chunk.role for chunk in order.chunks]
        noted = order.remark is not None and order.remark.kind == "note"
        # 删掉，不要了 may take back what 不要了，删掉 gives a reason for.
        if (
            roles.count(Role.DELETE) == 1
            and Role.USELESS not in roles[roles.index(Role.DELETE) :]
            and not noted
        ):
            return Intent("delete_schedule", {"schedule_id": order.value}, 1.0, skeleton.spans())
    return None


def _read_creation(text: str, understand_task: Callable[[str], Intent | None]) -> Intent | None:
    """A recurrence, a question that the grammar understands, and a word of making or delivering, in any order."""
    bare, quoted = _take_quoted(_join_recurrence(_PURPOSE.sub("", text)))
    found = _find_recurrence(bare)
    if not found:
        return None
    before, recurrence, after = found
    parts = [_strip(before), _strip(after)]
    tasks = [task for _, task in parts if task] + ([quoted] if quoted else [])
    said = f"{before}，{after}"
    if len(tasks) != 1 or not _is_order(parts, recurrence) or _is_doubtful(said):
        return None
    task = tasks[0]
    if parts[0][1] and not _PLAIN.fullmatch(task):
        return None
    if (
        _ADDRESSES.match(task)
        or _ACTS.search(task)
        or _find_recurrence(task)
        or _SEVERAL.search(task)
        or not _ENDS.search(task)
    ):
        return None
    wanted = understand_task(task)
    if wanted is None or wanted.tool not in READ_TOOLS or wanted.tool in {"list_schedules"}:
        return None
    return Intent("create_schedule", {"task": task, "cron": recurrence.cron}, 0.95)


def _join_recurrence(text: str) -> str:
    """周一上午十点，每周都要，…: what recurs, said beside the day, is put before it."""
    return _RECURS_BEFORE.sub("每", _RECURS_AFTER.sub(lambda match: f"每{match['day']}", text))


def _take_quoted(text: str) -> tuple[str, str]:
    """The sentence without the task that is quoted in it, and the task."""
    match = _QUOTED.search(text)
    if not match or len(_QUOTED.findall(text)) > 1 or _find_recurrence(match["task"]):
        return text, ""
    return f"{text[: match.start()]}{text[match.end() :]}", match["task"].strip()


def _find_recurrence(text: str) -> tuple[str, Recurrence, str] | None:
    """What stands before it, the recurrence itself, what stands after it."""
    for match in _STARTS.finditer(text):
        recurrence = read_recurrence(text[match.start() :])
        if recurrence:
            after = text[match.start() + recurrence.end :]
            of = after.startswith("的") and not _OF_TASK.match(after)
            return None if of else (text[: match.start()], recurrence, after)
    return None


def _strip(text: str) -> tuple[tuple[Role, ...], str]:
    """The roles of the words around the task, and the task itself."""
    chunks = _WORDS.cut(text)
    unknown = [i for i, chunk in enumerate(chunks) if chunk.role is Role.UNKNOWN]
    if not unknown:
        return tuple(chunk.role for chunk in chunks), ""
    inside = chunks[unknown[0] : unknown[-1] + 1]
    outside = (*chunks[: unknown[0]], *chunks[unknown[-1] + 1 :])
    return tuple(chunk.role for chunk in outside), "".join(chunk.text for chunk in inside)


def _is_order(parts: list[tuple[tuple[Role, ...], str]], recurrence: Recurrence) -> bool:
    """Without 新建定时任务 it needs a verb of delivery, or a clock and the task after it."""
    roles = {role for said, _ in parts for role in said}
    if Role.LOOK in parts[0][0] or (Role.DELIVER in parts[0][0] and not parts[0][1]):
        return False
    if Role.NOUN in roles and (Role.NOUN in parts[0][0] or not roles & {Role.MAKING, Role.MAKE}):
        return False
    if roles & {Role.MAKE, Role.NOUN}:
        return True
    if Role.WISH in roles:
        return False
    return bool(roles & {Role.DELIVER, Role.LOOK, Role.REMIND}) or (recurrence.timed and not parts[0][1])


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
