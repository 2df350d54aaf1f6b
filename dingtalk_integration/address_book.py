"""人员 looks people up in DingTalk: the address book of every enabled configuration's corporation."""

import asyncio
import logging
from collections import Counter

from bifang.channels.text.markup import literal
from bifang.core.configuration import configs
from bifang.core.errors import BifangError, InvalidInput
from bifang.core.models import SystemConfig
from bifang.core.outbound.http import HttpClient
from dingtalk_integration.config import DingTalkSettings
from dingtalk_integration.models import Purpose
from dingtalk_integration.openapi.application import Application, Endpoints, Meter
from dingtalk_integration.openapi.contacts import Member, find_member
from dingtalk_integration.quotas import api_usage
from secops_agent.services.people.address_book import Found

log = logging.getLogger(__name__)
NO_ROBOT = "还没有启用的钉钉配置，查不了通讯录：请直接填写姓名和员工 ID。"


def look_up(staff_id: str) -> list[Found]:
    """Who has this userId, in every corporation that we serve. BifangError if none could be asked."""
    rows = [configs.load(row) for row in SystemConfig.objects.enabled("dingtalk").order_by("pk")]
    robots: list[DingTalkSettings] = [row for row in rows if isinstance(row, DingTalkSettings)]
    if not robots:
        raise InvalidInput(NO_ROBOT)
    found: dict[str, Found] = {}
    errors = []
    for robot in robots:
        try:
            member = _ask(robot, staff_id)
        except BifangError as error:
            log.warning("没有查到通讯录（配置 %d）：%s", robot.id, error.message)
            errors.append(error)
            continue
        if member is not None:
            found.setdefault(robot.corp_id, _found(robot.corp_id, member))
    if errors and not found:
        raise errors[0]
    return list(found.values())


def _found(corp_id: str, member: Member) -> Found:
    return Found(corp_id, member.staff_id, literal(member.name), literal(member.title), member.activated)


def _ask(robot: DingTalkSettings, staff_id: str) -> Member | None:
    """As DingTalk says; what it meters is counted."""
    counted: Counter[tuple[str, str, str]] = Counter()
    meter = Meter(counted=lambda family: counted.update([(robot.client_id, family, Purpose.PROBE)]))
    endpoints = Endpoints(robot.endpoint, robot.oapi_endpoint)
    application = Application(robot.client_id, robot.client_secret, endpoints, robot.proxy)

    async def ask() -> Member | None:
        http = HttpClient()
        try:
            return await find_member(http, application, staff_id, meter)
        finally:
            await http.close()

    try:
        return asyncio.run(ask())
    finally:
        api_usage.add(counted)
