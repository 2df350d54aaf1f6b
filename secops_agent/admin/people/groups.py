"""已知的群: where the robot was spoken to, by whom first, whether anything is pushed there, and by which rules."""

from django.contrib import admin, messages
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bifang.channels import known_groups
from bifang.channels.admin.rows import link
from bifang.channels.models import GroupState, KnownGroup
from bifang.core.admin.asking import asked_once
from bifang.core.admin.base import NOTHING, RecordScreen, ago, author_of, badge, cell, moment
from secops_agent.models import NotificationTarget, TargetKind

_TONES = {GroupState.OPEN: "ok", GroupState.OUTSIDERS: "bad", GroupState.REMOVED: "idle"}
_HOW = {
    GroupState.OUTSIDERS: "先把外部人员移出群，再由管理员在列表里选中这个群，执行「恢复推送」。",
    GroupState.REMOVED: "在群里重新添加机器人并 @ 它一次，推送自动恢复；或由管理员执行「恢复推送」。",
}


@admin.register(KnownGroup)
class KnownGroupScreen(RecordScreen):
    """Groups come by themselves: somebody of the own corporation mentions the robot there."""

    purpose = (
        "本企业的人在群里 @ 机器人一次，群就出现在这里，之后可以在通知规则和定时任务里按名称选它。"
        "有外部人员进群或发言时，向这个群的推送立即停止，由管理员恢复；机器人被移除时也停止，再 @ 它一次就恢复。"
    )
    when_empty = "还没有群。把机器人加进一个群，由本企业的人在群里 @ 它说一句话，例如「@毕方 帮助」，几秒后刷新这一页。"
    way = ("secops_agent.notificationrule", "通知规则")
    list_display = ("name", "state_badge", "rule_count", "config", "learned_from", "learned", "seen")
    fields = (
        "name", "state_badge", "why", "remedy", "rules", "config", "corp_id", "learned_from", "learned_at", "last_seen_at",
        "conversation_id",
    )  # fmt: skip
    list_filter = ("state", "config")
    list_select_related = ("config",)
    search_fields = ("title", "=conversation_id", "learned_by")
    search_help_text = "按群名、会话 ID 或得知来源搜索"
    actions = ("allow",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[KnownGroup]:
        """With the number of rules that send there."""
        rows: QuerySet[KnownGroup] = super().get_queryset(request)
        aimed = NotificationTarget.objects.filter(
            kind=TargetKind.GROUP,
            config_id=OuterRef("config_id"),
            conversation_id=OuterRef("conversation_id"),
        )
        counted = aimed.order_by().values("conversation_id").annotate(n=Count("rule_id", distinct=True))
        return rows.annotate(rules_here=Subquery(counted.values("n")))

    name = cell("群名", str, ordering="title")

    @admin.display(description="推送", ordering="state")
    def state_badge(self, group: KnownGroup) -> SafeString:
        """The state, coloured; why, when pointed at."""
        state = GroupState(group.state)
        return badge(str(state.label), _TONES[state], group.state_reason)

    @admin.display(description="原因")
    def why(self, group: KnownGroup) -> SafeString | str:
        """What stopped the pushing, or brought it back, and when."""
        if not group.state_reason:
            return NOTHING
        return format_html("{}（{}）", group.state_reason, moment(group.state_at))

    remedy = cell("怎么恢复", lambda group: _HOW.get(GroupState(group.state), NOTHING))

    rule_count = cell(
        "通知规则",
        lambda group: f"{group.rules_here} 条" if group.rules_here else NOTHING,
        ordering=F("rules_here").desc(nulls_last=True),
    )

    @admin.display(description="通知规则")
    def rules(self, group: KnownGroup) -> SafeString | str:
        """Which ones, linked."""
        aimed = NotificationTarget.objects.filter(
            kind=TargetKind.GROUP, config_id=group.config_id, conversation_id=group.conversation_id
        )
        rows = aimed.order_by("rule__name").values_list("rule_id", "rule__name").distinct()
        links = [(link("secops_agent_notificationrule", pk, name),) for pk, name in rows]
        return format_html_join("、", "{}", links) or NOTHING

    @admin.display(description="由谁得知", ordering="learned_by")
    def learned_from(self, group: KnownGroup) -> str:
        """Who mentioned the robot there first."""
        return (
            f"{group.learned_by or '—'}（{group.learned_by_id}）" if group.learned_by_id else group.learned_by
        )

    learned = cell("得知时间", lambda group: ago(group.learned_at), ordering="learned_at")

    seen = cell("最近发言", lambda group: ago(group.last_seen_at), ordering="last_seen_at")

    @admin.action(description="恢复推送（我已确认群里没有外部人员）", permissions=["operate"])
    @asked_once("告警、日报等会重新发到这些群里，群里的每个人都看得到。请先到群里确认没有外部人员。")
    def allow(self, request: HttpRequest, queryset: QuerySet[KnownGroup]) -> None:
        """A person answers for it: recorded."""
        by = request.user.get_username()
        done = known_groups.allow_pushing(list(queryset), f"由 {by} 恢复", author_of(request))
        if done:
            messages.success(request, f"已恢复向 {done} 个群推送。")
        if done < queryset.count():
            messages.info(request, "其余的群没有停止推送，不需要恢复。")
