"""Actions on one alert: acknowledge_alert, assign_alert, close_alert."""

import re
from dataclasses import replace
from typing import Any

from .chunks import Role, Words
from .facts import is_fact
from .intents import Intent
from .mood import find_doubt, is_free_text
from .orders import Grammar, Order, read_orders, read_untold
from .patterns import Pattern
from .remarks import clean
from .skeletons import Kind, Skeleton, mark
from .wording import AFTERWARDS, COMMON, SOON

_ALERT = mark(Kind.ALERT)
_OBJECT = (
    r"(?:我(?:名下|手上|这边)?(?:的|那[条个])|(?:这|那|该|此)[条个起]?|编号为?|名下的?|刚才那?[条个]?的?)?\s*"
    rf"(?:{mark(Kind.ASSET, Kind.ASSET_IP)}\s*(?:上面?|那边|这边)?的\s*)?{_ALERT}\s*(?:这|那|该)?(?:[条个起])?(?:告警|报警|alert)?"
)
VERDICTS = {
    "false_positive": r"误报(?:情况|告警)?|误判|误告警|误触发|假阳性|虚警|false[ _-]?positive|fp(?![a-z])",
    "true_positive": r"真实(?:的)?攻击(?:行为|事件)?|有效攻击|确认攻击|真实事件|真实威胁|真实告警|真攻击|确认为攻击|攻击属实|属实|真阳性|true[ _-]?positive|tp(?![a-z])|攻击成功|(?<=是)攻击(?:行为|事件)?(?=$|[\s,，。])",
    "benign": r"正常(?:的)?(?:业务|运维|变更)(?:行为|操作|流量|访问|请求|变更|活动)?|业务正常|正常行为|正常操作|正常流量|正常访问|无害|良性|无风险|无威胁|业务行为|benign|合法行为|内部测试|授权测试",
    "duplicate": r"重复(?:的)?告警|重复上报|重复(?!性)|duplicated?|dup(?![a-z])",
}
_ANY_VERDICT = f"(?:{'|'.join(VERDICTS.values())})"
_VERDICT_WORD = Pattern("|".join(f"(?P<{name}>{words})" for name, words in VERDICTS.items()), re.IGNORECASE)
_BODY = r"(?:相关|对应)?(?:业务|运维|开发|研发|网络|安全|值班|责任|使用|技术|系统|资产)?(?:方|侧|部门|部|团队|同事|人员|组|负责人|管理员|单位)"
_LIKE = rf"(?:(?:和|跟|与|同)?(?:之前|此前|先前|早前|已有|以前|前面|上面|上次|刚才|昨天|{mark(Kind.TIME)}|其他|其它|别)(?:的|那[个条]|那些)?\s*(?:告警|报警)?(?:是|属于)?(?=重复))"
_SURE = r"(?:(?:这条?|此)(?=[是为属系])|又|也|都|就|明显|肯定|妥妥的?|纯粹|纯(?=属|误)|典型的?|绝对|的确|确(?!认)实?|真的?(?=是|属|误)|果然|显然|其实|最终|应(?!该|当))*+"
_IS = rf"{_SURE}(?:(?:是|属于?|确认(?:为|是)?|归为|系|算(?:是|作)?|定为|选择?|填|写|为(?!什么)|按照?|以|作为|当作?|因为?|标|判(?:定为|定|为|成|作)?|as|=)|(?<=[又显定的实然])(?=[误重正真]))"
_CONCLUSION = rf"(?:的?(?:最终|研判|判定|处置|核查|关闭|关单|处理)?(?:结论|判定|结果|定性|类型|理由|原因|性质|verdict)\s*{_IS}?\s*[:：]?\s*(?:选|填|写|给|算|按|为|是)?)"
# 是测试产生的误报, 系扫描器误报: where it comes from is part of the verdict.
_SOURCE = r"(?:[^\W不没未无非否谁哪何怎如若或像疑吗呢可该是\ue000-\uf8ff]{1,8}?(?:产生|导致|引起|造成|触发|引发)的?|(?:(?:内部|例行)?(?:扫描器?|漏扫|巡检|测试|脚本|备份|规则|设备|探针|waf)的?)?)"
_LEAD = rf"(?:(?:{_CONCLUSION}|{_IS})\s*{_SOURCE}|{_SOURCE})\s*(?:{_BODY}的?)?(?:一[条个]|个)?{_LIKE}?"
_TAIL = r"(?:的?(?:方式|名义|结论|类型|判定|定性|结果)|告警|行为|情况)?(?:为由|为结论|处理后?|来着|(?<=报)来的|来|的|一条|了(?!吧|没|吗))?(?:就行|就好|即可|吧|哈|哦|呀)?"
_VERDICT = rf"{_LEAD}\s*[“「\"']?{_ANY_VERDICT}[”」\"']?{_TAIL}"
_LOOKED = r"(?:核实|确认|核查|排查|分析|研判|复核|验证|调查|查证|核对|评估|检查|沟通|判定|认定)"
_CHECKER = rf"(?:(?:与|和|跟|同|向|找)?(?:{_BODY}|我们?|我方|我司|业务|运维|开发|双方|(?<=[由经与和跟同向找过]){mark(Kind.PERSON)})?(?:人工|内部|初步|再次|进一步|详细|仔细|反复|共同|联合|多方|都|那边)*)"
_AFTER_CHECK = (
    r"(?:[,，]?(?:认定|判定|确认|判断|证实|定性|可以?确定))?(?:该告警|此告警|其)?(?:是|为|属于|系)?"
)
_SELF = rf"(?:目前|现|刚刚?|刚才|我们?|我这边|均|业(?=已)|都|也|{_BODY}|(?:业务|运维|开发|研发|测试|产品|厂商|客户|用户|安全|网络)(?:方|组|那边|这边)?|{mark(Kind.PERSON)}(?:那边|这边))*+"
_VIA = r"(?:(?:已经?|(?<!已)经过?)?(?:与|和|跟|找)|(?:已经?)?(?:由|通过)|(?<!已)经过?)"
_CHECKED = rf"{_SELF}(?:{_VIA}{_CHECKER}|已(?:经(?!经))?(?:人工|内部|初步|再次|进一步|详细|仔细|反复|共同|联合|多方|都)*){_LOOKED}{{1,2}}(?:过了?|后|完毕|完了|清楚了?|了)?{_AFTER_CHECK}"
_SEEN = rf"{_SELF}已?(?:{_LOOKED}|看|查|问|对|聊)(?:过了|过(?=$|是|为|属)|完毕|完了|清楚了?|了(?:一?下|看|一遍)?|下来|(?=系误)){_AFTER_CHECK}"
_AS = r"(?:标记?|标注|设置?|改|置|判定?|定性|认定|归类?|处理|更新|修改|调整|变更|登记|切换?|关闭?)(?:状态)?(?:为|成|作|到|至)"
_STATE = r"(?:处理中|已确认|已认领|跟进中|处置中|已接手|确认|acknowledged)(?:状态)?"
_CLOSE = r"(?:关闭|关掉|关单|关个单|关(?![键注系于机门联心照])|结单|结案|结掉|结(?=了|一?下)|了结|办结|归档|销单|销案|销掉|消掉|销(?=了|一?下)|close)"
_THEN = r"(?:[,，\s]*(?:并且?|然后|后|再|且)+(?=\s*\S))?"
_CLOSE_AS = rf"(?:的?状态)?\s*(?:{_AS}\s*[“「\"']?{_ANY_VERDICT}[”」\"']?(?:处理|告警)?{_THEN}|(?:标记?|标注|记|打|贴)(?:一下|个|上)?\s*{_ANY_VERDICT}(?:的?(?:标签?|标记|tag))?|(?:按照?|作为?|当作?){_ANY_VERDICT}处理(?:掉|了吧)?{_THEN}|mark (?:as )?{_ANY_VERDICT})"
_ACK = r"(?:确认接手|登记接手|登记认领|接手登记|登记备案|备案|登记(?!为|成)|(?:点|做|打)(?:个|一下)?确认|确认|认领|接手|接收|接受|受理|领取|接单|接(?![口触到入警])|签收|领(?![导域先])|收下|ack(?:nowledge)?)"
_KEPT = r"(?:在?我名下)?"
_ME = r"(?:我(?:自己|本人|这边|方)?(?!们|司)|本人)"
_WORK = r"(?:(?:负责|牵头|协助|全权|继续|亲自)*(?:跟进处理|跟踪处理|处理|跟进|跟踪|跟|负责|处置|分析|研判|调查|盯|弄|搞|接手|接管?|解决|办|管|认领|领|揽|收)(?:一下|下)?(?:处理|处置|跟进|跟踪)?)"
_SEE = r"(?:排查|看看|看|查|瞅瞅|瞅|研究)(?:一下|下|一眼)?"
_I = rf"(?:现|暂|后续|之后|让|由)*{_ME}"
_I_LOOK = rf"{_I}(?:这就|马上|现在)*(?:来|先|去)+{_SEE}"
_GIVE = r"(?:指派|指(?![标数出向令示导定])|分配|转派|派|分|交|转交|转(?!告|发|达|述)|移交|分派|指定|委派|改派|委托|派发|转办|转送|交办|划|assign)"
_TOSS = r"(?:丢|扔|甩|推|抛|塞|递|挪|划|拨)(?:给|到)|(?:丢|扔|甩|推|抛|塞|递|挪|划|拨|归|登记)(?:给|到|在|去|至)?(?=\S{1,4}(?:名下|手上|手里|头上|那边|那儿|那里))|挂(?:到|给)?(?=\S{1,4}(?:名下|手上|手里|头上|那边|那儿|那里))"
_HUMAN = rf"(?:@?{mark(Kind.PERSON)}|我(?:自己|本人)?(?!们|司|方)|自己|本人|(?<=to )(?:me|myself)(?![a-z]))"
_WHO = rf"(?:[\u4e00-\u9fff]{{2,4}}?(?:组|部|团队|中心)的?)?{_HUMAN}(?:同事|同学|老师|工程师|哥|姐|总)?(?:处(?![理置])|的?(?:那儿|那边|那里|那头|手上|手里|名下|头上|这边|这里))?"
_WORKS = rf"(?:来|去|帮忙|先|进行|予以|尽快|赶紧|及时)*(?:{_WORK}|{_SEE}){{0,2}}(?:去)?"
_HASTE = rf"(?:来|去|全权|帮忙|{SOON})*+"
_OFFICE = r"的?(?:处理人|负责人|责任人|跟进人|处置人|经办人|owner|assignee)\s*(?:给|都)?(?:变更|修改|更换|调整|更改|更新|设置|设|改|换|指定|写|填|定)(?:为|成|给|到)?"
_ASSIGN = (
    rf"(?:{_GIVE}(?:一下)?\s*(?:给|到|至|由|于|去|to)?|{_TOSS}|给到?)\s*{_WHO}\s*{_WORKS}|{_OFFICE}\s*{_WHO}|给\s*{_WHO}\s*{_GIVE}(?:一下|下)?|"
    rf"(?:让|叫|喊|安排|请|麻烦|劳烦|烦请|拜托|辛苦|指派|指定|委派|分派)\s*{mark(Kind.PERSON)}(?:同事|同学|老师|工程师|哥|姐|总)?\s*{_HASTE}(?:{_WORK}|{_SEE}){{1,2}}|{mark(Kind.PERSON)}来(?:{_WORK}|{_SEE})|"
    rf"(?:安排|改|交|转|转交|移交|变更为?|调整为?)由\s*{_WHO}\s*{_WORKS}"
)
_HAND = rf"由\s*{mark(Kind.PERSON)}(?:同事|同学|老师)?{_HASTE}(?:{_WORK}|{_SEE}){{1,2}}"
_HIM = rf"并?(?:让|叫|请|由|辛苦|麻烦)(?:他|她|其){_HASTE}(?:{_WORK}|{_SEE})"
_VERBS = (
    Role.MARK,
    Role.CLOSE,
    Role.TAKE,
    Role.MINE,
    Role.LOOK,
    Role.ASSIGN,
    Role.GIVE,
    Role.GIVE_ME,
    Role.HAND,
)
GRAMMAR = Grammar(
    words=Words(
        (Role.OBJECT, _OBJECT),
        (Role.GIVE_ME, r"给我(?!们)"),
        (Role.CLOSE, rf"{_CLOSE}{AFTERWARDS}"),
        (Role.CLOSE, _CLOSE_AS),
        (Role.VERDICT, _VERDICT),
        (Role.CHECK, _CHECKED),
        (Role.CHECK, _SEEN),
        (Role.DONE, r"(?:已经?|都)*(?:处理|处置|排查|修复|整改|加固)(?:完毕|完成|完了|好了)"),
        (Role.MARK, r"mark(?![a-z])"),
        (
            Role.BUSY,
            rf"(?:{_ME}|有人)(?:已经|已)?(?:正在|在|正)(?:{_WORK}|{_SEE})(?:着|了)?呢?|{_ME}先(?:{_WORK}|{_SEE})着|已经?有人在(?:{_WORK}|{_SEE})",
        ),
        (Role.MINE, rf"{_I}(?:来|先|去|亲自)*{_WORK}"),
        (Role.MINE, rf"{_I}来(?=$|[,，。吧哈!！~\s])"),
        (Role.MINE, rf"{_I}(?:先|来)*(?:{_ACK}|跟|领|收|揽)(?:一下|了)?"),
        (Role.LOOK, _I_LOOK),
        (Role.ASSIGN, _ASSIGN),
        (Role.TAKE, rf"{_ACK}{_KEPT}{AFTERWARDS}|(?:的?状态)?\s*(?:给|帮忙?|请)?{_AS}\s*{_STATE}"),
        (Role.GIVE, rf"{_GIVE}(?:一下|下|过去)?"),
        (Role.HAND, _HAND),
        (Role.PERSON, _WHO),
        (
            Role.GLUE,
            rf"{_HIM}|的?状态(?:改|更新|变更|调整)(?:一下)?|的(?:处理|处置|跟进|排查)(?:工作)?|收到$",
        ),
        *COMMON,
    ),
    objects=(Kind.ALERT,),
    verbs=frozenset(_VERBS),
    doubtless=frozenset({Role.VERDICT, Role.CHECK, Role.DONE, Role.BUSY, Role.TAKE, Role.MINE, Role.CLOSE}),
    is_fact=is_fact,
    no_remark=Pattern(rf"{_ANY_VERDICT}{_TAIL}\s*(?:[,，;；。!！]|$)", re.IGNORECASE),
)
# After a slash command what was checked is the note.
COMMANDS = replace(GRAMMAR, words=GRAMMAR.words.without(Role.CHECK))
# Text without 备注 in front must neither ask nor quote nor be the rest of a longer phrase.
_FACTS = Pattern(
    r"已经?|刚刚?|不是攻击|未发现|没有(?:发现|影响|问题|风险|威胁|命中|成功|异常)|不影响|无(?:影响|风险|威胁)"
)
_BAD_END = Pattern(
    r"(?:的(?:后果|步骤|流程|记录|人|原因|申请|命令|话|时候|操作)|操作|之前|之后|以后|时|失败了?|(?<!攻击)成功了?|完成了?|过了?|不好)[。.!！\s]*$"
)
_BAD_START = Pattern(
    r"等(?![级保])|的|这|是|会|要|需|有|权限|流程|步骤|影响|历史|记录|操作|之?后|以后|前|时|失败|成功|了|过|吗|谁|和|与|、|是不是"
)
SPEAKS_OF_CASEWORK = Pattern(
    r"关闭|关掉|关单|销单|销掉|结案|结单|关了|指派|分配|转给|派给|交给|转派|分派|派给|(?<![指转分委出])派\s*[\ue340-\ue3ff]|(?<![开相有无])关\s*[\ue340-\ue3ff]|认领|接手|确认(?:一下)?[\ue340-\ue3ff]|标记|标为|\b(?:close|assign|ack)",
    re.IGNORECASE,
)


def read_casework(skeleton: Skeleton, asker: str, *, command: bool = False) -> Intent | None:
    """One action on one alert; a slash command needs no 备注 before its note."""
    if skeleton.found(Kind.ALERTS):
        return None
    grammar = COMMANDS if command else GRAMMAR
    for order, note in read_untold(skeleton, grammar):
        if _is_bare_note(note, skeleton) and (command or _verdicts(order)) and skeleton.text.endswith(note):
            return _build(order, skeleton, asker, note)
    for order in read_orders(skeleton, grammar):
        found = _build(order, skeleton, asker, order.remark.text if order.remark else _checked(order))
        if found:
            return found
    return None


def _checked(order: Order) -> str:
    """关闭告警 12，误报，已和业务确认: a check that is told at the end is the note."""
    *before, last = order.clauses
    told = all(chunk.role in (Role.CHECK, Role.GLUE) for chunk in last) and any(
        chunk.role is Role.CHECK for chunk in last
    )
    ordered = any(chunk.role is Role.CLOSE for clause in before for chunk in clause)
    return "".join(chunk.text for chunk in last) if told and ordered else ""


def _is_bare_note(note: str, skeleton: Skeleton) -> bool:
    """Text without 备注 in front must neither ask nor quote nor be the rest of a longer phrase."""
    text = skeleton.expand(note)
    named = Skeleton(note, skeleton.entities).found(Kind.ALERT, Kind.PERSON)
    return (
        is_free_text(text)
        and not _BAD_START.match(text)
        and not named
        and len(text) > 1
        and find_doubt(_FACTS.sub("", text)) is None
        and not _BAD_END.search(text)
    )


def _build(order: Order, skeleton: Skeleton, asker: str, note: str) -> Intent | None:
    tool = _tool(order)
    arguments: dict[str, Any] = {"alert_id": order.value}
    if tool == "assign_alert":
        assignees = {_assignee(text, skeleton, asker) for text in _handed(order)}
        if len(assignees) != 1 or "" in assignees or (order.remark and order.remark.kind == "note"):
            return None
        if order.has(Role.TAKE, Role.MINE) and assignees != {asker}:
            return None
        return Intent(tool, arguments | {"assignee": assignees.pop()}, 1.0, skeleton.spans())
    verdicts = _verdicts(order)
    if not tool or len(verdicts) > 1:
        return None
    arguments |= {"verdict": verdicts.pop()} if verdicts else {}
    text = clean(note, skeleton)
    return Intent(tool, arguments | ({"note": text} if text else {}), 1.0, skeleton.spans())


def _tool(order: Order) -> str:
    """The one action that the chunks make; "" for none and for several."""
    if _names_others(order):
        return ""
    if _handed(order):
        return "" if order.has(Role.CLOSE, Role.MARK, Role.VERDICT, Role.DONE) else "assign_alert"
    if order.has(Role.GIVE, Role.HAND):
        return ""
    if order.has(Role.CLOSE) or (order.has(Role.MARK) and order.has(Role.VERDICT)):
        twice = any(sum(chunk.role is Role.VERDICT for chunk in clause) > 1 for clause in order.clauses)
        return "" if twice or order.has(Role.TAKE, Role.MINE, Role.LOOK, Role.BUSY) else "close_alert"
    taken = order.has(Role.TAKE, Role.MINE) or _looks(order)
    return "acknowledge_alert" if taken and not order.has(Role.VERDICT, Role.MARK, Role.DONE) else ""


def _names_others(order: Order) -> bool:
    """A name is the one whom it is given to only after the verb: 指派告警 12 给李四, not 李四指派告警 12."""
    roles = [chunk.role for chunk in order.chunks]
    given = roles.index(Role.GIVE) if Role.GIVE in roles and Role.ASSIGN not in roles else len(roles)
    return Role.PERSON in roles[:given]


def _looks(order: Order) -> bool:
    """告警 12 我来看 takes it; 我来看告警 12 only looks at it."""
    roles = [chunk.role for chunk in order.chunks]
    return Role.LOOK in roles and Role.OBJECT in roles[: roles.index(Role.LOOK)]


def _handed(order: Order) -> tuple[str, ...]:
    """The chunks that say who is to have it; 由李四处理 alone only tells how things are."""
    roles = [chunk.role for chunk in order.chunks]
    said = order.said(Role.ASSIGN)
    if order.has(Role.PLEASE, Role.MOVE):
        said += order.said(Role.HAND)
    if Role.GIVE in roles and Role.PERSON in roles[roles.index(Role.GIVE) :]:
        said += order.said(Role.PERSON)
    if said or order.has(*(set(_VERBS) - {Role.GIVE_ME, Role.GIVE})) or order.has(Role.VERDICT):
        return said
    return order.said(Role.GIVE_ME)


def _assignee(text: str, skeleton: Skeleton, asker: str) -> str:
    named = [skeleton.entities[char].value for char in text if char in skeleton.entities]
    return str(named[0]) if len(named) == 1 else "" if named else asker


def _verdicts(order: Order) -> set[str]:
    said = (_VERDICT_WORD.search(text) for text in order.said(Role.VERDICT, Role.CLOSE))
    return {match.lastgroup for match in said if match and match.lastgroup}
