"""What the firewall blocks, and its tools as MCP lists them."""

import ipaddress
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Arguments = Mapping[str, Any]
_ADDRESS = {"type": "string", "description": "要处理的公网 IP 地址"}
_HOST = {"type": "string", "description": "主机名"}
TOOLS: list[dict[str, Any]] = [
    {
        "name": "get_rules",
        "title": "查询封禁规则",
        "description": "列出现在封禁的地址和隔离的主机；给出 address 或 host 时只查这一个。",
        "inputSchema": {
            "type": "object",
            "properties": {
                "address": {"type": "string", "description": "只查这个 IP"},
                "host": {"type": "string", "description": "只查这台主机"},
            },
        },
        "outputSchema": {
            "type": "object",
            "properties": {"rules": {"type": "array", "items": {"type": "object"}}},
            "required": ["rules"],
        },
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
    },
    {
        "name": "block_address",
        "title": "封禁地址",
        "description": "封禁一个 IP 地址一段时间。",
        "inputSchema": {
            "type": "object",
            "properties": {
                "address": _ADDRESS,
                "minutes": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 43200,
                    "default": 60,
                    "description": "封禁多少分钟",
                },
                "direction": {"type": "string", "enum": ["in", "out", "both"], "description": "哪个方向"},
                "reason": {"type": "string", "maxLength": 500, "description": "理由"},
            },
            "required": ["address"],
        },
        "annotations": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True},
    },
    {
        "name": "unblock_address",
        "title": "解除封禁",
        "description": "解除一个 IP 地址的封禁。",
        "inputSchema": {"type": "object", "properties": {"address": _ADDRESS}, "required": ["address"]},
        "annotations": {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": True},
    },
]
# Of one that cuts machines off, too, as an EDR does.
HOST_TOOLS: list[dict[str, Any]] = [
    {
        "name": "isolate_host", "title": "隔离主机", "description": "把一台主机与网络断开。",
        "inputSchema": {
            "type": "object",
            "properties": {"host": _HOST, "reason": {"type": "string", "maxLength": 500, "description": "理由"}},
            "required": ["host"],
        },
        "annotations": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True},
    },
    {
        "name": "release_host", "title": "解除隔离", "description": "让一台主机重新连上网络。",
        "inputSchema": {"type": "object", "properties": {"host": _HOST}, "required": ["host"]},
        "annotations": {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": True},
    },
]  # fmt: skip


class Firewall:
    """Its rules by address or host name, in memory; with ``kept`` in that file, too, for the next process."""

    def __init__(self, kept: Path | None = None) -> None:
        self._kept = kept
        self.rules: dict[str, dict[str, Any]] = (
            json.loads(kept.read_text("utf-8")) if kept and kept.exists() else {}
        )
        self.calls: list[tuple[str, dict[str, Any]]] = []
        # "keeps": says that it took a rule away, and has it still; "forgets": says that it made one; "refuses <address>".
        self.faults: set[str] = set()
        self._tools: dict[str, Callable[[Arguments], dict[str, Any]]] = {
            "get_rules": self._get_rules,
            "block_address": self._block,
            "unblock_address": self._unblock,
            "isolate_host": self._isolate,
            "release_host": self._release,
        }

    def call(self, name: str, arguments: Arguments) -> dict[str, Any]:
        """A ``tools/call`` result. KeyError for an unknown tool, ValueError for wrong arguments."""
        tool = self._tools[name]
        self.calls.append((name, dict(arguments)))
        result = tool(arguments)
        if self._kept:
            self._kept.write_text(json.dumps(self.rules), "utf-8")
        return result

    def _get_rules(self, given: Arguments) -> dict[str, Any]:
        wanted = given.get("address") or given.get("host")
        rules = [rule for target, rule in self.rules.items() if not wanted or wanted == target]
        return {**_said(f"共 {len(rules)} 条规则"), "structuredContent": {"rules": rules}}

    def _block(self, given: Arguments) -> dict[str, Any]:
        address = str(ipaddress.ip_address(str(given["address"])))
        minutes = int(given.get("minutes", 60))
        if f"refuses {address}" in self.faults:
            return {**_said(f"{address} 规则表已满"), "isError": True}
        until = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(timespec="seconds")
        rule = {
            "address": address,
            "minutes": minutes,
            "direction": given.get("direction", "both"),
            "reason": given.get("reason", ""),
            "until": until,
        }
        if "forgets" not in self.faults:
            self.rules[address] = rule
        return _said(f"已封禁 {address}，{minutes} 分钟")

    def _unblock(self, given: Arguments) -> dict[str, Any]:
        return self._lift(str(ipaddress.ip_address(str(given["address"]))), "封禁")

    def _isolate(self, given: Arguments) -> dict[str, Any]:
        host = str(given["host"])
        self.rules[host] = {"host": host, "reason": given.get("reason", "")}
        return _said(f"已隔离 {host}")

    def _release(self, given: Arguments) -> dict[str, Any]:
        return self._lift(str(given["host"]), "隔离")

    def _lift(self, target: str, what: str) -> dict[str, Any]:
        if target in self.rules and "keeps" in self.faults:
            return _said(f"已解除 {target} 的{what}")
        if self.rules.pop(target, None) is None:
            return {**_said(f"{target} 没有被{what}"), "isError": True}
        return _said(f"已解除 {target} 的{what}")


def _said(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}
