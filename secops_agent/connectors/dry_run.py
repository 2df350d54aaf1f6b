"""The default: nothing is connected, nothing is changed, and that is said."""

from secops_agent.services.decisions.actions import ActionResult, Order

TEXT = (
    "演练：没有配置连接器，没有对任何系统做出改动。要真正执行，请管理员在「系统配置」里添加「处置连接器」。"
)


class DryRun:
    """Changes nothing."""

    name = "dry_run"
    config_id: int | None = None

    async def run(self, order: Order) -> ActionResult:
        """Says so."""
        return ActionResult("dry", TEXT)
