"""Reading runbooks: search_runbook, and the topic of a how-to question."""

import re

from .compounds import shield, unshield
from .intents import Intent
from .patterns import Pattern
from .skeletons import Kind, Skeleton

_MANUAL = Pattern(
    r"(?:值班|应急|处置|操作|响应|安全|标准|排查|内部)*(?:手册|预案|\bsops?\b|playbooks?|runbooks?|指南|剧本|规程|操作文档|处置文档|处理文档|作战手册|预案库|知识库|最佳实践|checklist|检查单)|"
    r"(?:应急|处置|处理|响应|操作|应对|排查|上报|恢复|隔离|封禁|解封|审批|值班)(?:响应|处理|处置)?(?:的)?(?:标准)?(?:流程|步骤|方案|方法|办法|措施|规范|指引|建议|要求|规定|原则|机制|思路|套路|要点|路数)|流程",
    re.IGNORECASE | re.ASCII,
)
_WHY = r"样|跟(?![进踪])|像|回事|了(?!办)|这么|那么|分布|又|老|还|总|就(?!地)|不(?!被|让|中)|没|一直|会|突然|天天|全|都|越来越|这样|那样|算|可能|能"
_HOW = Pattern(
    rf"如何|怎么办|怎么(?!{_WHY})|怎样(?!了|$)|咋办|咋(?!个?(?:{_WHY}))|该怎么|\bhow (?:to|do|should)\b|应该做什么|"
    r"(?:要|该|需要|应该|应当|先|首先|第一步|第一时间|接下来|下一步|得)(?:先|要|该|应该|怎么)?(?:做|干|弄|搞|整)(?:些|点|哪些)?(?:什么|啥|嘛|哪些)|啥(?:套路|路数|步骤|流程)|怎生|有(?:什么|啥)(?:办法|招|法子)",
    re.IGNORECASE | re.ASCII,
)
_HOW_WORDS = Pattern(
    r"(?:应该|应当|该|要|需要|我们|我|咱们|咱|你|请问|一般|通常|到底|具体|如果|万一|要是|发现了?|遇到了?|遇上了?|碰到了?|碰上了?|出现了?|发生了?|收到了?|得|又)*(?:如何|怎么办|怎么样?|怎样|咋办|咋整|咋弄|咋搞|咋|怎么弄|怎么搞|怎么整|有(?:什么|啥)(?:办法|招|法子)|how (?:to|do i|should i|do we|should we))(?:才能|去|来)?(?:进行|做|开展)?|"
    r"(?:应该|要|该|先|后|再|然后|首先|第一步|第一时间|接下来|下一步|得|需要)+(?:怎么)?(?:做|干|弄|搞|整)(?:些|点)?(?:什么|啥|嘛|哪些)",
    re.IGNORECASE | re.ASCII,
)
_GENERIC_VERB = r"(?:处理|处置|应对|应急响应|应急|响应|解决|搞定|收拾|对付|善后|办|弄|搞|整(?!改)|操作|走|治)"
_LOOK = r"(?:查阅|翻阅|查一下|查询|查下|查查|(?<!排)查|看一下|看一眼|看看|看下|看|瞅瞅|瞅一眼|瞅|瞄一眼|搜索|搜一下|搜一搜|搜搜|搜|找一下|找找|找出来|找下|找|打开|翻一下|翻翻|翻出来|翻下|翻|调出来?|调取|调阅|学习(?:一下|下)?|了解(?:一下|下)?|参考(?:一下|下)?)"
_GIVE = r"(?:给(?=[个一])|给我|给我们|给大家|发我|发一下|发下|发来|发过来|发送|发群里|发(?![现生作动])|甩我|甩|丢我|丢|扔我|扔|贴我|贴|推|来(?!源)|提供|分享|共享|拿|借我|借|传我|传|出(?![现口入站])|要|拉(?!黑)|整(?!改)|弄|搞)(?:个|一份|一下|一个|过来|出来|上来|下|群里|给我|份)*"
# 有同事中了勒索病毒该怎么处置: who it happened to is no part of the topic.
_SOMEONE = r"有[^,，。没的]{1,10}?(?:中了|中招了|感染上?了|染上了|遭了|碰上了|遇到了|收到了|点(?:开|击)?了|打开了|下载了)"
_FIRST = Pattern(
    rf"^(?:{_SOMEONE}(?=\S{{2,}})|[^,，的]{{1,6}}(?:想|想要|需要|要|准备|打算)(?:学习|了解|参考|查阅|看|查)(?:一下|下)?|{_GENERIC_VERB}(?!链|机)|{_LOOK}|{_GIVE}(?=\S{{2,}})|请问|请|烦请|劳烦|麻烦|帮我|帮忙|帮|协助|能否|可否|是否|能不能|可以|有没有|有什么|有哪些|有|没有|我们的?|咱们?的?|公司|我司|贵司|贵公司|我想|我要|我|想|要|关于|针对|对于|对|按照?|把|将|一下|一份|份|个|"
    r"若|倘若|一旦|假设|有?(?:员工|同事|用户|客户|部门|业务方?|财务|领导|人)(?:反映|反馈|报告|称|说)|需要|急需|急求|跪求|求|如果|要是|万一|假如|一旦|发现了?|发生了?|遇到了?|遇上了?|碰到了?|碰上了?|遭遇了?|遭到了?|出现了?|出了|收到了?|处理(?=.)|中了(?=\S{2,})|中(?=\S{2,5}了\s*$)|感染了(?=\S{2,})|被(?=ddos)|"
    r"\b(?:the|an?|for|about|on|of|find|show|me|handle|deal with|respond to|mitigate|tackle|get|give|us|need)\b|里面?的?|里头|的|了|,|，|:|：|\s|那|这种|这个|这类|咱|现在|赶紧|快|急)+",
    re.IGNORECASE | re.ASCII,
)
_LAST = Pattern(
    rf"(?:{_GENERIC_VERB}|{_LOOK}|{_GIVE}|一下|怎么|(?:按|照|按照|走|依)?(?:啥|什么|哪个|哪套|哪种|何种)(?:样)?(?:的)?|按照?|走|的(?:话|时候|部分|章节|内容|那块|那部分)?|那块|那部分|相关|有关|方面|了|吗|么|呢|吧|啊|呀|哈|呗|嘛|谢谢|在哪里|在哪儿|在哪|哪里有|哪儿有|有没有|有不|有吗|有|没有|没|"
    r"是什么|是啥|是|来着|说的|写的|规定的|咋说|怎么说|怎么写|说|写|有哪些|有什么|什么|啥|哪些|该|应该|应|需要|要|得|给我|我|发我|我们|标准|完整|最新|应当|遵循|遵照|依照|采取|采用|参照|成文|书面|正式|现成|明确|专门|完善|规范|,|，|。|\?|？|!|\s|时|后|之后|以后|事件(?=$)|修复?(?=$)|[那这][本份个套篇]|各位|大家|大佬们?|老师们?|兄弟们?|同学们?|亲|这种情况|这种|情况下?|急|在线等|\b(?:for|please|pls)\b)+$",
    re.IGNORECASE | re.ASCII,
)
_CLAUSE = Pattern(r"[,，。;；!！?？]")
# 下午开会要讲勒索病毒: what it is needed for.
_PLANNED = Pattern(
    r"^[^,，]{0,12}?(?:要|得|准备|打算|需要?)(?:给|向|跟|对)?\S{0,4}?(?:讲解?|宣讲|宣贯|汇报|分享|介绍|谈|培训|演练|讨论|复盘)(?:一下|一次|一遍|到|的是|的|下)?"
)
_LANGUAGE = Pattern(
    r"(?:[日英中法韩德俄]语|[日英中]文|外语)(?:里|中)?(?:该|应该|要)?(?:怎么|咋|如何|怎样)(?:说|讲|写|念|读|拼|翻译|表达)"
)
_STATE = Pattern(
    r"(?:分布|占比|比例|构成|趋势|走势|排名|情况|状况|态势|形势|状态|信誉度?|口碑|名声|评价|风险|程度|安全性|可信度|进展|进度|效果|表现|质量|等级|级别|评分|结果|结论)(?:目前|现在|究竟|到底|又|会)*(?:是)?(?:怎么样|如何|怎样|咋样)(?:的|了|呢)*[?？。]?$"
)
# 重要性等级是如何登记的: what is on record about an asset.
_RECORD = Pattern(
    r"(?:重要|等级|级别|责任|负责|归属|归口|部门|环境|用途|联系|信息|登记|备案|名称|分类)\S{0,8}?(?:是|被)?(?:如何|怎么|怎样)(?:登记|填写|填|写|定|评定|划分|标注|记录|规定|设置|分配|描述)*的?[?？。]?$"
)


# TI 里咋说: what is on record about an indicator.
_OPINION = Pattern(
    r"(?:怎么|咋个?|如何|怎样)(?:去)?(?:说|讲|看|评价?|标记?|定性|判)(?:的|它|呢|啊|这个)*[?？。]?$"
)


def read_manual(skeleton: Skeleton) -> Intent | None:
    """search_runbook when a manual is named."""
    if not _MANUAL.search(skeleton.text) or re.search(r"定时", skeleton.text):
        return None
    return _search(skeleton, 0.95)


def read_how_to(skeleton: Skeleton) -> Intent | None:
    """search_runbook for how, what to do; never for how many, how come, how is it going."""
    text = skeleton.text.strip()
    of_asset = skeleton.first(Kind.ASSET, Kind.ASSET_IP, Kind.HOST) is not None
    of_indicator = skeleton.first(Kind.IP, Kind.ASSET_IP, Kind.DOMAIN, Kind.URL, Kind.HASH) is not None
    if (
        not _HOW.search(text)
        or _LANGUAGE.search(text)
        or _STATE.search(text)
        or (of_asset and _RECORD.search(text))
        or (of_indicator and _OPINION.search(text))
    ):
        return None
    return _search(skeleton, 0.9)


def _search(skeleton: Skeleton, confidence: float) -> Intent | None:
    query = shorten_query(skeleton.expand(skeleton.text))
    return Intent("search_runbook", {"query": query}, confidence, skeleton.spans()) if query else None


def shorten_query(text: str) -> str:
    """The topic of a how-to question: 如何处置勒索病毒 → 勒索病毒, 如何隔离主机 → 隔离主机."""
    clauses = [clause for clause in _CLAUSE.split(text) if clause.strip()]
    named = next((i for i, clause in enumerate(clauses) if _MANUAL.search(clause)), 0)
    asked = next((i for i, clause in enumerate(clauses) if _HOW.search(clause)), named)
    nearest = sorted(range(len(clauses)), key=lambda i: (abs(i - asked), i))
    topics = (_topic(clauses[i]) for i in nearest)
    return next((topic for topic in topics if len(topic) > 1), "") or _strip(text) or text.strip(" ?？。!！")


def _topic(clause: str) -> str:
    """What stands before the manual's name, else after it; without one what is left around the how."""
    clause = _PLANNED.sub("", clause)
    if not _MANUAL.search(clause):
        return _strip(_HOW_WORDS.sub(" ", clause))
    pieces = (_strip(_HOW_WORDS.sub(" ", piece)) for piece in _MANUAL.split(clause))
    return next((piece for piece in pieces if len(piece) > 1), "")


def _strip(text: str) -> str:
    bare = shield(text.strip())
    for _ in range(3):
        bare = _LAST.sub("", _FIRST.sub("", bare)).strip(' ,，。.?？!！:：“”"「」《》')
    return re.sub(r"\s+", " ", unshield(bare))
