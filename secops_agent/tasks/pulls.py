"""Fetches alerts from 云安全中心: what is due, span by span, page by page."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.errors import BifangError, RemoteError
from secops_agent.connectors.aliyun.client import AlertPage, AlertSpan, pages
from secops_agent.connectors.aliyun.config import AliyunSettings
from secops_agent.importers import registry
from secops_agent.importers.base import Options, Source
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest, pulls, unmerged
from secops_agent.services.intake.pulls import KIND, PullTurn
from secops_agent.services.intake.receipts import Receipt

log = logging.getLogger(__name__)
ACTOR = Actor.system("pull:aliyun_sas")
EVERY = timedelta(minutes=5)  # where the configuration cannot be read


class _Lost(Exception):
    """Another process has taken over."""


@dataclass
class _Tally:
    seen: int = 0
    new: int = 0


def run_due() -> str:
    """What the task processes do every minute. Returns what was fetched, for their log."""
    return "；".join(_run(turn) for turn in pulls.due()) or "没有到期的拉取"


def _run(turn: PullTurn) -> str:
    every = EVERY
    try:
        settings: AliyunSettings = configs.load(turn.config)
        every = timedelta(minutes=settings.every_minutes)
        tally = _fetch(turn, settings, timezone.now())
    except BifangError as error:
        parked = (
            isinstance(error, RemoteError) and error.permanent
        )  # a secret that is missing may come by itself
        pulls.fail(turn, error.message, every, park=parked)
        return f"{turn.config.name}：{error.message}"
    except _Lost:
        return f"{turn.config.name}：已由另一个进程接手"
    except Exception as error:
        log.exception("拉取「%s」失败", turn.config.name)
        pulls.fail(turn, f"内部错误（{type(error).__name__}），详情见日志。", every, park=False)
        return f"{turn.config.name}：内部错误"
    return f"{turn.config.name}：{tally.seen} 条，新增 {tally.new}"


def _fetch(turn: PullTurn, settings: AliyunSettings, now: datetime) -> _Tally:
    tally = _Tally()
    for start, end in pulls.spans(turn, settings.days, now):
        for handled in (False, True):
            for page in pages(settings, AlertSpan(start, end, handled)):
                if not pulls.prolong(turn):
                    raise _Lost
                _store(page, settings, tally)
        if not pulls.advance(turn, end):
            raise _Lost
    pulls.succeed(turn, timedelta(minutes=settings.every_minutes), seen=tally.seen, new=tally.new)
    return tally


def _store(page: AlertPage, settings: AliyunSettings, tally: _Tally) -> None:
    """With a row in the history for what changed something."""
    receipt = Receipt(KIND, settings.name, len(page.body), "", {}, ACTOR)
    items = registry.parse(KIND, Source.from_bytes(page.body, settings.name), Options())
    outcome = ingest.store(items, ACTOR)
    new = unmerged.note(settings.id, outcome.apart)
    if new or outcome.created["alert"] or outcome.updated["alert"] or outcome.rejected:
        receipt.keep(outcome)
    tally.seen += page.count
    tally.new += outcome.created["alert"]
