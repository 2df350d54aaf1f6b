"""`ConnectorCases`: a connector says "failed" only of what was certainly not done, and "unknown" of what may have been."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Final, cast

import pytest
from django.utils import timezone

from bifang.core.configuration import configs
from bifang.core.configuration.kinds import get_kind
from bifang.core.errors import BifangError, RemoteError
from bifang.core.outbound.http import HttpClient, Response
from secops_agent.connectors.base import Connector
from secops_agent.connectors.registry import builder_of
from secops_agent.services.decisions.actions import ActionResult, Order
from secops_agent.services.decisions.carriers import carrier_of

SECRET: Final = "a-secret-of-tests-0123456789"


class _Wire:
    """Stands for HttpClient: every request comes to one end."""

    def __init__(self, end: Response | BifangError) -> None:
        self.requests: list[tuple[Any, ...]] = []
        self._end = end

    async def request(self, *given: Any, **more: Any) -> Response:
        """The end."""
        self.requests.append((given, more))
        if isinstance(self._end, BifangError):
            raise self._end
        return self._end


@pytest.mark.django_db
class ConnectorCases:
    """``kind`` of its configuration, ``values`` that make one, ``order``: tool and arguments that it carries out over HTTP."""

    kind: ClassVar[str]
    values: ClassVar[Mapping[str, Any]]
    order: ClassVar[tuple[str, Mapping[str, Any]]]
    ok: ClassVar[bytes] = b"{}"

    def make(self, end: Response | BifangError) -> tuple[Connector, _Wire]:
        """A connector whose other side answers so."""
        row, _ = configs.save(self.kind, "连接器", True, dict(self.values))
        wire = _Wire(end)
        return builder_of(self.kind)(configs.load(row), cast("HttpClient", wire)), wire

    def result(self, end: Response | BifangError) -> ActionResult:
        """Of carrying the order out."""
        tool, arguments = self.order
        connector, wire = self.make(end)
        order = Order(
            action_id=1, token="t", key="k" * 32, tool=tool, title="操作", arguments=dict(arguments), summary="做什么",
            asker="张三", approver="李四", approved_at=timezone.now(),
        )  # fmt: skip
        found = asyncio.run(connector.run(order))
        assert len(wire.requests) <= 1, "asked once, never again"
        assert SECRET not in f"{found} {connector.name}"
        return found

    def test_it_is_chosen_for_its_tool(self) -> None:
        row, _ = configs.save(self.kind, "连接器", True, dict(self.values))
        chosen = carrier_of(self.order[0])
        assert chosen is not None
        assert chosen.pk == row.pk

    def test_done_is_done(self) -> None:
        assert self.result(Response(200, {}, self.ok)).result == "done"

    def test_refused_was_not_done(self) -> None:
        assert self.result(Response(403, {}, b"no")).result == "failed"

    @pytest.mark.parametrize("code", ["connect", "dns", "tls", "proxy"])
    def test_what_never_left_was_not_done(self, code: str) -> None:
        assert self.result(RemoteError("连不上", permanent=False, code=code)).result == "failed"

    @pytest.mark.parametrize(
        "end",
        [Response(500, {}, b""), RemoteError("超时", permanent=False, code="timeout")],
        ids=["error there", "no answer"],
    )
    def test_what_may_have_been_done_is_unknown(self, end: Response | BifangError) -> None:
        assert self.result(end).result == "unknown"

    def test_secrets_are_sealed(self) -> None:
        secret = [name for name, field in get_kind(self.kind).fields.items() if field.sealed]
        row, _ = configs.save(self.kind, "连接器", True, dict(self.values))
        assert not set(secret) & set(row.params)
