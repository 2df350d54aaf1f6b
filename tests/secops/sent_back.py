"""Sentences that an answer tells its reader to send, and what comes of sending them where they appeared."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bifang.channels.ports import TurnResult
from bifang.channels.text.verbs import Verb
from bifang.core.models import SystemConfig
from secops_agent import says
from secops_agent.agent.service import Agent
from tests.secops.decisions_aid import say

CORP = "corp-eval"
VERBS = "|".join(sorted({re.escape(str(verb)) for verb in Verb}, key=len, reverse=True))
_OF_A_FORM = 6  # sentences, all in all
# What stands in quotation marks behind such words is to be sent; so is whatever begins with a verb and what it is about.
_TOLD = re.compile(r"(?:可以说|请说|发送|回复)\s*[:：]?\s*(?P<quotes>(?:「[^」\n]{1,120}」[、，或和]?)+)")
_QUOTE = re.compile(r"「([^」\n]{1,120})」")
_ORDER = re.compile(rf"[「`]((?:{VERBS}) [^」`\n]{{1,120}})[」`]")
_CODE = re.compile(r"`([^`\n]{2,120})`")
_CHOICE = re.compile(r"(?<=您可以这样说：)\n\n(?P<lines>(?:- .+\n?)+)")
_REPLY = re.compile(r"^回复(?:（[^）]*）)?：(?P<said>.+)$", re.MULTILINE)
# Words for what a person writes themselves.
FILLED = {
    says.IP: "203.0.113.77", says.HOST: "web-01", says.NUMBER: "1", says.CODE: "K7M2QX", says.CVE: "CVE-2021-44228",
    says.PERSON: "李四", says.NAME: "web-01", says.REASON: "扫描源",
}  # fmt: skip
NOT_UNDERSTOOD = (
    "没有听懂", "格式不够明确", "要写明", "写明对象", "没有可用的工具", "换成真的", "没有可以往下翻", "您没有写内容", "不是一条命令", "答不上来", "帮不上",
)  # fmt: skip


def sentences(text: str) -> list[str]:
    """What the text tells its reader to send, as it is spelled there."""
    found = [quote for told in _TOLD.finditer(text) for quote in _QUOTE.findall(told["quotes"])]
    found += _ORDER.findall(text)
    found += [line[2:] for told in _CHOICE.finditer(text) for line in told["lines"].splitlines()]
    found += [one for told in _REPLY.finditer(text) for one in told["said"].split(" ｜ ")]
    found += [code for code in _CODE.findall(text) if re.match(rf"/|(?:{VERBS})\s", code)]
    return [one.strip() for one in dict.fromkeys(found) if one.strip() and one != "…"]


def told_to_send(result: TurnResult) -> list[str]:
    """Of a whole answer: its taps first, as they are on top."""
    taps = [str(tap) for reply in result.replies for tap in reply.suggestions]
    texts = [one for reply in result.replies for one in sentences(reply.text)]
    return list(dict.fromkeys([*taps, *texts]))


def filled(text: str) -> str:
    """With something in the place of each placeholder; the door shows <> wide."""
    text = text.replace("＜", "<").replace("＞", ">")
    for word, real in FILLED.items():
        text = text.replace(word, real)
    return text


def shape(text: str) -> str:
    """Sentences that differ in numbers, codes and names only are one form."""
    return re.sub(r"[A-Za-z0-9][A-Za-z0-9._:/-]*", "#", text)


@dataclass
class Room:
    """One person in one conversation of one configuration."""

    agent: Agent
    config: SystemConfig
    who: str
    conversation: str
    is_group: bool = False
    sent: list[tuple[str, str, str]] = field(default_factory=list)

    async def say(self, text: str) -> TurnResult:
        """As it is typed or tapped here."""
        return await say(
            self.agent, self.config, self.who, text, self.conversation, is_group=self.is_group, corp=CORP
        )

    async def send_back(self, said: str, told: Sequence[str]) -> list[tuple[str, str, str]]:
        """What of ``told`` under the answer to ``said`` is not understood: (said, sent, answer)."""
        wrong = []
        for one in told:
            answer = "\n".join(reply.text for reply in (await self.say(filled(one))).replies)
            self.sent.append((said, one, answer))
            if not answer or any(word in answer for word in NOT_UNDERSTOOD):
                wrong.append((said, one, answer))
        return wrong


async def try_all(
    agent: Agent, config: SystemConfig, who: str, questions: Iterable[str], *, is_group: bool
) -> tuple[list[tuple[str, str, str]], dict[str, int]]:
    """Every sentence under the answers to the questions, a few of each form: those not understood, and how many
    of each form were sent."""
    wrong, forms = [], dict[str, int]()
    for number, said in enumerate(questions):
        room = Room(agent, config, who, f"cid-{who}-{is_group}-{number}", is_group)
        fresh = []
        for one in told_to_send(await room.say(said)):
            if forms.get(shape(one), 0) < _OF_A_FORM:
                forms[shape(one)] = forms.get(shape(one), 0) + 1
                fresh.append(one)
        wrong += await room.send_back(said, fresh)
    return wrong, forms
