"""Whether a sentence commands, or only speaks about an action: negation, question, quotation, report, plan.

The action rules match whole sentences only; this is the second lock on the same door.
"""

import re
from typing import Literal

from .patterns import Pattern

Doubt = Literal["negation", "question", "quotation", "condition", "report", "plan"]

_QUESTION = Pattern(
    r"[?？]|妥否|当否|请(?:领导|您)?(?:批示|指示|审批|批准|定夺|裁定|决定)|[吗嘛么](?:$|[\s,.!。，！])|(?<!那)呢(?:$|[\s,.!。，！])|如何|怎么|怎样|咋|为什么|为何|为啥|干嘛|干啥|谁|哪|什么|啥|是否|是不是|能不能|可不可以|"
    r"要不要|该不该|应不应|有没有|会不会|需不需要|用不用|行不行|好不好|对不对|没有$|了没|多久|多少|几时|何时|\b(?:should|can|could|would|what|why|who|how|when|which|is|are|was|did|does)\b",
    re.IGNORECASE | re.ASCII,
)
_NEGATION = Pattern(
    r"不要|别(?!名|的|处)|不用|不必|甭|无需|毋需|无须|不需|不得|禁止|切?勿|没必要|没有必要|暂不|暂缓|先不|不准|不许|不能|不可|不应|不该|不宜|不建议|不想|不打算|不再|"
    r"不是|不会|不让|不允许|没让|没叫|没有|取消|撤[销回]|解除|解封|解禁|放行|恢复|停止|算了|等等|等会|稍后|晚点|回头|反对|拒绝|免得|避免|防止|除非|以免|开玩笑|说错|"
    r"\b(?:not|don'?t|never|no|cancel|undo|unblock|un\w+|stop|avoid|without)\b",
    re.IGNORECASE | re.ASCII,
)
_QUOTATION = Pattern(
    r"[「」『』“”‘’\"《》`]|(?<![a-z])'|他说|她说|他们说|有人|说[:，,「“]|说要|说是|(?:邮件|告警|文档|日志|消息|工单|通知|手册|文章|报告|群里|领导|老板|客户|截图|网页|公告|标题|内容|对方|攻击者|用户|厂商)(?:里|中|上)?(?:面)?(?:的)?(?:内容)?(?:是)?(?:说|写|要求|提到|让|建议|叫|显示|提示|称|声称|发来|希望)|写着|提到|翻译|原文|引用|转发|摘要|"
    r"\b(?:says?|said|quote|translate|email|asked)\b",
    re.IGNORECASE | re.ASCII,
)
_CONDITION = Pattern(
    r"如果|如(?=业务|需|有(?!何)|经|无|遇|仍|再|确|属|您|贵)|必要时|届时|视情况|假如|假设|要是|若(?!干)|倘若|万一|一旦|的话|除非|只要|再(?:有|来|出现|发现)|否则|当.{1,20}时|\b(?:if|when|unless|(?<!at )once)\b",
    re.IGNORECASE | re.ASCII,
)
_REPORT = Pattern(
    r"已经?|曾|刚(?!性)|被|过了|了(?=\S*的)|了没|完了|完毕|成功|失败|记录|历史|之前|上次|昨天|前天|上周|去年|[封禁离黑断闭关掉单案结住死网线蔽截锁堵停杀n单]\s*了(?=$|[,，。 !！])(?<!把)|\b(?:was|were|been|has|have|had|blocked|isolated|closed)\b",
    re.IGNORECASE | re.ASCII,
)
_PLAN = Pattern(
    r"打算|准备|计划|建议|考虑|想要?(?:不|知)|也许|可能|大概|或许|应该|最好|希望|估计|预计|将要|明天|后天|下周|以后|之后|等.{1,10}再|能否|可否|可以|试试|模拟|演练|测试一下|举例|例如|比如|假装|"
    r"\b(?:plan|maybe|might|suggest|recommend|tomorrow|later|example|suppose)\b",
    re.IGNORECASE | re.ASCII,
)
_ORDER: tuple[tuple[Doubt, Pattern], ...] = (
    ("quotation", _QUOTATION),
    ("condition", _CONDITION),
    ("question", _QUESTION),
    ("negation", _NEGATION),
    ("report", _REPORT),
    ("plan", _PLAN),
)
_FREE_TEXT: tuple[Pattern, ...] = (
    _QUESTION,
    Pattern(r"[?？「」『』“”\"]|[吗么](?:$|[\s,.!。，！])"),
    Pattern(
        r"不要|别(?!名|的|处|人)|勿|算了|还是|等等|等会|等一下|等下|^等(?!待?(?:业务|用户|客户|对方|反馈|回复|厂商|运维|开发))|等$|才怪|就好了|没用|是错的|引用|意思|稍后|取消|撤[销回]|先不|暂不|开玩笑|说错|不对|不用|无需|不是让|don'?t|\bnot\b|cancel|如果|假如|要是|的话|是谁|怎么|如何|为什么|会(?:怎|不)|能不能|要不要",
        re.IGNORECASE,
    ),
    Pattern(
        r"妥否|当否|请(?:领导|您)?(?:批示|指示|审批|批准|定夺|裁定|决定)|再说|行不|可以不|好不好|不行$|不好$|不妥|不合适|没必要|多好$|太早|太急|先问|有人反对|他说的|干的$|误操作|[没不][啊呀呢]?$|^过了?$|^(?:成功|失败|完成)了?$|(?:误报|告警|业务|上报|机器)\s*(?:失败|成功)了?$|(?<!攻击)(?<!登录)(?<!爆破)(?<!利用)(?<!入侵)(?<!注入)(?:失败|成功)了$|的(?:原因|截图|日志|申请单?|结果|步骤|流程|记录|命令|后果|人|时候)$|之[前后]$|以[前后]$|这个操作$|是(?:谁|他|她)"
    ),
    Pattern(
        r"(?:然后|并且?|再|接着|同时|顺便|以及|另外|还要).{0,6}(?:封|拉黑|隔离|断网|关闭|指派|转给|确认|删除|屏蔽|阻断)"
    ),
)
_TAKES_BACK = Pattern(
    r"(?:点|搞|弄|打|发|看|说|记|选|填|写|指|派)错|错了|弄混|手[滑抖误]|口误|笔误|误会|误操作|逗(?:你|您|大家)?玩?|骗(?:你|您|人)|瞎(?:说|写|扯)|胡说|乱(?:说|写|点)|说着玩|闹着玩|玩笑|慢着|且慢|打住|停(?:一下|下)?$|hold on|wait|作罢|罢了|免了|算了|拉倒|"
    r"(?:先|再)(?:看看|想想|看一?下|想一?下|确认|核实|核对|等|问|考虑|研究|商量|讨论|观察|放|说|议)|回头|改天|过会|过后|过几天|待会|等会|晚点|晚些|稍后|以后|下次|放一?放|缓一?缓|先放|放着|不急着|别急|急什么|"
    r"(?:等(?!待|(?:业务|用户|客户|对方|厂商|运维|开发)[方侧]?(?:的)?(?:反馈|回复|答复|结果))|(?<!等)待).{0,8}(?:确认|批|同意|回复|通知|结果|再)|拿不准|没想好|不确定|不一定|存疑|有疑问|有待|反悔|反对|收回|当我没|忽略|无视|别当真|不作数|不算数|无效|作废(?=$)",
    re.IGNORECASE,
)
HINTS: dict[Doubt, str] = {
    "negation": "好的，没有执行任何操作。",
    "question": "这像是一个问题，没有执行任何操作。",
    "quotation": "这像是引用或转述的话，没有执行任何操作。",
    "condition": "条件句不会触发操作，没有执行任何操作。",
    "report": "这像是在说已经发生的事，没有执行任何操作。",
    "plan": "这像是建议或打算，没有执行任何操作；需要时请直接下命令。",
}


def find_doubt(text: str) -> Doubt | None:
    """Why this sentence is no command; None when nothing speaks against one."""
    return next((doubt for doubt, pattern in _ORDER if pattern.search(text)), None)


def takes_back(text: str) -> bool:
    """Whether these words undo or delay what was said before them: 点错了, 我再看看, 改天, 慢着."""
    return _TAKES_BACK.search(text) is not None


def is_free_text(text: str) -> bool:
    """Whether a reason or note is only that: it takes nothing back, asks nothing, orders nothing else."""
    return (
        len(text) <= 200 and not takes_back(text) and not any(pattern.search(text) for pattern in _FREE_TEXT)
    )
