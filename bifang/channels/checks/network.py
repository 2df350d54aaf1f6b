"""What the checks of every channel mind on the way to its platform."""

from collections.abc import Iterator
from contextlib import contextmanager

from bifang.channels.checks.configuration import ChannelTrial
from bifang.channels.workers.connection_health import live_states
from bifang.core.configuration.trials import Failure, Skip, in_thread
from bifang.core.errors import RateLimited, RemoteError
from bifang.core.models import SystemConfig


@contextmanager
def blaming_the_network(title: str) -> Iterator[None]:
    """Where the platform itself has refused nothing, advice about credentials would send people the wrong way."""
    try:
        yield
    except RemoteError as error:
        if error.permanent or isinstance(error, RateLimited):
            raise
        advice = (
            f"{title}没有给出答复，问题不在凭证和应用设置：检查网络出口、上网认证和代理，稍后再检查一次。"
        )
        raise Failure(error.message, advice) from None


def require_switch(subject: ChannelTrial) -> None:
    """Skip where no connection is wanted."""
    if not subject.wants_connection:
        raise Skip(f"不{subject.service.switch_label}")


async def leave_workers_alone(subject: ChannelTrial) -> None:
    """Skip if a worker serves this application, connected or not, under whichever configuration.

    The platforms spread what they push over the connections of an application: a second one would take messages
    from the worker's.
    """
    owners = await in_thread(lambda: _owners(subject))
    if owners:
        raise Skip(f"工作进程 {owners[0]} 正在运行：再开一个连接会分走它的消息，它的连接状态见「推送服务」")


def _owners(subject: ChannelTrial) -> list[str]:
    others = SystemConfig.objects.enabled(subject.service.kind).filter(client_id=subject.ready.client_id)
    pks = {subject.row.pk, *others.values_list("pk", flat=True)} - {None}
    return [state.owner for pk in pks for state in live_states(pk)] + [
        worker.owner for pk in pks for worker in subject.service.workers_of(pk)
    ]
