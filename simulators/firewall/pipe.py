"""The firewall as an MCP server over stdio: a message a line, until the input ends."""

import json
from collections.abc import Iterable, Mapping
from typing import IO, Any

from .answers import MODERN, Fault, answered, greet, read, refused, result_of
from .rules import Firewall


def serve_lines(
    firewall: Firewall, tools: list[dict[str, Any]], lines: Iterable[bytes], output: IO[bytes]
) -> None:
    """Answers each line."""
    for line in lines:
        answer = _answer(firewall, tools, line)
        if answer is not None:
            output.write(json.dumps(answer).encode() + b"\n")
            output.flush()


def _answer(firewall: Firewall, tools: list[dict[str, Any]], line: bytes) -> Mapping[str, Any] | None:
    message: Any = None
    try:
        message = read(line)
        method, params = str(message.get("method")), message.get("params") or {}
        if "id" not in message:
            return None
        if method == "initialize":
            return greet(message, params)
        told = (params.get("_meta") or {}).get("io.modelcontextprotocol/protocolVersion")
        return answered(message, result_of(firewall, tools, method, params, modern=told == MODERN))
    except Fault as fault:
        return refused(message, fault)
