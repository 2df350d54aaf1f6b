"""Events of the organisation: stored, acknowledged, and acted on where somebody has a rule for them."""

from bifang.channels.ports import ReplySink, Turn, TurnResult
from bifang.core.database import db
from feishu_integration.handlers.organisation_events import read_event
from feishu_integration.handlers.tenants import learn_tenant
from secops_agent.services.organisation.events import OrganisationEvent
from secops_agent.services.organisation.reactions import react


async def handle(turn: Turn, sink: ReplySink) -> TurnResult:
    """Run again after a crash it does nothing twice: what it writes is keyed by the event."""
    happening = read_event(turn)
    return TurnResult(note=await db.call(_act, happening) if happening else "")


def _act(happening: OrganisationEvent) -> str:
    learn_tenant(happening.config_id, happening.corp_id)
    return react(happening)
