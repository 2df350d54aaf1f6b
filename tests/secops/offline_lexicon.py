"""The names and the moment that the offline corpora speak of."""

from datetime import datetime
from zoneinfo import ZoneInfo

from secops_agent.llm.offline import Intent, Lexicon, Understanding
from secops_agent.llm.understanding import reading
from secops_agent.llm.understanding.focus import NOTHING, Focus
from secops_agent.tools.frames import FRAMES

NOW = datetime(2026, 11, 24, 10, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
ASKER = "me01"
LEXICON = Lexicon.build(
    assets=[
        ("web-01", ["10.0.0.5"]),
        ("web-02", ["10.0.0.6"]),
        ("db-01", ["10.0.1.11"]),
        ("db-02", ["10.0.1.12"]),
        ("pay-gateway-3", ["10.0.3.15"]),
        ("k8s-node-7", ["10.0.4.7"]),
        ("jump-01", ["10.0.9.1"]),
        ("hr-portal", []),
        ("DC01", ["10.0.2.10"]),
        ("支付系统", []),
        ("官网", ["www.example.com"]),
    ],
    people=[
        ("lisi", "李四", "小李"),
        ("wangwu", "王五", ""),
        ("zhaoliu", "赵六", ""),
        ("manager01", "张三", "老张"),
        ("me01", "周七", ""),
    ],
    keywords=["WAF", "HIDS", "云安全中心", "暴力破解", "webshell"],
)


def understand(
    text: str,
    lexicon: Lexicon = LEXICON,
    now: datetime = NOW,
    *,
    asker: str = "",
    focus: Focus = NOTHING,
    last: Intent | None = None,
) -> Understanding:
    """What a sentence comes to with the frames of the house; ``last``: what was looked up before."""
    known = focus.after_look_up(last) if last else focus
    return reading.understand(text, lexicon, now, FRAMES, asker=asker, focus=known)
