"""Whose application it is: the tenant in the header of what Feishu pushes."""

from bifang.core.configuration.configs import learn
from secops_agent.services.people.staff import learn_corporation


def learn_tenant(config_id: int, seen: str) -> str:
    """The tenant of a configuration: what it says, else from now on what the header of an event says. On a database
    thread."""
    known = learn(config_id, "tenant_key", seen) if seen else ""
    if known:
        learn_corporation(known, "feishu")
    return known
