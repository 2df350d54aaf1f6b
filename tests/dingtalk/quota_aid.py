"""Configurations and use of quotas for tests."""

from typing import Any

from bifang.core.configuration import configs
from dingtalk_integration.models import ApiUsage
from dingtalk_integration.quotas.quota import today


def save(client_id: str, corp_id: str = "", endpoint: str = "", **changes: Any) -> int:
    """An enabled configuration; its id."""
    given = {"client_id": client_id, "client_secret": "demo-secret", "corp_id": corp_id, "endpoint": endpoint}
    row, _ = configs.save("dingtalk", f"机器人 {client_id}", True, {**given, **changes})
    return row.pk


def custom(calls: int, messages: int = 0) -> dict[str, Any]:
    """Fields of a configuration with these quotas."""
    return {"edition": "custom", "monthly_calls": calls, "monthly_messages": messages}


def use(client_id: str, calls: int, *, family: str = "robot", purpose: str = "alert") -> None:
    """So many were counted today."""
    ApiUsage.objects.update_or_create(
        client_id=client_id, family=family, purpose=purpose, day=today(), defaults={"calls": calls}
    )
