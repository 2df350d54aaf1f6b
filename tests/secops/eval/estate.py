"""A demo estate of its own for measuring, and the model that is measured on it."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

_DJANGO = {"DJANGO_SETTINGS_MODULE": "bifang.settings"}


@dataclass(frozen=True)
class Measured:
    """A model's configuration: ``values`` as `configs.save` takes them, secrets resolved."""

    kind: str
    name: str
    values: dict[str, Any]


def read_installed(name: str) -> str:
    """The configuration of that name in this installation, as JSON with its secrets: only for a pipe to a child.

    Raises SystemExit with what there is.
    """
    os.environ.update(_DJANGO)
    import django

    django.setup()
    from bifang.core.configuration import configs
    from bifang.core.models import SystemConfig
    from bifang.core.secrets.references import resolve
    from secops_agent.config import MODEL_KINDS

    rows = SystemConfig.objects.current().filter(kind__in=MODEL_KINDS)
    kind, _, named = name.partition("/")
    found = list(rows.filter(kind=kind, name=named) or rows.filter(name=name))
    if len(found) != 1:
        known = "、".join(f"{row.kind}/{row.name}" for row in rows) or "（一个也没有）"
        raise SystemExit(f"没有（或不止一个）叫「{name}」的模型配置。可用的：{known}")
    values, problem = configs.values_of(found[0])
    if problem:
        raise SystemExit(problem)
    values |= {key: resolve(value) for key, value in found[0].open_secrets().items()}
    return json.dumps(asdict(Measured(found[0].kind, found[0].name, values)))


def read_environment(seconds: int) -> Measured | None:
    """The model that the environment describes; None: the offline mode only. ``seconds``: how long a turn may take."""
    given = os.environ.get
    model, url = given("BIFANG_EVAL_MODEL", ""), given("BIFANG_EVAL_BASE_URL", "")
    if url:
        values = {
            "base_url": url, "model": model, "api_key": given("BIFANG_EVAL_API_KEY", ""), "concurrency": 1,
            "tool_calls": given("BIFANG_EVAL_TOOL_CALLS", "native"), "context_window": int(given("BIFANG_EVAL_CONTEXT", "32768")),
        }  # fmt: skip
        if seconds:
            values |= {
                "first_timeout": min(600, seconds),
                "stall_timeout": min(600, seconds),
                "turn_seconds": min(900, seconds),
            }
        return Measured("openai", model or url, values)
    if key := given("DASHSCOPE_API_KEY", ""):
        return Measured("qwen", model or "qwen-plus", {"model": model or "qwen-plus", "api_key": key})
    return None


def open_estate(home: str) -> None:
    """Start Django on a database of its own with the demo. No limits of our own stand in the way."""
    host = urlsplit(os.environ.get("BIFANG_EVAL_BASE_URL", "")).hostname or ""
    allowed = [os.environ.get("BIFANG_ADDRESS_ALLOW_LIST", ""), host]  # given here, it is the operator's word
    os.environ |= _DJANGO | {
        "BIFANG_DATA_DIR": home, "BIFANG_LOG_DIR": home, "DATABASE_URL": "", "BIFANG_RATE_LIMITS": "off",
        "BIFANG_SIMULATOR": "1", "BIFANG_ADDRESS_ALLOW_LIST": ",".join(filter(None, allowed)),
    }  # fmt: skip
    os.environ.setdefault("BIFANG_LOG_LEVEL", "ERROR")
    import django

    django.setup()
    from django.core.management import call_command

    from secops_agent.demo.loading import load

    call_command("migrate", verbosity=0, interactive=False)
    load()


def configure(measured: Measured | None) -> int:
    """A DingTalk configuration with that model, the offline mode without one; its id."""
    from bifang.core.configuration import configs

    model = configs.save(measured.kind, measured.name, True, measured.values)[0] if measured else None
    name = f"评测 {measured.name if measured else '离线'}"
    given = {"client_id": f"eval{model.pk if model else 0}", "client_secret": "s" * 20, "ai_config": model}
    return configs.save("dingtalk", name, True, given)[0].pk
