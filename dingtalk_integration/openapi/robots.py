"""Custom robots: they only send, into the one group that they were added to, by an address that holds their token.

Refusals come in a 200; 310000 stands for three of them, told apart by their text. 300001 and 300005 have both been seen
for an unknown token. A robot that sends more than 20 messages a minute is blocked for ten.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from bifang.core.errors import RateLimited, RemoteError
from bifang.core.outbound.http import Response
from bifang.core.secrets.redaction import redact
from dingtalk_integration.openapi.api import OpenApi
from dingtalk_integration.openapi.errors import ROBOT_LIMITS, TOKEN_ERRCODES, read_legacy

BLOCKED_S: Final = 600.0
BLOCKED: Final = ROBOT_LIMITS | {"410100"}
WHERE: Final = "群设置 → 机器人"
KEYWORD: Final = "毕方"  # is in every message
REMEDIES: Final = {
    "300001": f"访问令牌不存在，机器人可能已从群里移除：请在{WHERE}中重新添加，并在通知规则里换上新的地址。",
    "400013": "群已被解散：请给规则换一个目标。",
    "400102": f"机器人已停用：请在{WHERE}中启用它，或给规则换一个目标。",
    "400106": f"机器人不在群里：请在{WHERE}中重新添加，并在通知规则里换上新的地址。",
    "90020": "本企业的消息额度已用完：请在钉钉开放平台购买增购包，或等到额度重置。",
    "90030": "机器人的发送次数已达到管理员设置的上限：请在钉钉管理后台提高上限，或等到下个周期。",
    "430101": "钉钉认为消息含有不安全的链接，没有发送。",
}
_SAME: Final = dict.fromkeys(("300005", "400101", "40089", *TOKEN_ERRCODES), "300001")
_BUSY: Final = frozenset({"-1", "90018"})
# What an errmsg of 310000 says → what to do.
_SECURITY: Final = {
    "keyword": f"关键词不匹配：请在{WHERE} → 安全设置中加入关键词「{KEYWORD}」，或改用加签。",
    "sign": f"加签不正确：请在通知规则里重新填写该机器人安全设置中以 SEC 开头的密钥（在{WHERE}中查看）。",
    "timestamp": "钉钉不接受签名的时间：本机时钟与标准时间相差超过 1 小时，请校准。",
    "whitelist": f"本机出口 IP 不在机器人的白名单内：请在{WHERE} → 安全设置中加入，或改用加签。",
}


@dataclass(frozen=True, slots=True)
class Robot:
    """``url`` holds the access token; ``secret`` is the SEC… of 加签, "" without it."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)


class Robots:
    """Sends as any robot; counted for the application's organisation."""

    def __init__(self, api: OpenApi) -> None:
        self._api = api

    async def send(
        self, robot: Robot, title: str, markdown: str, at_user_ids: Sequence[str], *, uuid: str
    ) -> None:
        """What was accepted under ``uuid`` is not sent again. RateLimited: the robot is blocked; else RemoteError."""
        markdown = markdown if KEYWORD in markdown else f"{markdown}\n\n—— {KEYWORD}"
        body = {
            "msgtype": "markdown",
            "markdown": {"title": title, "text": markdown},
            "at": {"atUserIds": list(at_user_ids), "isAtAll": False},
            "msgUuid": uuid,
        }
        url = signed(robot, int(time.time() * 1000))
        response = await self._api.http.request("POST", url, json=body, proxy=self._api.application.proxy)
        with self._api.meter.metering("webhook"):
            _check(response)


def signed(robot: Robot, timestamp_ms: int) -> str:
    """The address to post to now; a signature holds for an hour."""
    if not robot.secret:
        return robot.url
    text = f"{timestamp_ms}\n{robot.secret}"
    digest = hmac.new(robot.secret.encode(), text.encode(), hashlib.sha256).digest()
    return f"{robot.url}&timestamp={timestamp_ms}&sign={quote(base64.b64encode(digest), safe='')}"


def _check(response: Response) -> None:
    answer = read_legacy(response)
    code, text = str(answer["errcode"]), str(answer.get("errmsg") or "")
    if code in BLOCKED:
        raise RateLimited(
            f"机器人发送过快，被钉钉停用 10 分钟（{code}），之后自动重试：是否还有别的系统在用这个机器人？",
            retry_after=BLOCKED_S, status=200, code=code,
        )  # fmt: skip
    told = _remedy(_SAME.get(code, code), text)
    if code != "0":
        told = told or f"钉钉拒绝了机器人的消息（{code}：{redact(text)[:200]}）。"
        raise RemoteError(told, permanent=code not in _BUSY, status=200, code=code)


def _remedy(code: str, text: str) -> str | None:
    if code == "310000":
        lower = text.lower()
        words = [remedy for word, remedy in _SECURITY.items() if word in lower]
        return (
            words[0]
            if words
            else "机器人的安全设置（关键词、加签或 IP）拒绝了消息：请检查该机器人的安全设置。"
        )
    if code.startswith("4301") and code not in REMEDIES:
        return "消息被钉钉的内容检查拒绝，没有发送。"
    return REMEDIES.get(code)
