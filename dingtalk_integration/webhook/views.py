"""The three doors that DingTalk calls. Unknown paths and forgeries learn nothing; success is said after the commit only."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from bifang.core.database import db
from bifang.core.database.db import database_now
from bifang.core.models import SystemConfig
from dingtalk_integration.config import NO_CORPORATION, DingTalkSettings
from dingtalk_integration.handlers.intake import Intake
from dingtalk_integration.models import CallbackDoor, CallbackState, UsedSignature
from dingtalk_integration.stream.frames import Ack, Frame
from dingtalk_integration.webhook import signatures
from dingtalk_integration.webhook.addresses import find_config
from dingtalk_integration.webhook.frames import card_frame, chat_frame, event_frame
from dingtalk_integration.webhook.signatures import WINDOW_MS, EventCrypto, Refused

# A signature of a click is good for one click: a button may approve, and whoever saw one could press others.

_KEPT: Final = timedelta(milliseconds=3 * WINDOW_MS)  # valid for two, early and late


def claim(config_id: int, timestamp: str, message_id: str) -> None:
    """The first body stands, whoever comes at the same moment; the same one may come again. Raises Refused."""
    now = database_now()
    row = UsedSignature(config_id=config_id, timestamp=timestamp, message_id=message_id, at=now)
    UsedSignature.objects.bulk_create([row], ignore_conflicts=True)
    mine = UsedSignature.objects.filter(config_id=config_id, timestamp=timestamp, message_id=message_id)
    if not mine.exists():
        raise Refused
    UsedSignature.objects.filter(at__lt=now - _KEPT).delete()


log = logging.getLogger(__name__)

# What is known of the callbacks: each address called or not, and what was refused. Written now and then, not each time.

EVERY_S: Final = 10.0
WAIT_S: Final = 0.2  # a note is no reason to keep DingTalk waiting
_written: dict[tuple[int, str, str], float] = {}
_began: set[int] = set()  # configurations that this process has stored something for


def note_call(config_id: int, door: CallbackDoor) -> None:
    """DingTalk called, and it was stored. The first time after a start: what came meanwhile was missed."""
    first = config_id not in _began
    _began.add(config_id)
    if not first and not _due(config_id, door, "call"):
        return
    _write(config_id, door, "called_at", *(("missed_at",) if first else ()))


def note_refusal(config_id: int, door: CallbackDoor, reason: str) -> None:
    """Somebody called and was refused; strangers may do so often."""
    if _due(config_id, door, "refusal"):
        _write(config_id, door, "refused_at", refusal=reason[:200])


def note_miss(config_id: int) -> None:
    """Something could not be stored: once it can be, what was missed is to be looked for."""
    _began.discard(config_id)


def _due(config_id: int, door: CallbackDoor, what: str) -> bool:
    key, now = (config_id, f"{door}", what), time.monotonic()
    if now - _written.get(key, -EVERY_S) < EVERY_S:
        return False
    _written[key] = now
    return True


def _write(config_id: int, door: CallbackDoor, *now: str, **values: str) -> None:
    """Soon; ``now``: the columns that say when."""
    writing = db.threads().submit(_save, config_id, door, now, values)
    with contextlib.suppress(TimeoutError, DatabaseError):
        writing.result(WAIT_S)


def _save(config_id: int, door: CallbackDoor, now: tuple[str, ...], values: dict[str, str]) -> None:
    try:
        if SystemConfig.objects.filter(pk=config_id).exists():
            moment = dict.fromkeys(now, database_now())
            CallbackState.objects.update_or_create(
                config_id=config_id, door=door, defaults={**values, **moment}
            )
    except DatabaseError:
        log.exception("dingtalk 没能记下 HTTP 回调的情况", extra={"config": config_id})
        note_miss(config_id)
        raise


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
        note_miss(config.id)
        return _quiet(503)
    note_call(config.id, which)
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
    if not config.callback_card_secret:  # nothing was ever registered with it
        raise Refused
    expected = signatures.card_signature(config.callback_card_secret, timestamp)
    signatures.check(expected, request.headers.get("x-ddpaas-signature", ""), timestamp)
    frame = card_frame(request.body, timestamp)
    claim(config.id, timestamp, frame.message_id)
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
    note_refusal(config.id, door, reason)
    return _quiet(status)


def _quiet(status: int) -> HttpResponse:
    """Without a word, and without the line that Django logs of it: the path is a secret."""
    response = HttpResponse(status=status)
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
