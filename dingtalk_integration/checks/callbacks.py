"""HTTP mode: is the public address set, encrypted, and does it lead back to us?"""

import json
import secrets
import time
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from bifang.core.configuration.trials import CheckStep, Failure, Skip
from bifang.core.errors import RemoteError
from bifang.core.outbound.http import HttpClient
from bifang.core.outbound.reach import INNER
from dingtalk_integration.checks.trial import DingTalkTrial
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.models import CallbackDoor
from dingtalk_integration.webhook.addresses import address_of
from dingtalk_integration.webhook.signatures import EventCrypto, Refused

BY_STREAM: Final = "使用流式推送，不需要回调地址"
CHECK_URL: Final = '{"EventType":"check_url"}'


async def check_public_address(subject: DingTalkTrial) -> str:
    """``BIFANG_PUBLIC_URL`` is an address that DingTalk could call."""
    if subject.ready.use_stream_push:
        raise Skip(BY_STREAM)
    parts = urlsplit(settings.PUBLIC_URL or "")
    if not parts.hostname:
        raise Failure("没有设置 BIFANG_PUBLIC_URL，不知道钉钉要调用的地址。")
    if parts.scheme != "https" and not settings.SIMULATOR:
        raise Failure("BIFANG_PUBLIC_URL 不是 https：签名不包含正文，不加密的连接上谁都能改写消息。")
    return f"{parts.scheme}://{parts.hostname}"


async def check_corporation(subject: DingTalkTrial) -> str:
    """Whose robot it is; by HTTP nothing may teach it."""
    if subject.ready.use_stream_push:
        raise Skip("使用流式推送，可以从第一条消息得知")
    if not subject.ready.corp_id:
        raise Failure("没有填写「企业 CorpId」，机器人消息和卡片点击都被拒绝：HTTP 回调的正文没有签名。")
    return f"只回答企业 {subject.ready.corp_id} 的人"


async def check_round_trip(subject: DingTalkTrial) -> str:
    """What DingTalk does when the address is saved there: an encrypted ``check_url``, and our answer decrypted."""
    config: DingTalkSettings = subject.ready
    if config.use_stream_push:
        raise Skip(BY_STREAM)
    if not subject.stored or not subject.row.enabled:
        raise Skip("保存并启用后才能试：收下回调的是网页进程里已保存的配置")
    crypto = EventCrypto(config.callback_token, config.callback_aes_key, (config.client_id,))
    answer = await _call(address_of(config, CallbackDoor.EVENTS), crypto)
    try:
        if crypto.decrypt(str(answer.get("encrypt", ""))) != "success":
            raise Refused
    except Refused:
        raise Failure("地址有应答，但不是毕方的：解不开它的回答。") from None
    return "按钉钉的方式签名、加密后调用自己的公网地址，回答正确"


async def _call(url: str, crypto: EventCrypto) -> dict[str, Any]:
    timestamp, nonce = str(int(time.time() * 1000)), secrets.token_hex(4)
    encrypted = crypto.encrypt(CHECK_URL)
    signed = crypto.signature(timestamp, nonce, encrypted)
    query = f"?signature={signed}&msg_signature={signed}&timestamp={timestamp}&nonce={nonce}"
    try:
        async with HttpClient(pool=1) as http:
            answer = await http.request("POST", url + query, json={"encrypt": encrypted}, timeout=INNER)
    except RemoteError as error:
        raise Failure(f"从这台机器调用不到公网地址：{error.message}") from None
    if answer.status != 200:
        raise Failure(f"公网地址答复 HTTP {answer.status}，不是 200。")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


STEPS: tuple[CheckStep[Any], ...] = (
    CheckStep(
        "corporation", "所属企业", check_corporation,
        "把钉钉开放平台首页企业信息里的 CorpId 填到这份配置的「企业 CorpId」。", ("complete",),
    ),
    CheckStep(
        "public_address", "公网地址", check_public_address,
        "把毕方的公网 HTTPS 地址写进环境变量 BIFANG_PUBLIC_URL，重启网页和推送服务；没有公网地址就打开「使用流式推送」。",
        ("complete",),
    ),
    CheckStep(
        "callback", "回调往返", check_round_trip,
        "确认网页进程在运行，反向代理把 /dingtalk/ 原样转发（不改正文、不跳转），并设置了 BIFANG_HTTPS=1 和 X-Forwarded-Proto。",
        ("public_address",),
    ),
)  # fmt: skip
