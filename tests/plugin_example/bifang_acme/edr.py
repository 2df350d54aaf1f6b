"""Connector acme_edr: carries approved actions out through Acme's EDR."""

from dataclasses import dataclass, field
from typing import Any

from bifang.core.configuration.fields import AddressField, SecretField, TextField
from bifang.core.configuration.kinds import Kind
from bifang.core.errors import BifangError, RemoteError
from bifang.core.extensions import Extension
from bifang.core.models import SystemConfig
from bifang.core.outbound.http import HttpClient
from secops_agent.services.decisions.actions import ActionResult, Order

_NOT_SENT = frozenset({"connect", "dns", "tls", "proxy"})


@dataclass(frozen=True, slots=True)
class EdrSettings:
    """One configured EDR."""

    id: int
    name: str
    url: str
    key: str = field(repr=False)


class EdrKind(Kind):
    """What people fill in."""

    name = "acme_edr"
    label = "Acme EDR"
    carries = True
    icon, place, section = "shield", 60, "工具与处置"
    sentence = "批准后的隔离由 Acme EDR 执行。"

    url = AddressField("接口地址", required=True)
    key = SecretField("接口密钥", required=True)
    tools = TextField("负责的操作", initial="acme_quarantine")

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> EdrSettings:
        """As the connector takes them."""
        return EdrSettings(config.pk, config.name, values["url"], values["key"])


class Edr:
    """One configured EDR, over the shared HTTP client."""

    def __init__(self, settings: EdrSettings, http: HttpClient) -> None:
        self.name, self.config_id = settings.name, settings.id
        self._settings, self._http = settings, http

    async def run(self, order: Order) -> ActionResult:
        """Once; what may have arrived and was not answered is unknown."""
        wanted = {"tool": order.tool, "arguments": dict(order.arguments), "key": order.key}
        headers = {"Authorization": f"Bearer {self._settings.key}"}
        try:
            answer = await self._http.request("POST", self._settings.url, json=wanted, headers=headers)
        except RemoteError as error:
            return ActionResult("failed" if error.code in _NOT_SENT else "unknown", error.message)
        except BifangError as error:
            return ActionResult("failed", f"没有执行：{error.message}")
        if 200 <= answer.status < 300:
            return ActionResult("done", "Acme EDR 已执行。")
        return ActionResult(
            "failed" if answer.status < 500 else "unknown", f"Acme EDR 返回 {answer.status}。"
        )


EXTENSION = Extension(EdrKind.name, EdrKind.label, Edr, versions=">=0.1,<0.2", settings=EdrKind)
