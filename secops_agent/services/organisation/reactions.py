"""The one door of organisation events: each kind has a rule, and what comes of it are alerts like any other."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.organisation import persons, rooms
from secops_agent.services.organisation.happenings import Happening, Kind
from secops_agent.services.people.eligibility import corporation_of
from secops_agent.services.people.staff import named_corporations
from secops_agent.services.records import AlertRecord

FOREIGN: Final = "事件属于另一个企业，没有处理。"
Rule = Callable[[Happening], Iterable[AlertRecord]]

RULES: Final[Mapping[Kind, Rule]] = {
    "left": persons.left,
    "admin_added": persons.admin_changed,
    "admin_removed": persons.admin_changed,
    "profile_changed": persons.profile_changed,
    "roles_changed": persons.roles_changed,
    "outsiders_joined": rooms.outsiders_joined,
    "group_disbanded": rooms.group_disbanded,
    "group_renamed": rooms.group_renamed,
    "robot_added": rooms.robot_added,
    "robot_removed": rooms.robot_removed,
}


def react(happening: Happening) -> str:
    """Do what the rule says; returns why nothing was done, "" otherwise. Done again, it changes nothing more."""
    if not _is_own(happening):
        return FOREIGN
    found = list(RULES[happening.kind](happening))
    if found:
        ingest.store(found, Actor.system(happening.source), received_at=happening.at)
    return ""


def _is_own(happening: Happening) -> bool:
    """Until the configuration's corporation is known, the only one known counts; of several, none does."""
    own = corporation_of(happening.config_id)
    known = {own} if own else named_corporations()
    return bool(happening.corp_id) and (not known or known == {happening.corp_id})
