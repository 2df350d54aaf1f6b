"""The dangerous actions: block_ip and isolate_host."""

import re
from typing import Any

from .chunks import Role, Words
from .entities import ADDRESS
from .evidence import ATTACK_WORDS, is_evidence
from .intents import Intent
from .orders import Grammar, Order, read_orders, read_untold
from .patterns import Pattern
from .remarks import clean, is_remark
from .skeletons import Kind, Skeleton, mark
from .wording import AFTERWARDS, COMMON

_DURATION = mark(Kind.DURATION)
_OF_IP = r"(?:(?:(?:这个|这条|该|那个|恶意|来源|源|攻击者?|可疑|外部|外网|境外|公网|攻击源|来自|源自|来源于|以下|下列|如下|下述|攻击方)的?)*\s*(?:ip地址|攻击ip|源ip|ip|源?地址)?\s*[:：]?\s*)"
_IP = rf"{_OF_IP}{ADDRESS}(?:\s*(?:这个|该|这)?\s*(?:恶意|攻击)?\s*(?:ip地址|ip|地址))?(?:\s*的(?:所有|全部|入站|出站|一切)?(?:访问|流量|连接|请求|通信)+)?"
_BLOCK = r"(?:临时|永久)?(?:封禁|封掉|封锁|封堵|封停|封杀|封死|封住|拉黑|加黑|(?:加入|加到|加进|拉进|拉入|拉到|放进|放到|丢进|丢到|扔进|扔到|塞进|列入|放入|进|(?:丢|扔|塞|放|拉|加)(?=黑名单))黑名单里?|屏蔽|阻断|拦截|拦掉|禁掉|ban|封ip|封(?![装面闭])|block)"
_HOST_NOUN = r"(?:(?:(?:被感染|被控|被控制|被入侵|被攻陷|被黑|失陷|中毒|受害|受感染|感染|可疑)的?)?(?:主机|服务器|机器|机子|电脑|虚拟机|虚机|终端|资产|节点|host|box|server|machine))"
_HOST = rf"(?:这台|该|那台)?{_HOST_NOUN}?\s*[:：]?\s*{mark(Kind.ASSET, Kind.ASSET_IP)}\s*(?:这台|该|这个)?{_HOST_NOUN}?"
_ISOLATE = r"(?:(?:网络|断网|下线|临时|紧急|主机)*隔离|断网|断开网络|拔网线|isolate|quarantine)"
_OUT = (
    r"(?:从|自|与|同|和|跟)(?:公司|我司|我们的?)?(?:生产|办公|业务|内部|核心|当前|现有|整个)?(?:内网|网络环境|网络|网段|环境|其他(?:主机|系统|机器)|网)(?:环境)?(?:之?中|里面?|里|上|内)?"
    r"\s*(?:隔离|断开|摘除|摘|移除|移|切断|剔除|下线|断)(?:连接)?(?:出来|出去|开来|开|掉)?"
)
_TERM = r"(?:(?:封禁|拉黑|封堵|封锁|封停|封|阻断|屏蔽|有效)的?)?(?:时长|时间|期限|周期|时限|有效期|期)(?:暂定|暂)?"
_LENGTH = rf"(?:{_TERM}|持续|为期|暂定|先|共|for)?\s*(?:为|是|设置?为|定为)?\s*[:：]?\s*{_DURATION}(?:的|时间|时长|左右)?(?:就?够了?|看看)?"
_PLACE = r"(?:在|于|通过)(?:公司|我司|边界|出口|核心|互联网)*(?:防火墙|waf|网关|边界|出口|安全设备|边界设备|设备)(?:上|处|侧|中|里)?"
_FOUND = r"(?:刚刚?|又)?(?:有个|发现|监测到|检测到|排查到)|处理(?:一下|下)|经过?(?:研判|核实|确认|排查|分析)$"
_BREAK = Pattern(
    r"(?<=\S)(?=(?:赶紧|赶快|马上|立马|立即|立刻|尽快|(?<![赶尽])快(?![递照捷点])|快点|直接|麻烦|帮忙|帮我)(?!的))"
)
BLOCK = Grammar(
    words=Words(
        (Role.OBJECT, _IP),
        (Role.BLOCK, rf"{_BLOCK}{AFTERWARDS}"),
        (Role.LENGTH, _LENGTH),
        (Role.GLUE, rf"{_PLACE}|措施|{_FOUND}"),
        *COMMON,
    ),
    objects=(Kind.IP, Kind.ASSET_IP),
    verbs=frozenset({Role.BLOCK}),
    doubtless=frozenset({Role.BLOCK}),
    is_fact=is_evidence,
    break_before=_BREAK,
    dangerous=True,
)
ISOLATE = Grammar(
    words=Words(
        (Role.OBJECT, _HOST),
        (Role.ISOLATE, rf"{_ISOLATE}{AFTERWARDS}|{_OUT}"),
        (Role.CUT, rf"(?:断开|切断|断掉|掐断|拔掉|断|拔|切|掐){AFTERWARDS}"),
        (Role.NET, r"的?\s*(?:网络连接|网络|网线|联网|网)"),
        (Role.GLUE, rf"措施|{_FOUND}"),
        *COMMON,
    ),
    objects=(Kind.ASSET, Kind.ASSET_IP, Kind.HOST),
    verbs=frozenset({Role.ISOLATE, Role.CUT}),
    doubtless=frozenset({Role.ISOLATE, Role.CUT, Role.OBJECT}),
    is_fact=is_evidence,
    break_before=_BREAK,
    dangerous=True,
)
_FORBIDDEN = Pattern(r"的|之[前后]|失败|成功|这个|[\ue2c0-\ue33f]")
_ACTING = Pattern(f"{_BLOCK}|{_ISOLATE}", re.IGNORECASE)
SPEAKS_OF_BLOCKING = Pattern(r"封|拉黑|加黑|黑名单|屏蔽|阻断|拦截|\b(?:block|ban)", re.IGNORECASE)
SPEAKS_OF_ISOLATING = Pattern(
    r"隔离|断网|(?:断开|切断|断掉|掐断|拔掉).{0,12}网|网(?:络|线)?(?:给)?(?:断|拔|切)|isolat|quarantin",
    re.IGNORECASE,
)


def read_response(skeleton: Skeleton, *, command: bool = False) -> Intent | None:
    """block_ip or isolate_host; a slash command needs no 原因 before its reason."""
    return _read(skeleton, BLOCK, command) or _read(skeleton, ISOLATE, command)


def _read(skeleton: Skeleton, grammar: Grammar, command: bool) -> Intent | None:
    for order, reason in read_untold(skeleton, grammar):
        if _is_bare_reason(reason, skeleton, free=command and _comes_after(order, reason, skeleton)):
            return _build(order, skeleton, reason)
    for order in read_orders(skeleton, grammar):
        reason = order.remark.text if order.remark else "，".join(order.facts)
        if not _names_more(reason, skeleton):
            return _build(order, skeleton, reason)
    return None


def _comes_after(order: Order, reason: str, skeleton: Skeleton) -> bool:
    objects = [
        i
        for i, char in enumerate(skeleton.text)
        if char in skeleton.entities and skeleton.entities[char].value == order.value
    ]
    return objects[0] < skeleton.text.rfind(reason)


def _is_bare_reason(text: str, skeleton: Skeleton, *, free: bool) -> bool:
    """What was attacked and how; ``free``: any words that are only a reason."""
    if ATTACK_WORDS.fullmatch(text):
        return is_evidence(text, skeleton)
    return (
        free and not _FORBIDDEN.match(text) and is_remark(text, skeleton) and not _names_more(text, skeleton)
    )


def _names_more(text: str, skeleton: Skeleton) -> bool:
    """A reason that names another address with a verb would be a second command."""
    return bool(_ACTING.search(text)) and any(char in skeleton.entities for char in text)


def _build(order: Order, skeleton: Skeleton, reason: str) -> Intent | None:
    lengths = {
        skeleton.entities[char].value
        for text in order.said(Role.LENGTH)
        for char in text
        if char in skeleton.entities
    }
    said = clean(reason, skeleton)
    arguments: dict[str, Any] = {"reason": said} if said else {}
    if not order.has(Role.BLOCK):
        if not order.has(Role.ISOLATE, Role.NET):
            return None
        return Intent("isolate_host", {"asset": order.value} | arguments, 1.0, skeleton.spans())
    if len(lengths) > 1:
        return None
    if lengths:
        arguments["duration_minutes"] = lengths.pop()
    return Intent("block_ip", {"ip": order.value} | arguments, 1.0, skeleton.spans())
