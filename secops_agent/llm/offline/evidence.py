"""Clauses beside a dangerous order that tell why it is given: 一直在扫, 疑似中毒. They become its reason."""

import re

from .facts import is_mere_fact
from .mood import find_doubt, takes_back
from .patterns import Pattern
from .skeletons import Kind, Skeleton, mark

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
ATTACK_WORDS = Pattern(rf"(?:{_ATTACK_WORD}|\s|{mark(Kind.ASSET)})++", re.IGNORECASE)
_EVIDENCE = Pattern(
    r"攻击|(?<!清)(?<!漏)扫(?!码|描器)|挂马|篡改|加密|发包|爆破|破解|入侵|失陷|感染|中毒|木马|病毒|挖矿|勒索|恶意|异常|外联|排查|核实|研判|确认|撞库|爬|刷|注入|webshell|后门|c2|渗透|横向|提权|泄露|外发|外传|钓鱼|中招|被黑|被控|被植入|可疑|探测|ddos|利用|回连|反连",
    re.IGNORECASE,
)
# Only a particle where a reason would stand: 拉黑 X 了.
_NOTHING = Pattern(r"[的了有在被对和、\s]+$|了")
_NEUTRAL = Pattern(mark(Kind.ASSET, Kind.ASSET_IP, Kind.TIME, Kind.DURATION))
_PAST_CHECK = Pattern(
    r"(?<![未没])已(?:经)?(?=被?(?:感染|失陷|中毒|入侵|控|黑|植入)|经?(?:研判|核实|确认|排查))|经(?=研判|核实|确认|排查)|不[停断]"
)


def is_evidence(clause: str, skeleton: Skeleton) -> bool:
    """Whether the clause only tells what the address or the host has done or suffered."""
    text = clause.strip()
    if not text or _NOTHING.match(text) or takes_back(skeleton.expand(text)):
        return False
    if ATTACK_WORDS.fullmatch(text):
        return _EVIDENCE.search(text) is not None
    bare = _PAST_CHECK.sub("", _NEUTRAL.sub("", text))
    return (
        len(text) <= 24
        and bool(_EVIDENCE.search(text))
        and is_mere_fact(bare)
        and find_doubt(bare) in (None, "report")
    )
