"""漏洞 and 发现: what is known, what was found, and what people decide."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bifang.core.admin.base import NOTHING, RecordScreen, badge, moment, preformatted, shortened
from secops_agent.admin.acts import Act, InventoryScreen
from secops_agent.admin.inventory import gravity, history_table, lines, severity_badge
from secops_agent.models import Finding, Vulnerability
from secops_agent.models.choices import FindingDecision, FindingState
from secops_agent.services import links
from secops_agent.services.actors import Actor
from secops_agent.services.vulnerabilities import findings

STATE_TONES = {"new": "warn", "present": "info", "gone": "idle", "back": "bad"}


def _decide(decision: str, pk: int, actor: Actor, note: str, person: str) -> object:
    return findings.decide(pk, decision, actor, note)


@admin.register(Finding)
class FindingScreen(InventoryScreen):
    """What is wrong on our assets."""

    entity = "finding"
    acts = (
        *(
            Act(value, f"标记为{label}", partial(_decide, value), final=value != FindingDecision.IN_PROGRESS)
            for value, label in FindingDecision.choices
        ),
        Act("withdraw", "撤回决定", partial(_decide, "")),
    )
    comment = Act("comment", "添加备注", lambda pk, actor, note, person: findings.comment(pk, actor, note))
    list_display = ("id", "headline", "level", "state_badge", "decision", "where", "fix", "seen")
    list_display_links = ("id", "headline")
    list_filter = ("severity", "kind", "state", "decision", "active", "source", "vulnerability__kev")
    search_fields = ("title", "=rule_id", "=vulnerability__vuln_id", "asset__name", "component__name")
    search_help_text = "按标题、规则、漏洞编号、资产或组件搜索"
    list_select_related = ("asset", "component", "vulnerability")
    ordering = ("-priority", "-id")
    fields = (
        "title", "level", "kind", "state_badge", "decision", "asset", "component", "vulnerability_link", "rule_id", "location",
        "fixed_version", "about", "remediation", "evidence", "links", "source", "suppressed", "first_seen", "last_seen",
        "gone_at", "due_at", "history_of",
    )  # fmt: skip

    def possible(self, row: Any) -> list[Act]:
        """Not what is decided already."""
        now = row.decision or "withdraw"
        return [each for each in self.acts if each.name != now]

    @admin.display(description="标题", ordering="title")
    def headline(self, row: Finding) -> SafeString | str:
        """Short."""
        return shortened(row.title, 50)

    @admin.display(description="级别", ordering=gravity("severity"))
    def level(self, row: Finding) -> SafeString | str:
        """Coloured."""
        return severity_badge(row.severity)

    @admin.display(description="状态", ordering="state")
    def state_badge(self, row: Finding) -> SafeString:
        """Coloured."""
        return badge(str(FindingState(row.state).label), STATE_TONES[row.state])

    @admin.display(description="资产", ordering="asset__name")
    def where(self, row: Finding) -> SafeString | str:
        """Short, linked."""
        page = links.asset(row.asset_id)
        return format_html('<a class="bf-link" href="{}">{}</a>', page, shortened(row.asset.name, 28))

    @admin.display(description="修复版本", ordering="fixed_version")
    def fix(self, row: Finding) -> SafeString | str:
        """Short."""
        return shortened(row.fixed_version, 16)

    @admin.display(description="最近发现", ordering="last_seen")
    def seen(self, row: Finding) -> SafeString | str:
        """Last import that had it."""
        return moment(row.last_seen)

    @admin.display(description="漏洞")
    def vulnerability_link(self, row: Finding) -> SafeString | str:
        """To the vulnerability."""
        if row.vulnerability is None:
            return NOTHING
        page = reverse("admin:secops_agent_vulnerability_change", args=[row.vulnerability_id])
        return format_html('<a class="bf-link" href="{}">{}</a>', page, row.vulnerability.vuln_id)

    @admin.display(description="说明")
    def about(self, row: Finding) -> SafeString | str:
        """With line breaks."""
        return preformatted(row.description)

    @admin.display(description="参考链接")
    def links(self, row: Finding) -> SafeString | str:
        """As text."""
        return lines(row.references)


@admin.register(Vulnerability)
class VulnerabilityScreen(RecordScreen):
    """What is known about vulnerabilities."""

    history_on_page = True
    list_display = ("vuln_id", "headline", "level", "score", "epss", "exploited", "published")
    list_filter = ("severity", "kev", "ransomware", "published")
    search_fields = ("title", "=names__alias")
    search_help_text = "按标题搜索，或一个完整的编号（CVE、GHSA、CNVD…）"
    ordering = ("-priority", "-id")
    fields = (
        "vuln_id", "other_names", "title", "level", "score", "epss", "epss_percentile", "exploited", "kev_added", "kev_due", "kev_action",
        "extorted", "about", "fixed", "found", "links", "published", "modified", "withdrawn", "origin", "history_of",
    )  # fmt: skip

    @admin.display(description="标题", ordering="title")
    def headline(self, row: Vulnerability) -> SafeString | str:
        """Short."""
        return shortened(row.title, 50)

    @admin.display(description="级别", ordering=gravity("severity"))
    def level(self, row: Vulnerability) -> SafeString | str:
        """Coloured."""
        return severity_badge(row.severity)

    @admin.display(description="已被利用（KEV）", ordering="kev")
    def exploited(self, row: Vulnerability) -> SafeString | str:
        """Bad news in red."""
        return badge("已被利用", "bad") if row.kev else NOTHING

    @admin.display(description="用于勒索")
    def extorted(self, row: Vulnerability) -> SafeString | str:
        """Bad news in red."""
        return badge("用于勒索", "bad") if row.ransomware else NOTHING

    @admin.display(description="别名")
    def other_names(self, row: Vulnerability) -> str:
        """All of them."""
        return "、".join(row.names.order_by("alias").values_list("alias", flat=True)[:50]) or NOTHING

    @admin.display(description="说明")
    def about(self, row: Vulnerability) -> SafeString | str:
        """With line breaks."""
        return preformatted(row.description)

    @admin.display(description="修复版本")
    def fixed(self, row: Vulnerability) -> str:
        """In one line."""
        return "、".join(row.fixed_versions) or NOTHING

    @admin.display(description="仍需处理的发现")
    def found(self, row: Vulnerability) -> SafeString:
        """How many, linked."""
        count = Finding.objects.filter(vulnerability=row, active=True).count()
        page = reverse("admin:secops_agent_finding_changelist")
        return format_html(
            '<a class="bf-link" href="{}?q={}&active__exact=1">{}</a>', page, row.vuln_id, count
        )

    @admin.display(description="参考链接")
    def links(self, row: Vulnerability) -> SafeString | str:
        """As text."""
        return lines(row.references[:30])

    @admin.display(description="来源")
    def origin(self, row: Vulnerability) -> str:
        """Which imports."""
        return "、".join(row.sources) or NOTHING

    @admin.display(description="变更历史")
    def history_of(self, row: Vulnerability) -> SafeString | str:
        """The changes."""
        return history_table("vulnerability", row.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Imports keep these."""
        return False
