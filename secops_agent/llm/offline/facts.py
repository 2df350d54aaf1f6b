"""Clauses beside an order that only tell how things are: why him, why now, how urgent, how tiresome.

A clause is one only on positive evidence, and never when it takes back, delays, asks, quotes or reports an action.
"""

import re

from .mood import find_doubt, takes_back
from .patterns import Pattern
from .skeletons import ANY_MARK, Kind, Skeleton, mark

_ACTING = (
    r"封|拉黑|加黑|黑名单|屏蔽|阻断|隔离|断网|关闭|关掉|关单|结案|指派|分派|转派|转交|认领|接手|删除|取消"
)
# Who said it, and whether it holds: what a fact before 请… must not speak of.
_DOUBTFUL = Pattern(
    r"让|主意|意思|意见|决定|操作|担心|恐怕|就怕|猜|演示|授课|好像|似乎|估计|大概|也许|或许|自己人|自家|我们自己|咱们自己|吩咐|嘱|命令|指令|授权|批准|允许|提示(?!级)|显示|标题|内容|公告|截图|忽略|无视|算了|玩笑|才怪|是错|错的|之后|操作$|干嘛|干啥|多久|撤[回销]|时候|(?<!攻击)(?:成功|失败)|的的|假装|翻译|例|[?？吗呢么]|不|没|未|非(?![法常])|无(?!害|风险|威胁)|否|别|勿|谁|哪|何|怎|如|若|假(?:[如设使若]|的)|倘|一旦|万一|等|待|之前|曾|已|过$|过了|(?<!数)据(?!库)|说|称|写|注明|标明|要求|建议|希望|询问|提问|问(?!题)|表示|指出|认为|觉得|批示|指示|来函|来电|回复|反馈|"
    r"转告|转达|传达|通知|通报|申请|提到|提出|计划|打算|准备|考虑|可能要|演练|测试|模拟|领导|客户|老板|上级|监管|审计|邮件|工单|文档|会议|群里|明天|后天|下周|以后|稍后|暂|可以|(?<![功性])能|会|(?<![需重主必])要|审批|应该|该不该|[「」『』“”‘’\"《》`]"
)
_I = rf"(?:我|咱|本人)(?:这边|这里|自己|们|最近|今天|现在|手头|手上|电脑|手机上?|账号|{mark(Kind.TIME)})*"
_HIM = rf"(?:他|她|{mark(Kind.PERSON)})(?:那边|自己|最近|今天|现在|手头|手上|{mark(Kind.TIME)})*"
_THING = r"(?:这|那|该|此|其)(?:块|类|个|边|方面|条|台|件|事儿?|套|些|种|会儿?)?(?:业务|系统|问题|东西|事情?|告警|任务|规则|推送|消息|机器|主机|情况)?"
_DAY = rf"(?:{mark(Kind.TIME, Kind.DURATION)}|今天|今晚|明早|明天|本周|这周|下班|(?:本|这)?周[一二三四五六日]|月底)(?:上午|中午|下午|晚上|下班|{mark(Kind.TIME)})?(?:之前|以前|前|之内|以内|内)?"
_WORKS = r"(?:处理|解决|搞定|弄|处置|闭环|排查|跟进|跟|反馈|回复|看|查|给结论|出结论|给结果)"
# Facts that need a word of the doubts (不, 没, 完): each of them as a whole.
_WHOLE = Pattern(
    "|".join(
        (
            r"(?:有|出)了?(?:结果|结论|进展|情况|问题|消息|发现)了?(?:再|就|请|及时|随时|麻烦)*(?:同步|告诉|通知|反馈|联系|找|发|说|叫|回)给?(?:我们?|群里|大家)(?:一下|一声)?",
            r"(?:处理|排查|弄|查|搞)(?:完|好)了?(?:再|就|请|麻烦)*(?:同步|告诉|通知|反馈|回)给?(?:我们?|群里|大家)(?:一下|一声)",
            r"(?:无需|不用|不必|无)(?:再)?(?:写|填|加)?备注|备注(?:无|略|不填|不用填)",
            rf"(?:{_THING})?{_I}(?:也|还|都|有点|实在|确实)*(?:找不(?:到|着)|不(?:太)?(?:会|熟悉?|方便|懂|擅长|忙|在)|点不了|打不开|登不上|进不去|没有?(?:权限|空|时间|人手|账号|电脑|精力)|操作不了|忙不过来|走不开|腾不出手|顾不(?:上|过来)|搞不定)(?:弄|用|这个|这块|这套|系统|页面|平台|后台|按钮|入口|菜单|功能|在|哪里?|哪儿|了|公司|工位)*",
            rf"(?:{_THING})?{_I}?(?:也|实在|有点)*(?:看|弄|搞|处理|分析|查|解决|应付)不(?:懂|明白|了|动|过来|定)",
            rf"{_I}?(?:已经|早就|现在)*不(?:再)?(?:负责|管|跟|看)(?:这块|这个|这边|了|业务|系统)*",
            rf"{_I}?(?:快|要|马上|准备|该)*(?:下班|交班|换班|走|休息)了",
            r"(?:该|此|这个?|相关|对应)?(?:业务|系统|项目|任务|服务|主机|机器|需求|活动|护网|重保)(?:都|已经?|早就)*(?:下线|结束|停|停用|关停|迁移|废弃|退役)了?",
            rf"{_I}?(?:忙不过来|走不开|没空|休假|出差|请假|开会|在外面?|在路上|在开会)了?",
            r"(?:这[条个]|事情|这事|它)?(?:并不|并非|不是|不|没那么|不太|不算)(?:是)?(?:很|太|那么|特别)?(?:急件?|着急|紧急|要紧|重要|复杂)(?:的|事)?",
            rf"(?:务必|尽量|争取|请|麻烦|要求?)?(?:在|于)?{_DAY}(?:务必|尽量|争取|要|得|给|能)?{_WORKS}(?:完毕|完成|完|好|掉|结果|结论|一下)?",
            rf"(?:让|请|由)?(?:他|她)?(?:有空|有时间|得空|方便|闲)(?:了|的?时候?)?(?:再|就)?{_WORKS}?(?:一下|下)?(?:即可|就行|就好|就可以)?",
            rf"(?:让|请|由)?(?:他|她)(?:来|去|尽快|先|帮忙)*{_WORKS}(?:一下|下|吧)?",
            rf"(?:后续|之后|剩下的)?(?:由|让)?(?:我|本人)(?:自己|亲自|来|会|继续|负责)*{_WORKS}(?:一下)?",
            r"(?:就|原来|原本|其实|本来)*是(?:测试|临时|演示|试用|调试)(?:时|期间)?(?:用|建|设|加|配)?(?:置|立)?的|(?:设|建|配|加|订|弄)(?:重复?|多|错)了|(?:这条)?(?:确认|看着|看过)?没(?:什么|啥)?(?:问题|毛病|异常|风险)|无(?:异常|风险)",
        )
    )
)
_ANNOYS = Pattern(
    r"(?:每天|天天|老是?|总是?)?(?:消息|推送|提醒|通知|内容|推|发|报)?(?:得|的)?(?:实在|真的?)?(?:太|过于|特别|很|有点儿?)(?:多|频繁|吵|烦|密|勤|长|乱|扰民|打扰)人?了?|(?:和|跟|与)?(?:其他的?|别的|前面的?|另一个|现有的?)?重复了?|"
    rf"(?:老是|总是?|天天|一直|动不动|经常|每天|太|又)+(?:半夜|凌晨|{mark(Kind.TIME)})?(?:@|艾特|吵|叫|响|打扰|骚扰|刷屏|推送?|发|弹|提醒)(?:我们?|人|个没完|大家|消息)?(?:睡觉|休息)?(?:了|个不停)?"
)
_START = Pattern(
    rf"(?:{_I}|{_HIM}(?!\s*(?:我|他|她|太|{mark(Kind.PERSON)}))|{_THING}|比较|挺|有点儿?|有些|很|非常|相当|十分|蛮|太|最近|目前|老是|总是?|天天|经常|影响|涉及|属于|属|归|系(?!统)|本来|原本|原来|其实|就?是|都?是|算|情况|事情|问题|范围|级别|用户|业务|运维|开发|测试|扫描器|内部|数据库|网络|主机|安全|需要?|正在|正好|刚好|今晚|今天)"
)
_SAYS = Pattern(
    r"熟|懂|擅长|有经验|拿手|在行|清楚|了解|负责|值班|当班|在岗|在线|有空|有时间|没事|休假|出差|请假|忙|急|棘手|复杂|重要|麻烦|难|专业|特殊|敏感|影响|涉及|属于|归|的(?:事儿?|事情|活儿?|范围|职责|工作|业务|领域|单子|系统|机器|资产|主机|设备|任务|锅|问题|毛病|故障|范畴)$|管|"
    r"练手|学习|学一?下|学学|积累|经验|吵|烦|多|重复|重了|打扰|太|频繁|刷屏|测试|临时|试用|调试|[建设加配弄做留写开订提定]的$|用的$|(?:是|属于?|归|系|算)\S{1,14}(?:[组侧方部队门]|那边|这边|管|负责)的?$|需要|来看|研究"
)
_DONE = Pattern(
    r"[关封删停派转认领撤结]了?的$|取消|处理(?:的|过|了|完)|接手|误报|[认领派转]|(?:完|过|好|掉)了|了(?:了|吗|没)|我了$|的(?:原因|步骤|流程|后果|记录|人|时候|申请|命令|日志|话|说法|意思|结果|操作)$"
)
# 昨天处理完 and 两小时前处理完 tell of what has been done.
_COMES = Pattern(r"(?:[今本当这明]|上午|中午|下午|晚上|下班)|.*内$")


def is_fact(clause: str, skeleton: Skeleton) -> bool:
    """Whether an order on a case may stand beside this clause as if it were not there."""
    text = clause.strip()
    times = [skeleton.entities[char].raw for char in text if _is_time(char, skeleton)]
    if _ANNOYS.fullmatch(text):
        return True
    if _WHOLE.fullmatch(text):
        return all(_COMES.match(time) for time in times)
    bare = "".join(char for char in text if not _is_neutral(char, skeleton))
    return bool(
        2 < len(text) <= 24
        and _START.match(text)
        and _SAYS.search(text)
        and not _DONE.search(text)
        and is_mere_fact(bare)
        and not takes_back(skeleton.expand(text))
        and find_doubt(bare) in (None, "report", "plan")
    )


def _is_time(char: str, skeleton: Skeleton) -> bool:
    return char in skeleton.entities and skeleton.entities[char].kind is Kind.TIME


def _is_neutral(char: str, skeleton: Skeleton) -> bool:
    return char in skeleton.entities and skeleton.entities[char].kind in (Kind.TIME, Kind.PERSON)


def is_mere_fact(text: str) -> bool:
    """Whether it only tells how things are: nobody is quoted, nothing is doubted, planned or done."""
    return not _DOUBTFUL.search(text) and not re.search(_ACTING, text) and not ANY_MARK.search(text)
