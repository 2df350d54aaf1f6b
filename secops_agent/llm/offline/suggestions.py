"""What to offer when a sentence was not understood: the nearest sentences that can be sent as they are."""

from collections import Counter
from functools import cache
from operator import itemgetter

from .patterns import Pattern

_DEFAULT = ("最近24小时有哪些高危告警", "今天的日报", "帮助")
_EXAMPLES: tuple[tuple[str, str], ...] = (
    ("最近24小时有哪些高危告警", "告警 报警 事件 警报 高危 严重 攻击 alert 入侵 异常"),
    ("未处理的告警有哪些", "告警 未处理 待处理 处理 待办"),
    ("告警 1 的详情", "告警 详情 详细 编号 情况"),
    ("统计本周告警", "统计 多少 数量 分布 趋势 占比 图表"),
    ("CVE-2021-44228 影响我们哪些资产", "CVE 影响 受影响 漏洞 资产 log4j"),
    ("有哪些高危漏洞", "漏洞 补丁 高危 修复 升级 KEV 在野"),
    ("列出资产", "资产 主机 服务器 机器 设备 清单 负责 负责人 归属"),
    ("查一下 8.8.8.8", "IP 情报 域名 恶意 网址 哈希 地址 解封 封了"),
    ("如何处置勒索病毒", "手册 预案 流程 怎么办 应急 处置 如何 步骤 隔离"),
    ("今天的日报", "日报 报告 总结 汇报 今天"),
    ("本周的周报", "周报 本周 报告 月报"),
    ("封禁 203.0.113.5 一小时", "封禁 拉黑 封 阻断 IP 屏蔽 封掉"),
    ("隔离 web-01", "隔离 主机 断网 下线"),
    ("把告警 1 指派给我", "指派 分配 转给 交给 派给"),
    ("关闭告警 1 误报", "关闭 误报 关掉 关单 结束"),
    ("确认告警 1", "确认 接手 认领 处理中"),
    ("每天早上9点发日报", "每天 每周 定时 定期 提醒 推送 订阅 任务"),
    ("有哪些定时任务", "定时 任务 订阅 计划 删除 取消"),
    ("状态", "状态 正常 服务 机器人 运行 健康"),
    ("帮助", "帮助 命令 功能 能做 怎么用"),
)
_ACTION = Pattern(r"封禁|隔离|把|关闭|确认|每天")


def _grams(text: str) -> Counter[str]:
    lowered = text.lower()
    return Counter(lowered[i : i + 2] for i in range(len(lowered) - 1)) + Counter(lowered)


def _common(one: Counter[str], other: Counter[str]) -> int:
    return sum(min(one[gram], other[gram]) for gram in one.keys() & other.keys())


@cache
def _examples() -> tuple[tuple[str, tuple[str, ...], Counter[str]], ...]:
    """(sentence, words that speak for it, its grams)."""
    return tuple((sentence, tuple(words.lower().split()), _grams(sentence)) for sentence, words in _EXAMPLES)


def suggest(text: str, first: tuple[str, ...] = (), *, harmless: bool = False) -> tuple[str, ...]:
    """Three sentences nearest to the text; ``first`` are put in front; ``harmless``: no actions among them."""
    lowered, asked = text.lower(), _grams(text)
    scored = [
        (2.0 * sum(word in lowered for word in words) + 0.1 * _common(asked, grams), sentence)
        for sentence, words, grams in _examples()
    ]
    near = [
        sentence
        for score, sentence in sorted(scored, key=itemgetter(0), reverse=True)
        if score >= 2.0 and not (harmless and _ACTION.match(sentence))
    ]
    return tuple(dict.fromkeys([*first, *near, *_DEFAULT]))[:3]
