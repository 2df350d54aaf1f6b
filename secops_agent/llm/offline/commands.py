"""The slash commands: one table that parses them and writes the help text."""

import re
from dataclasses import dataclass

from .patterns import Pattern


@dataclass(frozen=True, slots=True)
class Command:
    """``names`` after the slash, ``usage`` as shown, ``sentence`` that the rest of the line completes.

    ``tool`` and ``argument`` are for commands whose rest of the line is the argument as it stands;
    ``needs`` tells that the command makes no sense without one.
    """

    names: tuple[str, ...]
    usage: str
    meaning: str
    sentence: str
    needs: bool = False
    tool: str = ""
    argument: str = ""


COMMANDS = (
    Command(
        ("告警", "alerts", "alert"), "/告警 高危 24小时", "列出告警；加编号看详情：/告警 12", "告警 {rest}"
    ),
    Command(("统计", "stats"), "/统计 今天 按级别", "统计告警数量", "统计告警 {rest}"),
    Command(("资产", "assets", "asset"), "/资产 web-01", "查一台资产；不带名字列出资产", "资产 {rest}"),
    Command(("漏洞", "vulns", "vuln"), "/漏洞 高危 web-01", "列出漏洞", "漏洞 {rest}"),
    Command(("cve",), "/cve CVE-2021-44228", "查一个漏洞编号", "查询 {rest}", needs=True),
    Command(
        ("影响", "affected"),
        "/影响 CVE-2021-44228",
        "一个漏洞影响我们哪些资产",
        "{rest} 影响哪些资产",
        needs=True,
    ),
    Command(
        ("情报", "ioc", "ip"), "/情报 203.0.113.5", "查 IP、域名、网址、文件哈希", "情报 {rest}", needs=True
    ),
    Command(
        ("值班手册", "手册", "预案", "runbook"),
        "/值班手册 勒索病毒",
        "查处置手册",
        "手册 {rest}",
        needs=True,
        tool="search_runbook",
        argument="query",
    ),
    Command(("日报", "daily"), "/日报", "今天的安全日报", "日报 {rest}"),
    Command(("周报", "weekly"), "/周报", "本周的安全周报", "周报 {rest}"),
    Command(("月报", "monthly"), "/月报", "本月的安全月报", "月报 {rest}"),
    Command(
        ("确认告警", "ack"), "/确认告警 12 备注", "接手一条告警（需本人确认）", "确认告警 {rest}", needs=True
    ),
    Command(
        ("指派", "assign"), "/指派 12 李四", "把告警交给一个人（需本人确认）", "指派告警 {rest}", needs=True
    ),
    Command(
        ("关闭", "close"), "/关闭 12 误报 备注", "关闭一条告警（需本人确认）", "关闭告警 {rest}", needs=True
    ),
    Command(
        ("封禁", "block"),
        "/封禁 203.0.113.5 1小时 理由",
        "封禁一个 IP（需他人审批）",
        "封禁 {rest}",
        needs=True,
    ),
    Command(
        ("隔离", "isolate"), "/隔离 web-01 理由", "隔离一台主机（需他人审批）", "隔离 {rest}", needs=True
    ),
    Command(
        ("定时", "schedules", "schedule"),
        "/定时 每天9点 日报",
        "定时任务；不带内容列出全部",
        "定时任务 {rest}",
    ),
    Command(("状态", "status"), "/状态", "毕方自己的运行状态", "状态", tool="service_status"),
    Command(("帮助", "help", "?"), "/帮助", "显示这些命令", "帮助"),
)
_ON_ALERTS = frozenset({"确认告警 {rest}", "指派告警 {rest}", "关闭告警 {rest}"})
_NUMBER_LATER = Pattern(
    r"(?P<before>(?!给|备注|原因|理由|说明|告警|报警|alert)[^\d\s#:：]{1,12}(?: positive)?)\s+(?:告警|alert)?\s*#?(?P<number>\d{1,9})号?(?P<after>(?:\s+\D*)?)",
    re.IGNORECASE,
)
_BY_NAME = {name: command for command in COMMANDS for name in command.names}


def render_help() -> str:
    """The help text in DingTalk markdown, written from the table."""
    lines = ["**毕方能做这些事**（命令或直接说话都可以）", ""]
    lines += [f"- `{command.usage}` {command.meaning}" for command in COMMANDS]
    lines += [
        "",
        "也可以直接问：「最近24小时有哪些高危告警」「CVE-2021-44228 影响我们哪些资产」「谁负责 10.0.0.5」。",
        "写操作会先给您一个确认码，回复「确认 确认码」才执行；危险操作还要另一位审批人「同意 编号」或「拒绝 编号 理由」；「停止」中断正在进行的回答。",
    ]
    return "\n".join(lines)


def find_command(text: str) -> tuple[Command, str] | None:
    """The command that a normalised line starts with and the rest of the line; None when it is none."""
    if not text.startswith("/"):
        return None
    word, _, rest = text[1:].strip().partition(" ")
    command = _BY_NAME.get(word.lower())
    found = (command, rest.strip()) if command else _split_glued(text[1:].strip())
    if found and found[0].sentence in _ON_ALERTS:
        return found[0], _number_first(found[1])
    return found


def _number_first(rest: str) -> str:
    """``/指派 李四 12`` and ``/关闭 误报 12`` for ``12 李四`` and ``12 误报``: one word or two before the only number."""
    rest = re.sub(r"^(?:告警|报警|alert)\s*(?=#?\d)", "", rest, flags=re.IGNORECASE)
    match = _NUMBER_LATER.fullmatch(rest)
    return f"{match['number']} {match['before']}{match['after']}" if match else rest


def _split_glued(text: str) -> tuple[Command, str] | None:
    """``/告警高危`` without the space: the longest Chinese name that fits."""
    for name in sorted(_BY_NAME, key=len, reverse=True):
        if not name.isascii() and text.startswith(name):
            return _BY_NAME[name], text[len(name) :].strip()
    return None
