"""The same stage at another door: DingTalk by Stream or by HTTP, or Feishu's long connection."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from feishu_integration.cards.content import TEXT
from tests.acceptance.processes import free_ports
from tests.acceptance.worker import MODEL, NAME, STAFF, Stage, open_stage
from tests.databases import Database, Templates
from tests.deadline import GRACE_S
from tests.feishu_simulator import FeishuHandle, running_feishu
from tests.model_server import Echo

# What a stage stands on: the database, and by which door messages come in.
STREAM, POSTGRES, HTTP, FEISHU = (
    ("sqlite", "stream"), ("postgresql", "stream"), ("sqlite", "http"), ("sqlite", "feishu"),
)  # fmt: skip
DOORS = (
    pytest.param(STREAM, id="stream"),
    pytest.param(POSTGRES, marks=pytest.mark.slow, id="postgresql"),
    pytest.param(HTTP, marks=pytest.mark.slow, id="http"),
    pytest.param(FEISHU, marks=pytest.mark.slow, id="feishu"),
)
# What everybody meets first: at every door, in `make test` too.
HELLO = (*DOORS[:2], pytest.param(HTTP, id="http"), pytest.param(FEISHU, id="feishu"))
BY_STREAM, BY_HTTP, BY_DINGTALK = DOORS[:2], DOORS[2:3], DOORS[:3]

APP, APP_SECRET, STRANGERS = "cli_demo", "demo-secret", "tenant_other"
_SENDING = "/open-apis/im"


@dataclass
class FeishuStage(Stage):
    """One Feishu and one database; it is spoken to, and answers, in the words of `Stage`."""

    sim: FeishuHandle  # type: ignore[assignment]  # the other platform
    events: dict[str, str] = field(default_factory=dict)  # message id → event id, which a redelivery keeps

    command: ClassVar[str] = "start_feishu_stream"
    faults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "cut every second": {"close_every_s": 1, "abort": True},
        "closed": {"close": True},
        "slow": {"openapi_delay_s": {"value": 0.05, "path": _SENDING}},
        "unavailable": {"openapi_status": {"value": 503, "path": _SENDING}},
        "refusing": {"openapi_limit": {"value": 1, "path": _SENDING}},
        "stale token": {"token_invalid": {"value": True, "times": 1}},
        "file gone": {"openapi_code": {"value": 234003, "times": 1, "path": f"{_SENDING}/v1/messages/om_"}},
        "refused for good": {"openapi_code": {"value": 230001, "times": 1, "path": _SENDING}},
    }

    def robot(self, **changes: Any) -> dict[str, Any]:
        """The entry of a configuration that reaches the simulator; how long a turn takes does not change its form."""
        keys = {
            "streams_cards": False,
            "client_id": APP,
            "client_secret": APP_SECRET,
            "endpoint": self.sim.base_url,
        }
        return {"kind": "feishu", "name": NAME, **keys, "ai_config": MODEL, **changes}

    def say(self, text: str, where: str, who: str = "manager01", **fields: Any) -> str:
        """Say something; returns its message_id."""
        said = self.sim.message(
            **self._spoken({"text": text, "conversation_id": where, "staff_id": who, **fields})
        )
        return self._noted(said)

    def say_all(self, rows: list[dict[str, Any]]) -> list[str]:
        """Say many things at once; their message ids."""
        spoken = [self._spoken({"staff_id": "manager01", **row}) for row in rows]
        return [self._noted(said) for said in self.sim.post("/sim/messages/batch", spoken)]

    def happen(self, event_type: str, data: dict[str, Any], **fields: Any) -> str:
        """An event of the organisation; its id."""
        return str(self.sim.event(event_type, event=data, **fields)["event_id"])

    def leave(self, who: str) -> str:
        """Somebody leaves the company; the event's id."""
        return str(self.sim.event("contact.user.deleted_v3", open_id=who)["event_id"])

    def links(self) -> list[dict[str, Any]]:
        """Feishu's connections have no way out: they are there, or closed."""
        return [{**link, "draining": False} for link in self.sim.connections()]

    def heard(self, **query: Any) -> list[dict[str, Any]]:
        """All that the robot said."""
        where = query.pop("conversation_id", None)
        asked = {**query, **({"chat_id": where} if where else {})}
        return [
            {
                **row, "conversation_id": row["chat_id"], "msg_id": row["reply_to"], "msgtype": row["msg_type"],
                "text": said,
            }
            for row in self.sim.replies(**asked)
            if (said := _body(row)) is not None
        ]  # fmt: skip

    def file_of(self, reply: Mapping[str, Any]) -> bytes:
        """As anybody in the chat reads it: of its message."""
        base, key = self.sim.base_url, json.loads(reply["content"])["file_key"]
        keys = {"app_id": APP, "app_secret": APP_SECRET}
        opening = f"{base}/open-apis/auth/v3/tenant_access_token/internal"
        token = httpx.post(opening, json=keys, trust_env=False, timeout=120).json()
        headers = {"Authorization": f"Bearer {token['tenant_access_token']}"}
        path = f"/open-apis/im/v1/messages/{reply['message_id']}/resources/{key}?type=file"
        return httpx.get(base + path, headers=headers, trust_env=False, timeout=120).content

    def expected_way(self, msg_id: str, who: str) -> dict[str, Any]:
        """As an answer to the message."""
        return {"route": "reply", "msg_id": msg_id}

    def answers_to_pushes(self) -> list[dict[str, Any]]:
        """The acks, by the id of the message or event."""
        messages = {event: message for message, event in self.events.items()}
        return [{**ack, "msg_id": messages.get(ack["event_id"], ack["event_id"])} for ack in self.sim.acks()]

    def well_acked(self, ack: Mapping[str, Any]) -> bool:
        """Is that what Feishu takes for done?"""
        return (ack["code"], ack["fault"], ack["data"]) == (200, "", None)

    def _spoken(self, said: dict[str, Any]) -> dict[str, Any]:
        fields = {
            "chat_id": said.pop("conversation_id"),
            "open_id": said.pop("staff_id"),
            "group": said.pop("group", True),
        }
        again = said.pop("msg_id", "")
        if again:
            fields |= {"message_id": again, "event_id": self.events[again]}
        tenant = said.pop("corp_id", "") or (STRANGERS if said.pop("outsider", False) else "")
        return {**fields, **({"tenant_key": tenant} if tenant else {}), **said}

    def _noted(self, said: dict[str, Any]) -> str:
        self.events[said["message_id"]] = said["event_id"]
        return str(said["message_id"])


def _body(row: dict[str, Any]) -> str | None:
    """What a message says below its title; None for a card on which the answer is still growing."""
    content = json.loads(row["content"])
    if row["msg_type"] == "interactive":
        words = [one["content"] for one in content["body"]["elements"] if one.get("element_id") == TEXT]
        return None if content.get("config", {}).get("streaming_mode") else "\n".join(words)
    title = content.get("zh_cn", {}).get("title", "")
    return str(row["text"]).removeprefix(f"{title}\n")


@contextmanager
def open_feishu(database: Database, *, counted: bool = False, **options: Any) -> Iterator[FeishuStage]:
    """A stage before Feishu; nothing is configured or runs yet. Options: those of its simulator."""
    with running_feishu(**{"redeliver_s": (1.0,) * 20, "ack_s": GRACE_S, **options}) as sim:
        stage = FeishuStage(sim, database, counted)  # type: ignore[arg-type]
        try:
            yield stage
        finally:
            stage.close()


@contextmanager
def open_door(database: Database, door: str, *, counted: bool = False) -> Iterator[Stage]:
    """A stage at a door, nothing configured yet: "stream" or "feishu". What is not acknowledged comes again soon."""
    if door == "feishu":
        with open_feishu(database, counted=counted) as feishu:
            feishu.patient = True
            yield feishu
    else:
        with open_stage(database, counted=counted, redeliver_after_s=1.0) as stage:
            stage.patient = True
            yield stage


@contextmanager
def working_stage(
    templates: Templates,
    door: tuple[str, str],
    home: Path,
    *,
    staff: tuple[dict[str, Any], ...] = STAFF,
    counted: bool = False,
    model: Echo | None = None,
) -> Iterator[Stage]:
    """A stage with its own clean database and one worker, for a whole module; ``door``: one of the worker's DOORS."""
    vendor, way = door
    opened = open_feishu if way == "feishu" else open_stage
    with (
        templates.database(vendor, home / "var") as database,
        opened(database, counted=counted) as stage,
    ):
        stage.web_port, stage.patient = free_ports(1)[0] if way == "http" else 0, True
        stage.apply(stage.robot(), staff=staff)
        stage.start(model=model)
        if way == "http":
            stage.serve()
            stage.subscribe()
        yield stage
