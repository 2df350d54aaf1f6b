"""The dangerous actions: block_ip and isolate_host, from whole sentences in command form only."""

import re
from typing import Any

from .entities import ADDRESS
from .intents import Intent
from .manners import AFTER, DO, FOR_SO_LONG, NOW, POLITE, WHY, ends_with_length
from .mood import find_doubt, is_free_text
from .patterns import Pattern
from .skeletons import Kind, Skeleton, mark

_DURATION = mark(Kind.DURATION)


def _for(name: str) -> str:
    return rf"(?:[,，\s]*{FOR_SO_LONG}(?P<{name}>{_DURATION})(?:时间|时长)?(?:即可|左右)?)?"


_OF_IP = r"(?:(?:(?:这个|这条|该|那个|恶意|来源|源|攻击者?|可疑|外部|外网|境外|公网|攻击源|来自|源自|来源于|以下|下列|如下|下述)的?)*\s*(?:ip地址|攻击ip|源ip|ip|源?地址)?\s*[:：]?\s*)"
_IP = rf"(?:{_OF_IP}(?P<ip>{ADDRESS})(?:\s*(?:这个|该|这)?\s*(?:恶意|攻击)?\s*(?:ip地址|ip|地址))?(?:\s*的(?:所有|全部|入站|出站|一切)?(?:访问|流量|连接|请求|通信)+)?)"
_BLOCK = r"(?:临时|永久)?(?:封禁|封掉|封锁|封堵|封停|封杀|封死|封住|拉黑|加黑|(?:加入|加到|加进|拉进|拉入|拉到|放进|放到|丢进|丢到|扔进|扔到|塞进|列入|放入|进|(?:丢|扔|塞|放|拉)(?=黑名单))黑名单里?|屏蔽|阻断|拦截|拦掉|禁掉|ban\s*掉|封ip|封|block|ban)"
_HOST_NOUN = r"(?:(?:(?:被感染|被控|被控制|被入侵|被攻陷|被黑|失陷|中毒|受害|受感染|感染|可疑)的?)?(?:主机|服务器|机器|终端|资产|节点|host))"
_HOST = rf"(?:(?:这台|该|那台)?{_HOST_NOUN}?\s*[:：]?\s*(?P<host>{mark(Kind.ASSET, Kind.ASSET_IP)})\s*(?:这台|该|这个)?{_HOST_NOUN}?)"
_ISOLATE = r"(?:(?:网络|断网|下线|临时|紧急|主机)*隔离|断网|断开网络|拔网线|isolate|quarantine)"
_WITHIN = r"(?:从|自|与|同|和|跟)(?:公司|我司|我们的?)?(?:生产|办公|业务|内部|核心|当前|现有|整个)?(?:内网|网络环境|网络|网段|环境|其他(?:主机|系统|机器)|网)(?:环境)?(?:之?中|里面?|里|上|内)?"
_OUT = rf"{_WITHIN}\s*(?:隔离|断开|摘除|摘|移除|移|切断|剔除|下线|断)(?:连接)?(?:出来|出去|开来|开|掉)?"
_CUT = r"(?:断开|切断|断掉|掐断|拔掉)"
_NET = r"(?:的)?\s*(?:网络连接|网络|网线|联网|网)"
_WHY = (
    rf"[,，;；.。\s]*(?:{WHY})(?:是|为|系|在于)?\s*[:：]?\s*(?P<why>(?!呢|何|吗|不明|是|的|什么|啥)[^呢吗].+)"
)
_REASON_MARK = Pattern(rf"[,，;；.。\s]*(?:{WHY})(?:是|为|系|在于)?\s*[:：]?\s*$", re.IGNORECASE)
_OF_ATTACKS = """
暴力 破解 爆破 攻击 扫描 扫 探测 注入 木马 病毒 挖矿 勒索 入侵 外联 失陷 中毒 中了 中招 中 怀疑 怀疑是 感觉 被黑 被控 远控 植入 上传
横移 外发 外传 泄露 数据 恶意 后门 钓鱼 感染 异常 登录 口令 端口 漏洞 利用 横向 移动 渗透 提权 反弹 撞库 刷 爬虫
撞 喷洒 隧道 反连 回连 代码 脚本 网站 官网 后台 服务 服务器 账号 行为 流量 请求 连接 软件 程序 ssh rdp sql xss
web webshell c2 ddos dos cc http mysql redis 我们 我司 公司 内网 外网 对 在 一直 持续 正在 还在
又在 老 老是 总 不停 不断 疯狂 天天 反复 大量 明显 疑似 频繁 尝试 多次 发起 进行 存在 被 有 的 了 和 、 于 遭 受 到 活动
严重 非常 十分 我方 系统 业务 主机 网络 通信
"""
# The longest word at each place and never another one: two readings of many words would take for ever to refuse.
_ATTACK_WORD = "|".join(sorted(_OF_ATTACKS.split(), key=len, reverse=True))
_ATTACK_WORDS = rf"(?:{_ATTACK_WORD}|\s|{mark(Kind.ASSET)})++"
_BARE_WHY = rf"[,，;；.。\s]+(?P<bare>{_ATTACK_WORDS})"
_TAIL = rf"(?:{_WHY}|{_BARE_WHY})?{AFTER}"
_DONE = r"\s*(?:一下|下|掉|起来|了|住|吧)*(?:处理|操作|处置|措施)?"
_EASY = r"\s*(?:一下|下|掉)?"
_LONG = rf"(?:(?P<d0>{_DURATION})\s*(?:的)?)?"
_PLACE = r"(?:(?:在|于|通过)(?:公司|我司|边界|出口|核心|互联网)*(?:防火墙|waf|网关|边界|出口|安全设备|边界设备|设备)(?:上|处|侧|中|里)?\s*)?"
_FORMS_BLOCK = (
    rf"{POLITE}{_PLACE}{_LONG}{_BLOCK}{_EASY}\s*{_for('d1')}(?:(?<={_DURATION})的)?\s*{_IP}{_for('d2')}{_TAIL}",
    rf"{POLITE}(?:把|将|给|对)\s*{_IP}\s*{_for('d1')}{_PLACE}{DO}\s*{_LONG}{_BLOCK}{_DONE}{_for('d2')}{_TAIL}",
    rf"{POLITE}{_IP}[,，\s]*{NOW}\s*{_LONG}{_BLOCK}{_EASY}{_for('d2')}{_TAIL}",
    rf"{POLITE}{_IP}[,，\s]*{NOW}\s*{_BLOCK}\s*(?:了|掉)吧{_for('d2')}(?:{_WHY}|{_BARE_WHY}){AFTER}",
    rf"{POLITE}{_IP}\s*(?P<context>{_ATTACK_WORDS})(?:[,，]|(?=赶紧|赶快|马上|立即|立刻|快|直接))\s*{POLITE}(?:把)?(?:它|他|该ip|这个ip|该地址)?(?:给)?{_LONG}{_BLOCK}"
    rf"\s*(?:了(?=它|他|吧)|它|他|掉|一下|下|吧|处理|处置|操作|措施)*{_for('d2')}{AFTER}",
)
_FORMS_ISOLATE = (
    rf"{POLITE}{_ISOLATE}{_EASY}\s*{_HOST}{_TAIL}",
    rf"{POLITE}(?:把|将|给|对|让|使)\s*{_HOST}\s*{DO}\s*{_ISOLATE}{_DONE}{_TAIL}",
    rf"{POLITE}{_HOST}[,，\s]*{NOW}\s*{_ISOLATE}{_EASY}{_TAIL}",
    rf"{POLITE}{_HOST}[,，\s]*{NOW}\s*{_ISOLATE}\s*(?:了|掉)吧(?:{_WHY}|{_BARE_WHY}){AFTER}",
    rf"{POLITE}{_CUT}(?:一下)?\s*{_HOST}{_NET}{_TAIL}",
    rf"{POLITE}(?:把|将|给)\s*{_HOST}\s*{NOW}{_OUT}{_TAIL}",
    rf"{POLITE}{_HOST}[,，\s]*{NOW}{_OUT}{_TAIL}",
    rf"{POLITE}(?:把|将|给)\s*{_HOST}{_NET}\s*(?:给)?(?:{_CUT}|断|拔|切){_DONE}{_TAIL}",
    rf"{POLITE}{_HOST}\s*(?P<context>{_ATTACK_WORDS})(?:[,，]|(?=赶紧|赶快|马上|立即|立刻|快|直接))\s*{POLITE}(?:把)?(?:它|他|该主机|这台机器)?(?:给)?{_ISOLATE}(?:了(?=它|他|吧)|它|他|掉|一下|下|吧|处理|处置|操作|措施)*{AFTER}",
)
_COMMAND_TAIL = r"(?:[,，;；\s]+(?:原因|理由|备注)?\s*[:：]?\s*(?P<why>(?!的|之[前后]|失败|成功|这个|[\ue2c0-\ue33f])\S.*))?"


# 封禁了, 隔离了。 without 把: it has been done.
_INFECTED = Pattern(r"被(?:感染|控制|控|入侵|攻陷|黑)的?(?=主机|服务器|机器|终端|资产|节点)")
_DONE_ALREADY = Pattern(r"了[\s,，。.!！]*$")
_ORDERED = Pattern(r"(?<=[封禁离黑断掉住死网线蔽截锁堵停杀单n])\s*了")
# 拉黑 X 了: only a particle where a reason would stand.
_NO_CONTEXT = Pattern(r"[的了有在被对和、\s]+$|了")
BLOCK = tuple(Pattern(form, re.IGNORECASE) for form in _FORMS_BLOCK)
ISOLATE = tuple(Pattern(form, re.IGNORECASE) for form in _FORMS_ISOLATE)
_SHORT_WHY = r"[,，\s]+(?:原因|理由)?[:：]?\s*(?P<why>[^\s,，的\ue000-\uf8ff]{2,20})[,，\s]+"
BLOCK_COMMANDS = tuple(
    Pattern(form, re.IGNORECASE)
    for form in (
        rf"封禁\s*{_IP}{_SHORT_WHY}(?P<d1>{_DURATION})",
        rf"封禁\s*(?P<bare>(?:{_ATTACK_WORD})++)\s+{_IP}{_for('d1')}",
        rf"封禁\s*{_LONG}\s*{_IP}{_for('d1')}{_COMMAND_TAIL}",
    )
)
ISOLATE_COMMANDS = tuple(
    Pattern(form, re.IGNORECASE)
    for form in (rf"隔离\s*(?P<bare>(?:{_ATTACK_WORD})++)\s+{_HOST}", rf"隔离\s*{_HOST}{_COMMAND_TAIL}")
)
SPEAKS_OF_BLOCKING = Pattern(r"封|拉黑|加黑|黑名单|屏蔽|阻断|拦截|\b(?:block|ban)", re.IGNORECASE)
SPEAKS_OF_ISOLATING = Pattern(
    r"隔离|断网|(?:断开|切断|断掉|掐断|拔掉).{0,12}网|网(?:络|线)?(?:给)?(?:断|拔|切)|isolat|quarantin",
    re.IGNORECASE,
)


def read_response(skeleton: Skeleton, *, command: bool = False) -> Intent | None:
    """block_ip or isolate_host if the whole sentence is exactly one such command."""
    blocks = (*BLOCK_COMMANDS, *BLOCK) if command else BLOCK
    isolates = (*ISOLATE_COMMANDS, *ISOLATE) if command else ISOLATE
    return _match(skeleton, blocks, _block) or _match(skeleton, isolates, _isolate)


def _match(skeleton: Skeleton, forms: tuple[Pattern, ...], build: Any) -> Intent | None:
    for form in forms:
        match = form.fullmatch(skeleton.text)
        intent: Intent | None = build(match, skeleton) if match and _is_command(match, skeleton) else None
        if intent:
            return intent
    return None


def _is_command(match: re.Match[str], skeleton: Skeleton) -> bool:
    """Nothing outside the stated reason may doubt the command, and the reason must be only a reason."""
    groups = match.groupdict()
    why, context = groups.get("why") or "", groups.get("context") or groups.get("bare") or ""
    head = _REASON_MARK.sub("", match.string[: match.start("why")]) if why else match.string
    return (
        not _NO_CONTEXT.match(context)
        and not _is_doubted(head.replace(context, "") if context else head)
        and is_free_text(skeleton.expand(why))
        and not _names_more(why, skeleton)
        and not ends_with_length(why)
    )


def _is_doubted(head: str) -> bool:
    """把 X 封了 is an order; without 把 a final 了 tells that it has been done."""
    head = _INFECTED.sub("", head)
    if re.search("把|将|给|对", head):
        return find_doubt(_ORDERED.sub("", head)) is not None
    return bool(_DONE_ALREADY.search(head) or find_doubt(head))


def _names_more(text: str, skeleton: Skeleton) -> bool:
    """A reason that names another address with a verb would be a second command."""
    return bool(re.search(_BLOCK + "|" + _ISOLATE, text)) and any(char in skeleton.entities for char in text)


def _reason(match: re.Match[str], skeleton: Skeleton) -> dict[str, str]:
    groups = match.groupdict()
    text = skeleton.expand(groups.get("why") or groups.get("bare") or groups.get("context") or "")
    text = re.sub(rf"{AFTER}$", "", text.strip(), flags=re.IGNORECASE).strip(" ,，。.:：")
    return {"reason": text} if text else {}


def _block(match: re.Match[str], skeleton: Skeleton) -> Intent | None:
    durations = [value for name, value in match.groupdict().items() if name.startswith("d") and value]
    if len(skeleton.found(Kind.IP, Kind.ASSET_IP)) != 1 or len(durations) > 1:
        return None
    arguments: dict[str, Any] = {"ip": skeleton.entities[match["ip"]].value}
    if durations:
        arguments["duration_minutes"] = skeleton.entities[durations[0]].value
    return Intent("block_ip", arguments | _reason(match, skeleton), 1.0, skeleton.spans())


def _isolate(match: re.Match[str], skeleton: Skeleton) -> Intent | None:
    if len(skeleton.found(Kind.ASSET, Kind.ASSET_IP, Kind.HOST)) != 1:
        return None
    arguments = {"asset": skeleton.entities[match["host"]].value}
    return Intent("isolate_host", arguments | _reason(match, skeleton), 1.0, skeleton.spans())
