"""What MCP servers offer, and what of it a person has seen."""

from django.db import models

from bifang.core.models import SystemConfig


class McpCatalogue(models.Model):
    """The tools of one configuration at its last successful check. Written only by `services.mcp.catalogue`.

    ``server``: what it says of itself (name, version, protocol). ``offered``: its tools as they came, in order.
    ``seen``: tool → digest, description and schema that a person has seen; what differs from it is off.
    """

    config = models.OneToOneField(
        SystemConfig, verbose_name="MCP 服务", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    checked_at = models.DateTimeField("检查时间")
    server = models.JSONField("服务", default=dict)
    offered = models.JSONField("工具", default=list)
    seen = models.JSONField("看过的", default=dict)

    class Meta:
        verbose_name = verbose_name_plural = "MCP 工具"

    def __str__(self) -> str:
        return self.config.name
