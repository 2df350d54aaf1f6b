"""Whether a sentence about alerts asks for numbers instead of rows, and by what they are grouped."""

import re

from .patterns import Pattern
from .skeletons import Kind, Skeleton, mark

_MOST = r"(?:集中|扎堆|高发|聚集)(?:分布|出现|发生)?[在于]|(?:主要|大多|大部分|多)(?:来自|来源于|分布|出现|发生|源于|由)(?=.{0,6}(?:哪|什么|何))|位居|位列|名列|居前|靠前|居首|排在前|最(?:常见|普遍|频发|多|少|吵|凶|狠|猛|勤|闹|闹腾|折腾|频繁|活跃|集中|密集|能报|爱报|高|忙|扎堆|厉害|惨|严重的是|突出|离谱|疯|热闹|受伤|受害|倒霉|能闹|能叫|活泛|扎眼)|(?:报|刷|叫|闹|响|触发|打|来|出|告警|报警|吵|占|贡献)得?(?:比较|更|最)?(?:多|凶|欢|勤|猛|狠|频繁)(?!少)"
_COUNT = Pattern(
    r"统计|(?<!没)多少(?!年)|(?<![哪有一整个])数$|告警数|数量|个数|总数|总量|总计|合计|告警量|计数|计个数|给个数|报个数|要个数|数一下|数一数|数数|数下|点一点|清点|"
    r"每日|每天|每小时|逐日|逐小时|(?:告警|报警|alerts?|有|来了|报|共|出)[^,，]{0,8}(?<![哪前后头近第这那好来给看列拉发取要搞整])几[条个起次](?!人)|(?<![哪前后头近第这那好来给看列拉发取要搞整])几[条个起次][^,，]{0,8}(?:告警|报警|alerts?)|(?:一|总|统)共(?:有)?几|各[^,，]{0,4}几[条个]|分布|趋势|走势|占比|比例|比重|占[几多]|百分比|百分之|排[名行]|排个[名队]|排一排|排座次|各(?:有|是|占|自|多少|几)|对比|环比|同比|图表|饼图|柱状|曲线|日均|均值|平均|"
    r"[破过上超成][一二两三五六七八九几\d]*[百千万]|涨|跌|升高|上升|下降|增多|增加|减少|变[多少]|越来越[多少]|高峰|峰值|多不多|多不(?=$|[,，?？])|多还是少|多么|谁(?:家)?(?:报)?(?:的|得)?(?:告警|报警)?(?:更|比较)?多|哪(?:家|个|边|方|一家|一个)(?:的)?(?:告警|报警)?(?:报)?(?:的|得)?(?:告警|报警)?(?:更|比较)?多|误报率|误报多少|闭环率|处置率|关闭率|处理率|"
    rf"(?:谁|哪家|哪个|哪边|哪台)\S{{0,8}}多(?=$|[?？,，啊呀呢])|(?:啥|什么|哪个|哪种|哪类|哪些)\S{{0,6}}(?:多|少)(?=$|[,，?？啊呀])|前(?:\d+|[三五十]|二十)(?:名|位|大)?的?(?:告警|报警)?(?:资产|主机|机器|机子|服务器|规则|来源|产品|类型)|\bmost\b|{_MOST}|top(?!\s*\d+\s*(?:条|个)?\s*(?:的)?(?:$|告警|报警|高危|严重|alerts?))|\bhow many\b|\bcount\b|\bstat(?:s|istics)?\b|\bnumber of\b|\b(?:per|by|each) (?:day|hour|severity|level|status|source|asset|host|server|rule|type|assignee|owner|verdict|analyst)\b|\bby (?:day|hour|rule|source|asset|severity|status|assignee)\b|\bdistribution\b|\btrend\b|\bbreakdown\b|\bgroup(?:ed)? by\b",
    re.IGNORECASE | re.ASCII,
)
_VERDICTS = r"(?:误报|真实攻击|真攻击|正常业务|重复告警)"
_ALONE = Pattern(
    rf"{_VERDICTS}\S{{0,2}}(?:和|与|跟|、|及|以及)\S{{0,2}}{_VERDICTS}\S{{0,6}}(?:占|比例|多少|几|分布|统计)|误报率|误报(?:所)?占(?:了)?(?:多[少大]|几)|"
    r"(?:规则|机器|机子|主机|资产|来源|产品|设备|服务器)\S{0,3}(?:报得|报的|告警|触发|报警|刷得|最能报|最爱报)\S{0,3}(?:最|报)|(?:规则|资产|来源|机器|机子|主机|服务器|产品|设备)\S{0,2}最(?:能|爱)?(?:报|吵|闹|叫)|"
    r"(?:触发|命中|出现|报警)(?:次数|频率|频次|量)?\S{0,3}最\S{1,3}的?\s*(?:规则|资产|主机|机器|机子|服务器|来源|产品|设备)|"
    r"^统计(?:一下|下)?$|^(?:按|统计|根据)\S{0,10}(?:级别|等级|状态|来源|规则|资产|天|负责人|小时|结论|处理人)\S{0,6}$"
)
_BY = Pattern(r"[按照]\S{1,6}?(?:分组|划分|看|分|排|汇总|聚合|归类|拆|算|列|给)|分别有?(?:多少|几)")
_GROUPS: tuple[tuple[str, str], ...] = (
    (
        "hour",
        r"几点(?!半)|钟点|哪[几些]?个?(?:小时|钟头|时间|时段|点)|(?:什么|啥)(?:时候|时间|时段|时间段|点)(?:告警|报警)?(?:最|比较|扎堆|集中|多)|每(?:个)?(?:小时|钟头)|[按各逐分](?:个)?(?:小时|钟头|时段|时间段|钟点)|时段|小时(?:级|分布|统计|维度|粒度)|\bhourly\b|\bby hour\b|per hour",
    ),
    (
        "day",
        r"每天|每日|每一天|按[天日]|逐[日天]|各天|哪[一几]?天|趋势|走势|曲线|日均|天级|涨|跌|升高|上升|下降|增多|变[多少]|越来越|环比|同比|日期|\bby day\b|\bdaily\b|per day|\btrend\b",
    ),
    (
        "verdict",
        r"结论|误报率|误报(?:多不多|多吗|多么)|误报(?:所?占|的?(?:比例|比率|比重|占比|数)|多少|有?几|各|和|跟|与|、|/|vs)|(?:多少|几[条个]?|占比)(?:是|条是|个是)?(?:误报|真实攻击|真的|真攻击|正常业务)|(?:真实攻击|真攻击|真报)(?:和|跟|与|、|占|多少|有?几|/)|定性|研判结果|判定结果|真假|verdict",
    ),
    (
        "assignee",
        r"负责人|处理人|指派人|责任人|接单人|每个?人|按人|人头|人员|谁(?:的)?(?:手上|手里|手头|处理|名下|那儿|那里|那边|身上|接|背|头上|最忙|扛|负责|跟|在跟)|谁.{0,4}(?:挂|压|攒|积|堆)|各人|值班人|同事|哪位|哪个人|哪个同事|分析师|组员|\bassignee\b|\bowner\b|by person",
    ),
    (
        "rule",
        r"规则|告警类型|攻击类型|类型|种类|哪[类种]|哪一[类种]|各类|什么类|啥类|手法|攻击方式|告警名|策略|\brules?\b|by type",
    ),
    (
        "source",
        r"来源|数据源|安全产品|产品|哪[一]?家|哪个?(?:系统|设备|平台|产品|厂商|引擎|工具|探针)|各家|渠道|探针|厂商|检测引擎|日志源|设备类型|安全设备|\bsources?\b|by product",
    ),
    (
        "asset",
        r"资产|主机|机器|机子|服务器|哪[一几]?台|各台|每台|哪个系统|目标|节点|终端|业务系统|被打|\bassets?\b|\bhosts?\b|\bservers?\b|\bmachines?\b",
    ),
    (
        "severity",
        r"级别|等级|严重程度|严重性|危险程度|风险程度|风险级|危害|高中低|按级|分级|\bseverity\b|\blevels?\b",
    ),
    (
        "status",
        r"状态|处理情况|处理进度|处置情况|处置进度|处理率|处置率|关闭率|闭环|(?:处理|关|处置|解决)(?:了|完|掉)?(?:多少|几)|\bstatus\b",
    ),
)
_RANKED = Pattern(
    rf"{mark(Kind.LIMIT)}\s*(?:名|位|大|的)*\s*(?:告警|报警)?的?(?:资产|主机|机器|机子|服务器|规则|来源|产品|系统|设备|类型|处理人|assets?|hosts?|rules?|sources?)(?!\S{{0,4}}(?:告警|报警))",
    re.IGNORECASE | re.ASCII,
)
_COMPILED = tuple((name, Pattern(words, re.IGNORECASE | re.ASCII)) for name, words in _GROUPS)


def is_statistics(text: str) -> bool:
    """Whether numbers are asked for instead of rows."""
    return bool(_COUNT.search(text) or _ALONE.search(text) or _BY.search(text))


def is_ranking(skeleton: Skeleton) -> bool:
    """告警 top 10 资产, 告警前五的规则: the rows are groups."""
    said = skeleton.first(Kind.LIMIT)
    return bool(said and not re.search(r"[条次份]", said.raw) and _RANKED.search(skeleton.text))


def stands_alone(text: str) -> bool:
    """Numbers about alerts even where 告警 is not said: 哪条规则报得最多."""
    return bool(_ALONE.search(text))


def group_of(text: str) -> dict[str, str]:
    """``group_by`` if it was said."""
    return next(({"group_by": name} for name, words in _COMPILED if words.search(text)), {})
