"""Actions on one alert: acknowledge_alert, assign_alert, close_alert, from whole sentences in command form."""

import re
from typing import Any

from .intents import Intent
from .manners import AFTER, HURRY, NOW, POLITE, REQUEST, SOON
from .mood import find_doubt, is_free_text
from .patterns import Pattern
from .skeletons import Kind, Skeleton, mark

_AL = rf"(?:这[个条]|该|那[个条])?(?P<alert>{mark(Kind.ALERT)})(?:这[个条]|该)?"
_AL2 = _AL.replace("<alert>", "<alert2>")
_TITLE = r"(?:同事|同学|老师|工程师)?"
_PERSON = rf"(?P<who>{mark(Kind.PERSON)}|我(?:自己|本人)?|自己|本人){_TITLE}"
_ME = r"(?:我(?:自己|本人|这边|方)?|本人)"
_HUMAN = rf"(?:{mark(Kind.PERSON)}|我)"
_WANT = rf"{POLITE}(?:我(?:想要?|来|要|先)?|请?让我)?{POLITE}"
_MARKED = r"[,，;；。.\s]*(?:备注|原因|理由|说明|因为|note|附言)(?:信息|内容)?(?:是|为|一下|写|填)?\s*[:：]?\s*(?P<note>\S.*)"
_NOTE = rf"(?:{_MARKED}|[,，;；。\s]+(?P<bare>\S.*))?"
_ACK_NOTE = rf"(?:{_MARKED}|{AFTER})"
_VERDICTS = {
    "false_positive": r"误报(?:情况|告警)?|误判|误告警|误触发|假阳性|false[ _]positive|fp",
    "true_positive": r"真实(?:的)?攻击(?:行为|事件)?|有效攻击|确认攻击|真实事件|真实威胁|真实告警|真攻击|确认为攻击|攻击属实|属实|真阳性|true[ _]positive|tp|攻击成功",
    "benign": r"正常(?:的)?(?:业务|运维|变更)(?:行为|操作|流量|访问|请求|变更|活动)?|业务正常|正常行为|正常操作|正常流量|正常访问|无害|良性|无风险|无威胁|业务行为|benign|合法行为|内部测试|授权测试",
    "duplicate": r"重复(?:的)?告警|重复上报|重复|duplicate|dup",
}
_VERDICT = rf"(?P<verdict>{'|'.join(_VERDICTS.values())})"
_ACK = r"(?:确认接手|登记接手|确认|认领|接手|接收|接受|受理|领取|接单|接(?!口)|签收|ack|acknowledge)"
_CLOSE = r"(?:关闭|关掉|关单|关|结单|结案|结掉|结(?=了)|办结|归档|close)"
_LOOKED_INTO = r"(?:核实|确认|核查|排查|分析|研判|复核|验证|调查|查证|核对|评估|检查)"
_CHECKED = rf"(?:(?:已|经|经过)?{_LOOKED_INTO})"
_BODY = r"(?:相关|对应)?(?:业务|运维|开发|研发|网络|安全|值班|责任|使用|技术|系统|资产)?(?:方|侧|部门|部|团队|同事|人员|组|负责人|管理员|单位)"
_CHECKER = rf"(?:(?:与|和|跟|同|向)?(?:{_BODY}|我们?|我方|我司|运维|双方|(?<=[经与和跟同向]){mark(Kind.PERSON)})?(?:人工|内部|初步|再次|进一步|详细|仔细|反复|共同|联合)?)"
# 已由业务方核实 is why, not a report.
_CHECK = rf"(?:[,，\s]*(?:目前|现)?(?:已经(?!经)|已|均|业已)?(?:经过?|由|通过)?{_CHECKER}{_LOOKED_INTO}{{1,2}}(?:后|过|完毕)?(?:[,，]?\s*(?:认定|判定|确认|判断|证实|定性|可以?确定))?(?:该告警|此告警|其)?[,，\s]*)"
_CLOSES = rf"{_CLOSE}(?:掉|了|吧|一下)*(?:处理|操作|处置|即可)?(?:[,，\s]*{_CLOSE}(?:掉|了|吧|一下)*)?"
_VERDICT_IS = rf"(?:(?:最终|研判|判定|处置|核查|关闭|verdict)?(?:结论|判定|结果|定性|类型|理由|原因|verdict)?(?:确实?|确系)?\s*(?:是|为(?!什么)|属于|归为|系|按照?|因为?|as|=)?\s*[:：]?\s*(?:{_BODY}的?)?)"
_AS = r"(?:标记?|标注|设置?|改|置|判定?|定性|认定|归类?|处理|更新|修改|调整)(?:状态)?(?:为|成|作)"
_ASSIGN = r"(?:指派|分配|转派|派|分|交|转交|转|移交|分派|指定|委派|改派|委托|派发|转办|转送|交办|assign)"
_TOSS = r"(?:丢|扔|甩|推|抛|塞|递|转|交|派|分|挪|划|拨|登记|归)(?:给|到|去|在|至)?"
_TOSS_TO = r"(?:丢|扔|甩|推|抛|塞|递|挪|划|拨)(?:给|到)"
_NAME = rf"(?P<who>{mark(Kind.PERSON)}){_TITLE}"
_THERE = r"(?:那儿|那边|那里|那头|手上|手里|名下|头上)"
_DOES = r"(?:(?:负责|牵头|协助|全权)?(?:跟进处理|处理|跟进|跟踪处理|跟踪|跟|负责|排查|看看|看|处置|分析|研判|调查|盯|弄|搞|查|接手|接|管|收拾|瞅瞅|瞅|研究))(?:一下|下|一眼|着)?"
_WORKS = rf"(?:来|去|帮忙|先|进行|予以)*(?:{_DOES}){{0,2}}(?:去)?"
_LET_HIM = rf"(?:[,，\s]*(?:让|叫|请)(?:他|她)(?:来|去|帮忙|先)*{_DOES})?"
_TAKES = (
    r"(?:处理|跟进|跟|负责|看看|看|领|搞|弄|盯|接|接手|认领|办|排查|查|管|解决)(?:一下|下)?(?:处理|处置)?"
)
_TAKES_ON = r"(?:(?:负责|牵头|继续)?(?:跟进处理|跟踪处理|跟进|处理|处置|负责|接手|认领|跟踪))"
# 和之前的重复, 跟告警列表里别的一样是重复: what it repeats is part of the verdict, not a report.
_LIKE = r"(?:(?:和|跟|与|同)?(?:之前|此前|先前|早前|已有|以前|前面|上面|上次|刚才|其他|其它|别)(?:的|那[个条]|那些)?\s*(?:告警|报警)?(?:是|属于)?(?=重复))?"
_HANDLING = r"(?:处理中|已确认|已认领|跟进中|处置中|已接手|确认(?:状态)?)"
_REGISTER = r"(?:登记接手|登记认领|接手登记|登记备案|登记|备案|认领|接手|接单|受理)(?:一下)?(?:在?我名下)?"
_FORMS_ACK = (
    rf"{_WANT}{_ACK}(?:一下|下)?\s*{_AL}(?:[,，\s]*(?:后续)?由{_ME}(?:来|负责)*{_TAKES_ON})?{_ACK_NOTE}",
    rf"{_WANT}(?:把|将)?\s*{_AL}\s*(?:的?状态)?\s*{_AS}\s*{_HANDLING}{_ACK_NOTE}",
    rf"{POLITE}{_AL}\s*[,，]?\s*(?:由|让)?我(?:来(?=$|[,，。吧哈!！~\s])|(?:来|先|去)+{_TAKES}|{_ACK}(?:一下|了)?|(?:接手|认领|接)(?:来|并)?(?:处理|跟进|处置|跟踪)(?:一下)?|处理|跟进|负责|看|(?:跟|领|收|揽)(?:了|一下|吧))(?:吧)?{_ACK_NOTE}",
    rf"{POLITE}我(?:来|先)*(?:处理|跟进|负责|接手|认领|接|领)(?:一下|下)?\s*{_AL}{_ACK_NOTE}",
    rf"{POLITE}我来(?:跟|搞|弄|盯)(?:一下|下)?\s*{_AL}{_ACK_NOTE}",
    rf"{POLITE}{_AL}\s*(?:认领|接手)(?:一下)?{_ACK_NOTE}",
    rf"{POLITE}{_AL}\s*[,，]?\s*(?:现|暂|先|后续)?由{_ME}(?:来|先|去|亲自)*{_TAKES_ON}(?:[,，\s]*{REQUEST}{_REGISTER})?{_ACK_NOTE}",
    rf"{POLITE}由{_ME}(?:来|先|去|亲自)*{_TAKES_ON}\s*{_AL}(?:[,，\s]*{REQUEST}{_REGISTER})?{_ACK_NOTE}",
    rf"{POLITE}{_AL}\s*[,，]?{REQUEST}{_REGISTER}{_ACK_NOTE}",
    rf"{POLITE}(?:把|将)\s*{_AL}\s*(?:的?状态)?\s*{NOW}(?:标记|登记|更新|标注)\s*(?:为|成)?\s*{_HANDLING}{_ACK_NOTE}",
    rf"{POLITE}(?:把|将)\s*{_AL}\s*{_ACK}(?:一下|掉|了)?{_ACK_NOTE}",
)
# The tool keeps no note: why is dropped, but what follows 备注 is not, so that form is none.
_ASSIGN_END = rf"(?:[,，;；。\s]*(?:原因|理由|因为|由于)(?:是|为)?\s*[:：]?\s*(?P<note>\S.*)|{AFTER})"
_FORMS_ASSIGN = (
    rf"{_WANT}(?:把|将)?\s*{_AL}\s*{NOW}{_ASSIGN}\s*(?:一下)?(?:给|到|至|由|于|to)?\s*{_PERSON}{_THERE}?{_WORKS}{_LET_HIM}{_ASSIGN_END}",
    rf"{_WANT}(?:把|将)?\s*{_AL}\s*{NOW}就?(?:{_TOSS_TO}\s*(?={_HUMAN})|(?:{_TOSS}|挂(?:到|给)?)\s*(?={_HUMAN}(?:的)?{_THERE})){_PERSON}(?:的?{_THERE})?(?:去)?{_WORKS}{_ASSIGN_END}",
    rf"{_WANT}{_ASSIGN}\s*(?:一下)?\s*{_AL}\s*(?:给|到|至|由|于|to)?\s*{_PERSON}{_WORKS}{_ASSIGN_END}",
    rf"{POLITE}(?:把|将)?\s*{_AL}\s*给\s*{_PERSON}{_WORKS}{_ASSIGN_END}",
    rf"{POLITE}(?:让|叫|安排|请)\s*{_PERSON}\s*(?:来|去|{SOON})*(?:处理|跟进|负责|排查|处置)(?:一下|下)?\s*{_AL}{_ASSIGN_END}",
    rf"{POLITE}(?:让|叫|喊|安排|请|麻烦|劳烦|拜托|辛苦)\s*{_NAME}\s*(?:来|去|全权|{SOON})*{_DOES}\s*{_AL}{_ASSIGN_END}",
    rf"{POLITE}{_AL}\s*[,，]?\s*(?:让|叫|喊|安排|请|麻烦)\s*{_NAME}\s*(?:来|去|全权|{SOON})*{_DOES}{_ASSIGN_END}",
    rf"{POLITE}{_AL}\s*[,，]?\s*{_NAME}\s*来{_DOES}{_ASSIGN_END}",
    rf"{POLITE}给\s*{_PERSON}\s*{_ASSIGN}\s*{_AL}{_ASSIGN_END}",
    rf"{REQUEST}(?:安排|改)?由\s*{_NAME}\s*(?:来|去|全权|{SOON})*{_DOES}\s*{_AL}{_ASSIGN_END}",
    rf"{REQUEST}(?:把|将)?\s*{_AL}\s*{NOW}(?:安排|改|交|转|转交|移交|变更为?|调整为?)*由\s*{_NAME}\s*{_WORKS}{_ASSIGN_END}",
    rf"{POLITE}{_AL}\s*[,，]?{REQUEST}(?:安排|改|交|转|转交|移交)*由\s*{_NAME}\s*{_WORKS}{_ASSIGN_END}",
    rf"{_WANT}(?:把|将)\s*{_AL}\s*的?(?:处理人|负责人|责任人|跟进人|处置人)\s*{NOW}(?:变更|修改|更换|调整|更改|更新|设置|设|改|换|指定)(?:为|成|给)?\s*{_NAME}{_ASSIGN_END}",
    rf"{POLITE}(?:安排|指派|指定|委派|分派)\s*{_NAME}\s*(?:来|去|全权|{SOON})*{_DOES}\s*{_AL}{_ASSIGN_END}",
    rf"{POLITE}{_AL}\s*[,，]?{REQUEST}(?:安排|指派|指定|委派)\s*{_NAME}\s*(?:来|去|全权|{SOON})*{_DOES}{_ASSIGN_END}",
)
_FORMS_CLOSE = (
    rf"{_WANT}{_CLOSE}(?:一下|掉)?\s*{_AL}{AFTER}",
    rf"{_WANT}{_CLOSE}(?:一下|掉)?\s*{_AL}\s*[,，:：\s]*(?P<check>{_CHECK}?){_VERDICT_IS}\s*[:：]?\s*(?:一[条个])?{_VERDICT}(?:处理|告警|吧|的)?{_NOTE}",
    rf"{_WANT}(?:把|将)?\s*{_AL}\s*[,，]?\s*(?P<check>{_CHECK}?)(?:按|按照|以|作为|当作|当)?\s*(?:(?:确认)?没(?:什么)?问题[,，]\s*)?{_VERDICT_IS}(?P<like>{_LIKE}){_VERDICT}(?:的|了|为由|结论|处理)?[,，\s]*(?:可以|就|来|可|那就|{HURRY})*{_CLOSES}{_NOTE}",
    rf"{_WANT}(?:把|将)\s*{_AL}\s*{NOW}{_CLOSES}[,，\s]*(?:(?P<check>{_CHECK}?){_VERDICT_IS}\s*(?:一[条个]|个)?{_VERDICT}(?:处理|吧|的)?{_NOTE}|{AFTER})",
    rf"{POLITE}{_AL}\s*(?:直接|赶紧|先)?{_CLOSE}(?:掉|一下)?(?:了?吧)?[,，\s]*(?:结论|判定)?(?:按|为|是)?\s*[:：]?\s*{_VERDICT}(?:的)?{_NOTE}",
    rf"{POLITE}{_VERDICT_IS}{_VERDICT}[,，\s]+{POLITE}(?:{_CLOSE}(?:掉|一下)?\s*{_AL}|(?:把|将)\s*{_AL2}\s*{_CLOSES}){AFTER}",
    rf"{_WANT}(?:把|将)?\s*{_AL}\s*(?:标|标记|标注)(?:一下|个|上)?\s*{_VERDICT}{_NOTE}",
    rf"{_WANT}(?:关|结)(?:掉|了)?\s*{_AL}\s*吧[,，\s]*(?:结论|判定)?(?:按|为|是)?\s*[:：]?\s*{_VERDICT}(?:的)?{_NOTE}",
    rf"{_WANT}(?:把|将)?\s*{_AL}\s*{_CLOSE}(?:为|成|作)\s*{_VERDICT}{_NOTE}",
    rf"{_WANT}(?:以|按|按照|作为)\s*{_VERDICT}(?:来|的?(?:方式|名义|结论|类型|为由))?\s*{_CLOSE}(?:一下|掉)?\s*{_AL}{_NOTE}",
    rf"{_WANT}(?:把|将)?\s*{_AL}\s*{NOW}(?:以|按照?|作为|当作?|用)\s*{_VERDICT}(?:的?(?:方式|名义|结论|类型|判定|定性|结果))?(?:为由|来|予以|进行|处理后?|并|[,，\s])*{_CLOSES}{_NOTE}",
    rf"{_WANT}(?:把|将)?\s*{_AL}\s*{_AS}\s*{_VERDICT}{_NOTE}",
    rf"{_WANT}(?:把|将)?\s*{_AL}\s*按{_VERDICT}处理{_NOTE}",
    rf"{_WANT}(?:把|将)\s*{_AL}\s*{_AS}\s*{_VERDICT}[,，\s]*(?:并|然后|后|再|且)+{NOW}{_CLOSES}{_NOTE}",
    rf"{_WANT}{_CLOSES}\s*{_VERDICT}的?\s*{_AL}{_NOTE}",
    rf"{_WANT}(?:把|将)\s*{_VERDICT}的?\s*{_AL}\s*{NOW}{_CLOSES}{_NOTE}",
    rf"{POLITE}(?P<check>{_CHECK})\s*{_AL}\s*{_VERDICT_IS}(?P<like>{_LIKE}){_VERDICT}(?:行为|的)?[,，\s]+{NOW}{_CLOSES}{_NOTE}",
    rf"{POLITE}(?P<check>{_CHECK}){_VERDICT_IS}\s*{_VERDICT}(?:行为|的)?[,，\s]+{POLITE}(?:{_CLOSES}\s*{_AL}|(?:把|将)\s*{_AL2}\s*{NOW}{_CLOSES}){_NOTE}",
)
_FACTS = Pattern(
    r"已经?|刚刚?|不是攻击|未发现|没有(?:发现|影响|问题|风险|威胁|命中|成功|异常)|不影响|无(?:影响|风险|威胁)"
)
_BAD_END = Pattern(
    r"(?:的(?:后果|步骤|流程|记录|人|原因|申请|命令|话|时候|操作)|操作|之前|之后|以后|时|失败了?|(?<!攻击)成功了?|完成了?|过了?|不好)[。.!！\s]*$"
)
_BAD_START = Pattern(
    r"的|这|是|会|要|需|有|权限|流程|步骤|影响|历史|记录|操作|之?后|以后|前|时|失败|成功|了|过|吗|谁|和|与|、|是不是"
)


def _compile(forms: tuple[str, ...]) -> tuple[Pattern, ...]:
    return tuple(Pattern(form, re.IGNORECASE) for form in forms)


ACK_COMMAND = Pattern(rf"确认\s*{_AL}{_NOTE}", re.IGNORECASE)
ACK, ASSIGN, CLOSE = _compile(_FORMS_ACK), _compile(_FORMS_ASSIGN), _compile(_FORMS_CLOSE)
SPEAKS_OF_CASEWORK = Pattern(
    r"关闭|关掉|关单|结案|结单|关了|指派|分配|转给|派给|交给|转派|分派|派给|(?<![指转分委出])派\s*[\ue340-\ue3ff]|(?<![开相有无])关\s*[\ue340-\ue3ff]|认领|接手|确认(?:一下)?[\ue340-\ue3ff]|标记|标为|\b(?:close|assign|ack)",
    re.IGNORECASE,
)


def read_casework(skeleton: Skeleton, asker: str, *, command: bool = False) -> Intent | None:
    """One action on one alert if the whole sentence is exactly that; a slash command needs no 备注 before its note."""
    if len(skeleton.found(Kind.ALERT)) < 1 or skeleton.found(Kind.ALERTS):
        return None
    for tool, forms in (
        ("close_alert", CLOSE),
        ("assign_alert", ASSIGN),
        ("acknowledge_alert", (ACK_COMMAND, *ACK) if command else ACK),
    ):
        for form in forms:
            match = form.fullmatch(skeleton.text)
            if match and _is_command(match, skeleton):
                return _build(tool, match, skeleton, asker)
    return None


def _is_command(match: re.Match[str], skeleton: Skeleton) -> bool:
    groups = match.groupdict()
    note, bare, verdict = groups.get("note"), groups.get("bare"), groups.get("verdict") or ""
    head = match.string[: match.start("note" if note else "bare")] if note or bare else match.string
    for known in (groups.get("like"), groups.get("check")):
        head = head.replace(known or "\0", "")
    head = re.sub(r"我想要?", "", head.replace(verdict, "") if verdict else head)
    head = re.sub(r"(?<=[关闭掉认手领单结])了", "", head) if re.search("把|将", head) else head
    if verdict and not re.search("把|将", head) and re.search(r"了[\s,，。.!！]*$", head):
        return False
    head = re.sub(r"(?<=[关结])了(?=\s*吧|[\ue000-\uf8ff]\s*吧)", "", re.sub(_HANDLING, "", head))
    return not find_doubt(head) and _is_note(note, skeleton) and _is_bare_note(bare, skeleton)


def _is_note(note: str | None, skeleton: Skeleton) -> bool:
    return note is None or is_free_text(skeleton.expand(_unquote(note)))


def _is_bare_note(bare: str | None, skeleton: Skeleton) -> bool:
    """Text without 备注 in front must neither ask nor quote nor be the rest of a longer phrase."""
    if bare is None:
        return True
    text = skeleton.expand(bare)
    doubt = find_doubt(_FACTS.sub("", text))
    named = Skeleton(bare, skeleton.entities).found(Kind.ALERT, Kind.PERSON)
    return (
        is_free_text(text)
        and not _BAD_START.match(text)
        and not named
        and len(text) > 1
        and doubt is None
        and not _BAD_END.search(text)
    )


def _unquote(text: str) -> str:
    return text.strip().strip("「」“”\"'").strip()


def _build(tool: str, match: re.Match[str], skeleton: Skeleton, asker: str) -> Intent | None:
    groups = match.groupdict()
    arguments: dict[str, Any] = {"alert_id": skeleton.entities[match["alert"] or groups["alert2"]].value}
    if tool == "assign_alert":
        assignee = _assignee(match["who"], skeleton, asker)
        if not assignee:
            return None
        arguments["assignee"] = assignee
    if groups.get("verdict"):
        arguments["verdict"] = read_verdict(match["verdict"])
    note = _unquote(skeleton.expand(groups.get("note") or groups.get("bare") or ""))
    note = re.sub(rf"^{AFTER}|{AFTER}$", "", note, flags=re.IGNORECASE).strip(" ,，。.")
    if note and tool != "assign_alert":
        arguments["note"] = note
    return Intent(tool, arguments, 1.0, skeleton.spans())


def _assignee(who: str, skeleton: Skeleton, asker: str) -> str:
    return str(skeleton.entities[who].value) if who in skeleton.entities else asker


def read_verdict(text: str) -> str:
    """The verdict that the words stand for."""
    return next(name for name, words in _VERDICTS.items() if re.fullmatch(words, text, re.IGNORECASE))
