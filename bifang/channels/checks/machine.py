"""What must hold on this machine, whatever the configuration: packages, database, keys, log."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module, metadata
from typing import Any

from django.conf import settings

from bifang.channels.workers.connection_health import WorkerService
from bifang.core.configuration.trials import CheckStep, Failure, in_thread
from bifang.core.models import SystemConfig
from bifang.core.monitoring.health_checks import check_database, check_keys, check_migrations, check_secrets
from bifang.core.monitoring.logs import writable
from bifang.env import unreadable

IMPORTED = ("websockets", "aiohttp")
DISTRIBUTIONS = ("websockets", "aiohttp", "dashscope", "django", "djangorestframework")
OPEN_ADMIN = "请在管理后台「系统配置」中"


@dataclass(slots=True)
class Machine:
    """Whose machine, what is asked for (None: every enabled configuration), and the rows that were found."""

    service: WorkerService
    config_id: int | None = None
    rows: list[SystemConfig] = field(default_factory=list)


async def check_dependencies(machine: Machine) -> str:
    """The packages that a connection needs can be imported."""
    for name in (*machine.service.packages, *IMPORTED):
        try:
            import_module(name)
        except ImportError as error:
            raise Failure(f"缺少或损坏：{error.name or name}。") from None
    own = (name.replace("_", "-") for name in machine.service.packages)
    versions = {name: _version(name) for name in (*own, *DISTRIBUTIONS)}
    missing = [name for name, version in versions.items() if not version]
    if missing:
        raise Failure(f"没有安装：{'、'.join(missing)}。")
    python = ".".join(map(str, sys.version_info[:3]))
    pins = _pins()
    told = [_told(name, version, pins.get(name, version)) for name, version in versions.items()]
    return f"Python {python}、{'、'.join(told)}"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _pins() -> dict[str, str]:
    path = settings.BASE_DIR / "requirements.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = (line.partition("==") for line in lines if not line.startswith("#"))
    return {name.strip(): version.strip() for name, _, version in pairs}


def _told(name: str, version: str, wanted: str) -> str:
    return f"{name} {version}" if version == wanted else f"{name} {version}（requirements.txt 为 {wanted}）"


async def check_log(machine: Machine) -> str:
    """logs/bifang.log can be written."""
    error = await in_thread(lambda: writable(settings.LOG_DIR))
    if error is not None:
        raise Failure(unreadable(settings.LOG_DIR, error))
    return str(settings.LOG_DIR / "bifang.log")


async def find_configs(machine: Machine) -> str:
    """Fills in ``machine.rows``."""
    machine.rows = await in_thread(lambda: _rows(machine.service, machine.config_id))
    return "、".join(f"「{row.name}」（ID {row.pk}）" for row in machine.rows)


def _rows(service: WorkerService, config_id: int | None) -> list[SystemConfig]:
    known = (
        SystemConfig.objects.current()
        .filter(kind=service.kind)
        .select_related("ai_config", "ai_fallback")
        .order_by("pk")
    )
    if config_id is not None:
        rows = list(known.filter(pk=config_id))
        if not rows:
            listed = "、".join(f"{row.pk}（{row.name}）" for row in known) or "没有"
            what = f"{service.title}配置"
            raise Failure(f"没有 ID 为 {config_id} 的{what}。", f"换一个 ID；现有的{what}：{listed}。")
        return rows
    rows = list(known.filter(enabled=True))
    if not rows:
        parked = f"（有 {known.count()} 个未启用）" if known.exists() else ""
        raise Failure(f"没有启用的{service.title}配置{parked}。")
    return rows


async def _in_thread(check: Callable[[], str], machine: Machine) -> str:
    return await in_thread(check)


STEPS: tuple[CheckStep[Any], ...] = (
    CheckStep(
        "dependencies", "依赖", check_dependencies,
        f"在项目目录执行：{sys.executable} -m pip install --require-hashes -r requirements.lock",
    ),
    CheckStep("keys", "加密密钥", partial(_in_thread, check_keys), "用运行服务的用户执行本命令；密钥丢失时从备份恢复 encryption.key。"),
    CheckStep(
        "database", "数据库", partial(_in_thread, check_database),
        "检查 DATABASE_URL、数据库服务和数据目录的权限；用运行服务的用户执行本命令。",
    ),
    CheckStep("migrations", "数据库结构", partial(_in_thread, check_migrations), "执行：python manage.py migrate", ("database",)),
    CheckStep(
        "secrets", "已保存的密钥", partial(_in_thread, check_secrets),
        f"换回原来的 encryption.key（或 BIFANG_ENCRYPTION_KEY），或{OPEN_ADMIN}重新填写密钥。", ("keys", "migrations"),
    ),
    CheckStep("log", "日志", check_log, "按上面的命令改目录的所有者，或用 BIFANG_LOG_DIR 指定另一个目录。"),
)  # fmt: skip


def steps_of(service: WorkerService) -> tuple[CheckStep[Machine], ...]:
    """With the one that finds the configurations."""
    find = CheckStep(
        "configs", f"{service.title}配置", find_configs, f"{OPEN_ADMIN}新增或启用「{service.title}」配置。", ("migrations",)
    )  # fmt: skip
    return (*STEPS, find)
