"""DingTalk as a `Channel`: which way a reply goes, within DingTalk's limits; custom robots among the ways."""

import asyncio
import hashlib
import logging
import time
from datetime import timedelta
from typing import Final

from django.conf import settings as django_settings

from bifang.channels.cards.service import CardService
from bifang.channels.limits import Limiter
from bifang.channels.models import OutboxRow
from bifang.channels.ports import Delivered, FileToSend, Part, Reply
from bifang.channels.text.splitting import split_markdown
from bifang.core.database import db
from bifang.core.database.db import database_now
from bifang.core.errors import OutcomeUnknown, RateLimited, RemoteError, ReplyTargetExpired
from bifang.core.outbound.addresses import webhook_refusal
from dingtalk_integration.applications import ApplicationClient, ApplicationClients
from dingtalk_integration.models import Purpose
from dingtalk_integration.openapi.errors import QuotaUsedUp
from dingtalk_integration.openapi.media import MAX_FILE, MediaKind
from dingtalk_integration.openapi.replies import PICTURE, RobotMessage, file_message, markdown_message
from dingtalk_integration.openapi.robots import Robot
from dingtalk_integration.quotas.api_usage import purpose_of, spending
from secops_agent.services.notifications.robots import open_robot

# DingTalk: 20 a minute, then ten minutes of nothing. Room for what a killed process sent and could not write down.
LIMIT: Final = 18
SPAN: Final = timedelta(seconds=61)


class CustomRobots:
    """One per event loop. What is for one robot has one order key, so one process at a time sends it."""

    def __init__(self, *, on: bool) -> None:
        self._on = on

    async def deliver(self, part: Part, client: ApplicationClient) -> Delivered:
        """Send one part, when there is room. A blocked robot is a refusal: who it was for is told another way."""
        robot = Robot(*await db.call(open_robot, part.target.robot))
        while self._on and (wait := await db.call(_seconds_until_room, part.order_key)) > 0:  # noqa: ASYNC110 - until a time
            await asyncio.sleep(wait)
        at = (part.at_staff_id,) if part.at_staff_id else ()
        text = f"{part.text}\n\n@{part.at_staff_id}" if at else part.text
        try:
            await client.robots.send(robot, part.title or "毕方", text, at, uuid=_uuid(part))
        except RateLimited as error:
            raise RemoteError(error.message, permanent=True, status=error.status, code=error.code) from None
        return Delivered("robot")


def _seconds_until_room(order_key: str) -> float:
    """In every process, before and after a restart: asked of what was written down."""
    now = database_now()
    rows = OutboxRow.objects.filter(order_key=order_key, route="robot", sent_at__gt=now - SPAN)
    times = sorted(each for each in rows.values_list("sent_at", flat=True) if each)
    return 0.0 if len(times) < LIMIT else (times[-LIMIT] + SPAN - now).total_seconds()


def _uuid(part: Part) -> str:
    """The same over retries, another one for the same key after the database was made anew."""
    text = f"{part.target.robot}\x1f{part.key}\x1f{part.created_ms}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


log = logging.getLogger(__name__)
WEBHOOK_MARGIN_MS = 60_000  # a webhook about to expire is not worth the attempt
WEBHOOK_LIMIT, WEBHOOK_PERIOD = 20, 60.0  # DingTalk: 20 messages a minute for one robot in one group
API_LIMIT, API_PERIOD = 15, 1.0  # DingTalk: 20 calls a second for one application and API
SLACK = 0.5  # seconds a call may take to arrive later than it was let through


class DingTalkChannel:
    """A card where a template is configured, else markdown over the sessionWebhook, else the OpenAPI.

    One per event loop.
    """

    name = "dingtalk"

    def __init__(self, clients: ApplicationClients, cards: CardService) -> None:
        self._clients = clients
        self._cards = cards
        on = django_settings.RATE_LIMITS
        self._webhooks = Limiter(WEBHOOK_LIMIT, WEBHOOK_PERIOD + SLACK, on=on)
        self._calls = Limiter(API_LIMIT, API_PERIOD + SLACK, on=on)
        self._robots = CustomRobots(on=on)

    def split(self, reply: Reply) -> tuple[Reply, ...]:
        """What one DingTalk message can carry."""
        return split_markdown(reply)

    async def deliver(self, part: Part) -> Delivered:
        """Send one part. A turn is answered where it was asked."""
        try:
            with spending(purpose_of(part)):
                return await self._deliver(part)
        except OutcomeUnknown as error:
            raise _unanswered(part, error) from None
        except QuotaUsedUp as error:
            # Trying again until the reset would keep back what is said later in this conversation, and can be sent.
            await self._clients.counter.save()
            raise RemoteError(error.message, permanent=True, status=error.status, code=error.code) from None

    async def _deliver(self, part: Part) -> Delivered:
        client = await self._clients.get(part.config_id)
        if part.target.robot:
            return await self._robots.deliver(part, client)  # which sends words only
        if part.file is not None:
            return await self._send_file(client, part, part.file)
        if client.settings.card_template_id:
            delivered = await self._cards.deliver(part)
            if delivered is not None:
                return delivered
        if self._webhook_usable(client, part):
            try:
                return await self._by_webhook(client, part)
            except ReplyTargetExpired:
                log.info("dingtalk sessionWebhook 已失效，改用 OpenAPI", extra={"config": part.config_id})
        return await self._by_api(client, part)

    def share(self, processes: int) -> None:
        """Each of several workers keeps to its part of DingTalk's limits."""
        self._webhooks.share(processes)
        self._calls.share(processes)
        self._cards.platform.share(processes)

    async def close(self) -> None:
        """Close the HTTP connections of this loop."""
        await self._cards.close()
        await self._clients.close()

    def _webhook_usable(self, client: ApplicationClient, part: Part) -> bool:
        target = part.target
        if not target.webhook or target.webhook_expires_ms < time.time() * 1000 + WEBHOOK_MARGIN_MS:
            return False
        settings = client.settings
        refusal = webhook_refusal(target.webhook, api=settings.endpoint, oapi=settings.oapi_endpoint)
        if refusal:
            log.warning(
                "dingtalk 不使用消息中的 sessionWebhook：%s", refusal, extra={"config": part.config_id}
            )
        return not refusal

    async def _by_webhook(self, client: ApplicationClient, part: Part) -> Delivered:
        await self._webhooks.enter((part.config_id, part.target.conversation_id))
        at = (part.at_staff_id,) if part.at_staff_id else ()
        # DingTalk shows the mention only where the text has it too.
        text = f"@{part.at_staff_id}\n\n{part.text}" if at else part.text
        await client.replies.send_by_session(part.target.webhook, part.title or "毕方", text, at)
        return Delivered("webhook")

    async def _by_api(self, client: ApplicationClient, part: Part) -> Delivered:
        return await self._send(client, part, markdown_message(part.title or "毕方", part.text))

    async def _send_file(self, client: ApplicationClient, part: Part, file: FileToSend) -> Delivered:
        """Neither a sessionWebhook nor a card carries a file."""
        if len(file.content) > MAX_FILE:
            raise RemoteError(
                f"文件「{file.name}」超过钉钉 {MAX_FILE >> 20} MB 的上限，没有发送。", permanent=True
            )
        await self._calls.enter((part.config_id, "media/upload"))
        kind: MediaKind = "image" if file.name.endswith(PICTURE) else "file"
        media_id = await client.media.upload(file.content, file.name, kind)
        return await self._send(client, part, file_message(media_id, file.name))

    async def _send(self, client: ApplicationClient, part: Part, message: RobotMessage) -> Delivered:
        target = part.target
        if target.is_group:
            await self._calls.enter((part.config_id, "groupMessages/send"))
            receipt = await client.replies.send_to_group(
                target.conversation_id, message, robot_code=target.robot_code
            )
            return Delivered("group", receipt)
        if not target.staff_id:
            raise RemoteError("没有可用的回复地址：会话地址已过期，也没有员工 ID。", permanent=True)
        await self._calls.enter((part.config_id, "oToMessages/batchSend"))
        receipt = await client.replies.send_to_people(
            [target.staff_id], message, robot_code=target.robot_code
        )
        return Delivered("private", receipt)


def _unanswered(part: Part, error: OutcomeUnknown) -> RemoteError:
    """What somebody waits for is sent again: twice is better than never. What nobody asked for is not."""
    if purpose_of(part) == Purpose.ANSWER:
        return RemoteError(error.message, permanent=False, status=error.status, code=error.code)
    text = (
        f"没有等到钉钉的答复（{error.code or error.status}）：消息可能已经送达，为免重复没有再发。"
        "请到会话里核对，没有的话在「发件箱」重新发送。"
    )
    return OutcomeUnknown(text, status=error.status, code=error.code)
