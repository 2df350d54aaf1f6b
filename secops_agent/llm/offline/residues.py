"""What is left of a sentence when everything that was understood is taken away: the keyword, or nothing."""

import re

from .compounds import shield, unshield
from .patterns import Pattern
from .skeletons import ANY_MARK

_FILLERS = (
    r"请问一下|请问|麻烦|劳烦|辛苦|帮我们|帮我|帮忙|帮|请|给我们|给我|发我|我想要|我想|我要|我们的|我们|咱们|咱|我的|公司里|公司|单位|我司|"
    r"你|您|大家|毕方|小毕|hi|hello|你好|您好|谢谢你|谢谢|多谢|thanks|thx|please|pls|"
    r"列出来|列一下|列下|列出|列举|列表|清单|名单|(?<![队序系行])列|罗列|查一下|查一查|查下|查看|查询一下|查询|查查|查|看一下|看一看|看下|看看|看到|看|瞅瞅|瞧瞧|拉一下|拉个|拉下|拉出来|拉取|拉一份|拉|"
    r"搜索|搜一下|搜|检索|显示|展示|调出|调一下|导出|翻一下|翻翻|翻|找一下|找找|找出|找|获取|取|捞一下|捞|过一下|过一遍|汇总一下|汇总|整理|说说|说一下|讲讲|讲一下|告诉我|告诉|介绍下|介绍一下|介绍|"
    r"有没有|有哪些|有什么|有啥|有无|有几|有多少|都有|还有没有|还有|是否有|是否|是不是|存在|出现过|出现|发生了|发生过|发生|产生的?|触发的?|收到了?|上报的?|报出来?的?|报了|报过|报的|报|新增的?|新出的?|新来的?|新的|新|爆出来?的?|出了|出过|来了|进来的?|"
    r"哪些|哪几|哪里|哪个|哪台|哪儿|哪|什么样的|什么|啥|多少|几条|几个|几|都|全部|所有|全量|整个|一共|总共|共|只|仅|就|才|也|还|再|又|先|现在|目前|当前|眼下|最近|近期|近来|最新|这段时间|这阵子|"
    r"非常|特别|十分|极其|格外|尤其|重要的?|重点|关键|优先|值得关注|关注|注意|紧要|大概|大致|具体|完整|简单|快速|尽快|马上|赶紧|立刻|随便|顺便|主要|影响|涉及|对应|分别|各自|各个|各|每个|目标|我名下|我负责|我处理|我手上|手上|手里|名下|负责|处理|跟进|指派给|分配给|派给|转给|指派|分配|推送|汇报|同步|打印|输出|返回|统计|分布|按|比较|一些|一点|一下子|一下|一份|一个|一条|一遍|一批|下面|一|些|个|条|台|份|项|起|次|相关的?|有关的?|关于|针对|对于|属于|来自于?|来源(?:是|为)|产生自|类型?的|类型|类|级别|等级|状态|每日|每天|情况|信息|详情|详细|内容|记录|数据(?!库|中心|湖)|"
    r"的话|的|了|吗|么|呢|吧|啊|呀|哈|哦|嘛|啦|没有|没|不|是|为|在|有|被|把|将|对|和|与|跟|及|以及|从|到|至|里面|里|中|上面|上|内|这边|那边|这里|那里|这些|那些|这个|那个|这台|那台|这|那|其中|之类|等等|等|要|需要|应该|可以|能|能不能|会|想|让|给|用|发给|发|来|去|出来|出|过|"
)
_ASCII = Pattern(
    r"\b(?:status|severity|level|type|source|assigned|to|do|does|did|last|past|hours?|days?|today|now|new|current|currently|open|display|view|fetch|query|search|tell|about|how|many|show|me|list|get|the|all|any|of|for|in|on|with|are|is|there|what|which|have|has|we|our|my|give|find|check|recent|latest|and|from|please|a|an|hi|hello|thanks|thx|pls)\b",
    re.IGNORECASE,
)
_CHINESE_WORDS = tuple(
    sorted(
        {word for word in re.split(r"\|(?![^(]*\))", _FILLERS) if word and not word.isascii()},
        key=len,
        reverse=True,
    )
)
_FILLER = Pattern("|".join(_CHINESE_WORDS), re.IGNORECASE)
# 别隔离 web-01，先看看它的告警: what is not wanted is not looked for.
UNWANTED = Pattern(
    r"(?:先?别|不要|先?不用|不必|先不|暂不|无需|勿)\s*(?:再|去|急着|着急|给我|帮我)*\s*(?:封禁|封锁|封掉|封|拉黑|屏蔽|阻断|隔离|断网|关闭|关掉|关|指派|分派|派|确认|处理|动)(?:它|掉|了|一下)*"
)
_BREAK = Pattern(r"[\s,，.。;；:：!！?？、/\\()\[\]{}<>《》「」“”\"'‘’~@#*+=|-]+")


def find_residue(text: str, nouns: Pattern) -> str:
    """The one unexplained piece left of marks, nouns and fillers; empty if there is none or several."""
    bare = ANY_MARK.sub(" ", nouns.sub(" ", UNWANTED.sub(" ", text)))
    bare = unshield(_FILLER.sub(" ", shield(_ASCII.sub(" ", bare))))
    pieces = [piece for piece in _BREAK.split(bare) if len(piece) > 1 and not piece.isdigit()]
    return pieces[0] if len(pieces) == 1 and len(pieces[0]) <= 20 else ""


def count_unexplained(text: str, nouns: Pattern) -> int:
    """Characters that neither a mark nor a noun nor a filler explains: how sure one can be."""
    bare = ANY_MARK.sub(" ", nouns.sub(" ", text))
    return len(_BREAK.sub("", _FILLER.sub(" ", _ASCII.sub(" ", bare))))
