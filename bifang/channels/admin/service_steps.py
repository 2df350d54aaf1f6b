"""接下来 of a channel's configuration: switching it on, and its service running for good."""

import getpass
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.conf import settings

from bifang.channels.admin.connection_face import traces_of
from bifang.channels.models import ClientState, ClientStatus
from bifang.channels.workers.connection_health import WorkerService
from bifang.core.admin.panels import Step
from bifang.core.models import SystemConfig


def first_steps(service: WorkerService, config: SystemConfig) -> Iterable[Step]:
    """Switched on, and served."""
    yield Step("启用", "打开「启用」，再保存。", config.enabled)
    running = bool(traces_of(config).states) or bool(service.workers_of(config.pk))
    text = (
        f"服务要一直运行，才有人接收和回答消息。在服务器上执行下面的命令（所有启用的配置；只要这一个就加 --config-id {config.pk}）。"
        "已有服务在运行时不需要再启动，它几秒内会接手。"
    )
    command = f"cd {settings.BASE_DIR} && {sys.executable} manage.py {service.program}"
    more = (("只运行这一个配置", f"{command} --config-id {config.pk}"), *_shipped(service))
    yield Step(f"启动{service.label}", text, running, command=command, more=more)


def connecting_step(service: WorkerService, config: SystemConfig, platform: str) -> Step:
    """Connected, or what stands in the way. ``platform``: where its credentials are."""
    states, heard = traces_of(config).states, traces_of(config).heard
    connected = bool(states) and states[0].status == ClientStatus.CONNECTED
    return Step(
        f"连接{service.title}", _connecting(service, platform, states), connected or heard is not None
    )


def _connecting(service: WorkerService, platform: str, states: Sequence[ClientState]) -> str:
    if states and states[0].status == ClientStatus.PARKED:
        return (
            f"{states[0].last_error} 请回到{platform}「凭证与基础信息」，把 {service.credentials} 重新复制过来，"
            "按「测试连接」通过后保存；服务会马上重试。"
        )
    return "服务在运行，通常几秒内连上。一直连不上时按「测试连接」，看是哪一步没有通过。"


def _shipped(service: WorkerService) -> list[tuple[str, str]]:
    """What keeps the service running, as it is shipped in deploy/, what an operator would replace filled in."""
    name = service.program.removeprefix("start_").replace("_", "-")
    files = (
        ("用 supervisor 一直运行（推荐）", f"supervisor/{name}.conf"),
        ("用 systemd 一直运行", f"systemd/{name}.service"),
    )
    paths = [(title, Path(settings.BASE_DIR) / "deploy" / file) for title, file in files]
    return [(title, _fill_in(path.read_text(encoding="utf-8"))) for title, path in paths if path.is_file()]


def _fill_in(text: str) -> str:
    for place, value in (
        ("/path/to/venv/bin/python", sys.executable), ("/path/to/project/logs", settings.LOG_DIR),
        ("/path/to/project/var", settings.DATA_DIR), ("/path/to/project", settings.BASE_DIR), ("www-data", _user()),
        ("把 /path/to 换成实际路径", "路径已按这台服务器填好"),
    ):  # fmt: skip
        text = text.replace(place, str(value))
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name, as in containers
        return "www-data"
