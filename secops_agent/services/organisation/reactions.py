"""Reactions to events of the organisation: a rule for each kind, whose outcome are alerts like any other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from bifang.channels import known_groups
from bifang.channels.models import GroupState, KnownGroup
from bifang.channels.text.markup import literal
from bifang.core.models import SystemConfig
from secops_agent.models import NotificationTarget, TargetKind
from secops_agent.services.actors import Actor
from secops_agent.services.intake import ingest
from secops_agent.services.notifications.delivery import administrators
from secops_agent.services.organisation import persons
from secops_agent.services.organisation.events import Kind, OrganisationEvent, signal
from secops_agent.services.people.eligibility import corporation_of, listed
from secops_agent.services.people.staff import named_corporations
from secops_agent.services.records import AlertRecord

# Rules about groups: what stops alerts from going there.

REMEDY: Final = (
    "请把外部人员移出群，或给规则换一个群；确认以后由管理员在「已知的群」里选中它，执行「恢复推送」。"
)


def outsiders_joined(happening: OrganisationEvent) -> Iterator[AlertRecord]:
    """Pushing stops wherever a robot of ours is; an alert tells of it where rules send alerts.

    The alert belongs to the event that stopped it: what comes while it is stopped is the same alert.
    """
    if not happening.outsiders:
        return
    how = "、".join(happening.fields) or f"新加入 {happening.outsiders} 人"
    reason = f"群里有外部人员（{how}）"
    stopped = known_groups.stop_pushing(
        happening.conversation_id, happening.corp_id, GroupState.OUTSIDERS, reason, happening.ident
    )
    group = next((each for each in stopped if each.state == GroupState.OUTSIDERS), None)
    rules = rules_to(stopped)
    if group is None or not rules:
        return
    lines = [f"{reason}，已停止向这个群推送。", f"发到这个群的通知规则：{'、'.join(rules)}。", REMEDY]
    yield signal(
        happening, "", f"外部人员进入接收告警的群：{group}", "critical", lines,
        rule="外部人员进入告警群", ident=group.state_event,
    )  # fmt: skip


def group_disbanded(happening: OrganisationEvent) -> Iterator[AlertRecord]:
    """Nothing reaches it any more; an alert where rules send alerts."""
    stopped = known_groups.stop_pushing(
        happening.conversation_id, happening.corp_id, GroupState.REMOVED, "群已解散", happening.ident
    )
    rules = rules_to(stopped)
    if stopped and rules:
        lines = [
            "群已解散，不再推送。",
            f"发到这个群的通知规则：{'、'.join(rules)}。",
            "请给这些规则换一个群。",
        ]
        title = f"接收告警的群已解散：{stopped[0]}"
        _tell_administrators(happening, title, lines)
        yield signal(happening, "", title, "high", lines, rule="告警群解散")


def robot_added(happening: OrganisationEvent) -> Iterator[AlertRecord]:
    """Somebody put the robot into a group, which is known from now on; stopped at once if outsiders are in it."""
    who = listed(happening.corp_id, happening.operator_id)
    known_groups.learn_group(
        happening.config_id, happening.conversation_id, title=happening.title, corp_id=happening.corp_id,
        speaker=who.name if who else "", staff_id=happening.operator_id, how="把机器人加进了群",
    )  # fmt: skip
    return outsiders_joined(happening)


def robot_removed(happening: OrganisationEvent) -> Iterator[AlertRecord]:
    """This robot reaches the group no more, others may; an alert where rules send alerts through it."""
    stopped = known_groups.stop_pushing(
        happening.conversation_id, happening.corp_id, GroupState.REMOVED, "机器人被移出群", happening.ident,
        config_id=happening.config_id,
    )  # fmt: skip
    rules = rules_to(stopped)
    if stopped and rules:
        lines = [
            "机器人被移出群，不再推送。", f"发到这个群的通知规则：{'、'.join(rules)}。",
            "请把机器人重新加进群，或给这些规则换一个群。",
        ]  # fmt: skip
        title = f"机器人被移出接收告警的群：{stopped[0]}"
        _tell_administrators(happening, title, lines)
        yield signal(happening, "", title, "high", lines, rule="机器人被移出告警群")


def group_renamed(happening: OrganisationEvent) -> Iterator[AlertRecord]:
    """Only its name is noted."""
    known_groups.rename(happening.conversation_id, happening.corp_id, happening.title)
    return iter(())


def _tell_administrators(happening: OrganisationEvent, title: str, lines: Sequence[str]) -> None:
    """The group may have been the only place where the alert about it would have been read."""
    text = "\n\n".join(literal(each) for each in (title, *lines))  # people name groups and rules
    config = SystemConfig.objects.filter(pk=happening.config_id).first()
    administrators.tell(config, title, text, key=f"room:{happening.config_id}:{happening.ident[-60:]}")


def rules_to(groups: Sequence[KnownGroup]) -> list[str]:
    """Names of the rules, switched on or not, that send to one of these."""
    names: set[str] = set()
    for group in groups:
        aimed = NotificationTarget.objects.filter(
            kind=TargetKind.GROUP, config_id=group.config_id, conversation_id=group.conversation_id
        )
        names.update(aimed.values_list("rule__name", flat=True))
    return sorted(names)


FOREIGN: Final = "事件属于另一个企业，没有处理。"
Rule = Callable[[OrganisationEvent], Iterable[AlertRecord]]

RULES: Final[Mapping[Kind, Rule]] = {
    "left": persons.left,
    "admin_added": persons.admin_changed,
    "admin_removed": persons.admin_changed,
    "profile_changed": persons.profile_changed,
    "roles_changed": persons.roles_changed,
    "outsiders_joined": outsiders_joined,
    "group_disbanded": group_disbanded,
    "group_renamed": group_renamed,
    "robot_added": robot_added,
    "robot_removed": robot_removed,
}


def react(happening: OrganisationEvent) -> str:
    """Do what the rule says; returns why nothing was done, "" otherwise. Done again, it changes nothing more."""
    if not _is_own(happening):
        return FOREIGN
    found = list(RULES[happening.kind](happening))
    if found:
        ingest.store(found, Actor.system(happening.source), received_at=happening.at)
    return ""


def _is_own(happening: OrganisationEvent) -> bool:
    """Until the configuration's corporation is known, the only one known counts; of several, none does."""
    own = corporation_of(happening.config_id)
    known = {own} if own else named_corporations()
    return bool(happening.corp_id) and (not known or known == {happening.corp_id})
