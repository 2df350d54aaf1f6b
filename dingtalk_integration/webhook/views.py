"""The three doors that DingTalk calls. Unknown paths and forgeries learn nothing; success is said after the commit only."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from dingtalk_integration.config import NO_CORPORATION, DingTalkSettings
from dingtalk_integration.handlers.intake import Intake
from dingtalk_integration.models import CallbackDoor
from dingtalk_integration.stream.frames import Ack, Frame
from dingtalk_integration.webhook import calls, signatures, signatures_used
from dingtalk_integration.webhook.addresses import card_secret, find_config
from dingtalk_integration.webhook.frames import card_frame, chat_frame, event_frame
from dingtalk_integration.webhook.signatures import EventCrypto, Refused

log = logging.getLogger(__name__)
LARGEST: Final = 1 << 20
STORE_WITHIN_S: Final = 2.0  # DingTalk waits 2 to 2.5 s
CHECK_URL: Final = "check_url"
SUCCESS: Final = "success"
NOTHING_TO_SAY: Final = {"msgtype": "empty"}


class Unstored(Exception):
    """It is not on the disk: DingTalk shall call again."""


@csrf_exempt
def receive(request: HttpRequest, path: str, door: str) -> HttpResponse:
    """One callback. 404 without reading the body for whatever is not an address of ours."""
    config = find_config(path) if door in _DOORS and request.method == "POST" else None
    if config is None:
        return _quiet(404)
    which = CallbackDoor(door)
    if not (request.is_secure() or settings.SIMULATOR):
        return _refuse(config, which, 403, "不是 HTTPS：请在反向代理上启用 TLS，并设置 BIFANG_HTTPS=1。")
    if _size(request) > LARGEST:
        return _refuse(config, which, 413, f"请求体超过 {LARGEST >> 20} MiB，或没有写明长度。")
    if which != CallbackDoor.EVENTS and not config.corp_id:  # stored before it was asked for
        return _refuse(config, which, 403, NO_CORPORATION)
    if not _is_whole(request):
        return _quiet(400)
    try:
        answer = _DOORS[which](request, config)
    except Refused:
        return _refuse(config, which, 403, REFUSED)
    except Unstored:
        calls.note_miss(config.id)
        return _quiet(503)
    calls.note_call(config.id, which)
    return answer


REFUSED: Final = "签名、加密、时间或所属应用不符：请核对开放平台里填写的地址、token、aes_key，以及本机时钟与 Client Secret。"


def _robot(request: HttpRequest, config: DingTalkSettings) -> HttpResponse:
    timestamp = request.headers.get("timestamp", "")
    expected = signatures.robot_signature(config.client_secret, timestamp)
    signatures.check(expected, request.headers.get("sign", ""), timestamp)
    _store(config, chat_frame(request.body))
    return JsonResponse(NOTHING_TO_SAY)


def _events(request: HttpRequest, config: DingTalkSettings) -> HttpResponse:
    owners = tuple(each for each in (config.client_id, config.corp_id) if each)
    crypto = EventCrypto(config.callback_token, config.callback_aes_key, owners)
    query = {name: request.GET[name] for name in request.GET}
    text = crypto.open(query, _encrypted(request.body))
    frame = event_frame(text)
    if frame.header("eventType") != CHECK_URL:
        _store(config, frame)
    return JsonResponse(crypto.seal(SUCCESS, query.get("timestamp", ""), query.get("nonce", "")))


def _encrypted(body: bytes) -> str:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused from None
    encrypted = given.get("encrypt") if isinstance(given, dict) else None
    if not isinstance(encrypted, str):
        raise Refused
    return encrypted


def _cards(request: HttpRequest, config: DingTalkSettings) -> HttpResponse:
    timestamp = request.headers.get("x-ddpaas-signature-timestamp", "")
    expected = signatures.card_signature(card_secret(config), timestamp)
    signatures.check(expected, request.headers.get("x-ddpaas-signature", ""), timestamp)
    frame = card_frame(request.body, timestamp)
    signatures_used.claim(config.id, timestamp, frame.message_id)
    return JsonResponse(_store(config, frame).data["response"])


_DOORS: Final[dict[str, Callable[[HttpRequest, DingTalkSettings], HttpResponse]]] = {
    CallbackDoor.ROBOT: _robot,
    CallbackDoor.EVENTS: _events,
    CallbackDoor.CARDS: _cards,
}


def _store(config: DingTalkSettings, frame: Frame) -> Ack:
    """Through the intake of every frame. The worker looks for what others stored by itself."""
    intake = Intake(config.id, stored=lambda: None)

    async def store() -> Ack | None:
        async with asyncio.timeout(STORE_WITHIN_S):
            return await intake.receive(frame)

    try:
        ack = asyncio.run(store())
    except TimeoutError:
        log.warning("dingtalk HTTP 回调没有及时保存，等待钉钉重新推送", extra={"config": config.id})
        raise Unstored from None
    if ack is None:
        raise Unstored
    return ack


def _size(request: HttpRequest) -> int:
    """What is announced; a body of unknown length is too long."""
    length: Any = request.META.get("CONTENT_LENGTH") or ""
    return int(length) if length.isascii() and length.isdigit() and len(length) < 10 else LARGEST + 1


def _is_whole(request: HttpRequest) -> bool:
    """Half a message is none: who was cut off calls again."""
    try:
        return len(request.body) == _size(request)
    except UnreadablePostError:
        return False


def _refuse(config: DingTalkSettings, door: CallbackDoor, status: int, reason: str) -> HttpResponse:
    log.warning("dingtalk 拒绝了一次 HTTP 回调（%s）：%s", door.label, reason, extra={"config": config.id})
    calls.note_refusal(config.id, door, reason)
    return _quiet(status)


def _quiet(status: int) -> HttpResponse:
    """Without a word, and without the line that Django logs of it: the path is a secret."""
    response = HttpResponse(status=status)
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
