"""One configured MCP server, as code works with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from secops_agent.services.mcp.definitions import ListedTool
from secops_agent.services.mcp.mappings import MappedAction


@dataclass(frozen=True, slots=True)
class McpSettings:
    """Either ``url`` or ``command`` says where it is. ``ca``: PEM of the authority to believe, "" the system's.
    ``timeout_s``: one request with its answer. ``cwd``: "" an empty folder.
    """

    id: int
    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tools: Mapping[str, ListedTool] = field(default_factory=dict)
    actions: Mapping[str, MappedAction] = field(default_factory=dict)
    timeout_s: float = 10.0
    ca: str = ""
    proxy: str = field(default="", repr=False)
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str = ""
    airgapped_ok: bool = False
