"""DingTalk as a `Channel`: which way a reply goes, within DingTalk's limits."""

import logging
import time
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings as django_settings

from bifang.channels.limits import Limiter
from bifang.channels.ports import Delivered, Part, Reply
from bifang.core.addresses import check_webhook
from bifang.core.config_cache import ConfigCache
from bifang.core.errors import InvalidInput, RemoteError, ReplyTargetExpired
from bifang.core.http import HttpClient
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.openapi.api import OpenApi
from dingtalk_integration.openapi.application import Application
from dingtalk_integration.openapi.endpoints import Endpoints
from dingtalk_integration.openapi.replies import Replies
from dingtalk_integration.splitting import split_markdown

log = logging.getLogger(__name__)
WEBHOOK_MARGIN_MS = 60_000  # a webhook about to expire is not worth the attempt
WEBHOOK_LIMIT, WEBHOOK_PERIOD = 20, 60.0  # DingTalk: 20 messages a minute for one robot in one group
API_LIMIT, API_PERIOD = 15, 1.0  # DingTalk: 20 calls a second for one application and API
SLACK = 0.5  # seconds a call may take to arrive later than it was let through


@lru_cache(maxsize=256)
def _refusal(place: str, api: str, oapi: str) -> str:
    """Why a sessionWebhook at this place (the address without its query) is not used; "" if it may be."""
    try:
        check_webhook(place, api=api, oapi=oapi)
    except InvalidInput as error:
        return error.message
    return ""


@dataclass(frozen=True, slots=True)
class _Line:
    """The connection to one application."""

    settings: DingTalkSettings
    replies: Replies


class DingTalkChannel:
    """Markdown over the sessionWebhook; when that is gone, the OpenAPI. One per event loop."""

    name = "dingtalk"

    def __init__(self, configs: ConfigCache) -> None:
        self._configs = configs
        self._http = HttpClient()
        self._lines: dict[int, _Line] = {}
        on = django_settings.RATE_LIMITS
        self._webhooks = Limiter(WEBHOOK_LIMIT, WEBHOOK_PERIOD + SLACK, on=on)
        self._calls = Limiter(API_LIMIT, API_PERIOD + SLACK, on=on)

    def split(self, reply: Reply) -> tuple[Reply, ...]:
        """What one DingTalk message can carry."""
        return split_markdown(reply)

    async def deliver(self, part: Part) -> Delivered:
        """Send one part. A turn is answered where it was asked."""
        line = await self._line(part.config_id)
        if self._webhook_usable(line, part):
            try:
                return await self._by_webhook(line, part)
            except ReplyTargetExpired:
                log.info("dingtalk sessionWebhook 已失效，改用 OpenAPI", extra={"config": part.config_id})
        return await self._by_api(line, part)

    async def close(self) -> None:
        """Close the HTTP connections of this loop."""
        await self._http.close()

    async def _line(self, config_id: int) -> _Line:
        settings: DingTalkSettings = await self._configs.get(config_id)
        line = self._lines.get(config_id)
        if line is None or line.settings != settings:
            application = Application(
                settings.client_id,
                settings.client_secret,
                Endpoints(settings.endpoint, settings.oapi_endpoint),
                settings.proxy,
            )
            self._lines[config_id] = line = _Line(settings, Replies(OpenApi(self._http, application)))
        return line

    def _webhook_usable(self, line: _Line, part: Part) -> bool:
        target = part.target
        if not target.webhook or target.webhook_expires_ms < time.time() * 1000 + WEBHOOK_MARGIN_MS:
            return False
        place = target.webhook.partition("?")[0]
        refusal = _refusal(place, line.settings.endpoint, line.settings.oapi_endpoint)
        if refusal:
            log.warning(
                "dingtalk 不使用消息中的 sessionWebhook：%s", refusal, extra={"config": part.config_id}
            )
        return not refusal

    async def _by_webhook(self, line: _Line, part: Part) -> Delivered:
        await self._webhooks.enter((part.config_id, part.target.conversation_id))
        at = (part.at_staff_id,) if part.at_staff_id else ()
        # DingTalk shows the mention only where the text has it too.
        text = f"@{part.at_staff_id}\n\n{part.text}" if at else part.text
        await line.replies.send_by_session(part.target.webhook, part.title or "毕方", text, at)
        return Delivered("webhook")

    async def _by_api(self, line: _Line, part: Part) -> Delivered:
        target, title = part.target, part.title or "毕方"
        if target.is_group:
            await self._calls.enter((part.config_id, "groupMessages/send"))
            receipt = await line.replies.send_to_group(
                target.conversation_id, title, part.text, robot_code=target.robot_code
            )
            return Delivered("group", receipt)
        if not target.staff_id:
            raise RemoteError("没有可用的回复地址：会话地址已过期，也没有员工 ID。", permanent=True)
        await self._calls.enter((part.config_id, "oToMessages/batchSend"))
        receipt = await line.replies.send_to_people(
            [target.staff_id], title, part.text, robot_code=target.robot_code
        )
        return Delivered("private", receipt)
