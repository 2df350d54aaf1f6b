"""告警调查 on the page of its alert, and 调查对照: what was suggested beside what people decided."""

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from bifang.channels.text.visible import visible
from bifang.core.admin.base import RecordScreen, ago, badge, cell, column, moment
from secops_agent.admin.alerting.silences import silencing, with_silences
from secops_agent.models import Alert, Investigation, InvestigationReplay, InvestigationState, SecondLook
from secops_agent.services import links
from secops_agent.services.alerts.queries.mistakes import mistaken_lately
from secops_agent.services.investigations import looks, replays
from secops_agent.services.investigations.checks.base import Evidence
from secops_agent.services.investigations.dossiers import Dossier, load_dossier
from secops_agent.services.investigations.looks import PARTS
from secops_agent.services.investigations.noise import noisy_rules
from secops_agent.services.investigations.replays import Comparison, RuleRecord, percent_words
from secops_agent.services.investigations.steps import next_steps
from secops_agent.services.investigations.weighing import REASONS, Assessment, side_of
from secops_agent.services.investigations.wording import reason_line, verdict_line

TONES: Final = {
    "true_positive": "bad", "false_positive": "idle", "benign": "ok", "duplicate": "idle", "": "warn",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """A record that is cited."""

    name: str
    url: str


def panel(alert: Alert, *, private: bool) -> dict[str, Any]:
    """What the template shows of the newest investigation; only a note while there is none. ``private``: with what is
    not for everyone."""
    rows = Investigation.objects.filter(alert=alert).order_by("-finished_at", "-pk")
    done = rows.filter(state=InvestigationState.DONE).prefetch_related("opinions").first()
    if done is None:
        newest = rows.first()
        told = newest.last_error or "已经排队，几秒内完成。" if newest else "还没有调查。"
        return {"note": told}
    dossier, look = load_dossier(done.facts), looks.newest(alert.pk)
    found = dossier.assessment
    return {
        "row": done,
        "finished": moment(done.finished_at),
        "verdict": badge(verdict_line(found), TONES[found.verdict]),
        "reasons": _reasons(dossier),
        "sections": [
            (
                section.title,
                [
                    (visible(each.text), _links(each.evidence))
                    for each in section.statements
                    if private or not each.is_private
                ],
            )
            for section in dossier.sections
        ],
        "missing": "、".join(dossier.missing),
        "steps": next_steps(alert.pk, alert.status, dossier),
        "by": looks.how_told(look),
        "look": _second(look) if look and private else None,
        "opinions": list(done.opinions.order_by("at")),
    }


def _second(look: SecondLook) -> dict[str, Any]:
    """What a model and the company's own tools added."""
    verdict = Assessment(look.verdict, look.confidence, ())
    return {
        "row": look,
        "finished": moment(look.finished_at),
        "leaning": badge(verdict_line(verdict), TONES[look.verdict]),
        "words": [
            (PARTS[each.part], visible(each.text), _links(each.evidence), "、".join(each.sources))
            for each in looks.statements_of(look)
        ],
        "answers": looks.answers_of(look),
    }


def _reasons(dossier: Dossier) -> list[tuple[str, int, str, list[Link]]]:
    return [
        (side_of(each), REASONS[each.reason].weight, visible(reason_line(each)), _links(each.evidence))
        for each in dossier.assessment.signals
    ]


def _links(evidence: tuple[Evidence, ...]) -> list[Link]:
    return [Link(visible(each.name), links.record(each.kind, each.id)) for each in evidence]


@admin.register(InvestigationReplay)
class ReplayScreen(RecordScreen):
    """Made once a day; the newest says which rules may suggest."""

    purpose = (
        "影子模式：毕方对已经关闭的告警重新给出建议，和人员的结论比一比，只比、不影响任何告警。"
        "哪条规则比得够好，它的建议才出现在消息里。每天一次，最新的一份起作用。"
    )
    when_empty = "还没有比过：每天一次，由后台任务「调查与人员结论的对照」完成。先在关闭告警时选结论（真实攻击、误报……），才有可比的。"
    way = ("django_q.schedule", "计划任务")
    list_display = ("span", "judged", "agreement", "recall", "abstained", "earned", "made")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The numbers by rule, and which rules make more noise than they are worth."""
        row = self.get_object(request, object_id)
        if row is None or not self.has_view_permission(request, row):
            response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
            return response
        found, now = replays.read(row), timezone.now()
        return self.page(
            request, "admin/secops_agent/replay.html", "调查对照", found=found, headline=_headline(found),
            rows=_nearest_first(found), newest=row.pk == _newest(), earned=sum(each.has_earned for each in found.rules),
            noise=with_silences(noisy_rules(now), now), mistaken=with_silences(mistaken_lately(now), now), thresholds=_thresholds(), **silencing(request.user, now),
        )  # fmt: skip

    @admin.display(description="时间")
    def span(self, row: InvestigationReplay) -> str:
        """From when until when people closed the alerts."""
        start, end = timezone.localtime(row.since), timezone.localtime(row.until)
        return f"{start:%Y-%m-%d} 至 {end:%Y-%m-%d}"

    judged = cell("人员下过结论的", lambda row: f"{replays.read(row).whole.judged} 条")

    agreement = cell("建议与人员一致", lambda row: percent_words(replays.read(row).whole.agreement))

    recall = cell("真实攻击认出", lambda row: percent_words(replays.read(row).whole.recall))

    abstained = cell("证据不足", lambda row: f"{replays.read(row).whole.abstained} 条")

    @admin.display(description="可显示建议的规则")
    def earned(self, row: InvestigationReplay) -> SafeString:
        """How many rules have earned it."""
        found = replays.read(row).rules
        count = sum(each.has_earned for each in found)
        return badge(f"{count} / {len(found)} 条", "ok" if count else "idle")

    made = column("made_at", "生成时间", ago)


def _headline(found: Comparison) -> list[tuple[str, str]]:
    whole = found.whole
    return [
        ("人员下过结论的告警", str(whole.judged)),
        ("建议与人员一致", percent_words(whole.agreement)),
        ("真实攻击认出", percent_words(whole.recall)),
        ("证据不足", str(whole.abstained)),
    ]


def _newest() -> int | None:
    return InvestigationReplay.objects.order_by("-pk").values_list("pk", flat=True).first()


def _nearest_first(found: Comparison) -> list[tuple[RuleRecord, str, str]]:
    """Those that show suggestions, then those that lack least."""
    order = sorted(found.rules, key=lambda each: (len(each.lacking), -each.judged))
    return [(each, *_percents(each)) for each in order]


def _percents(rule: RuleRecord) -> tuple[str, str]:
    return percent_words(rule.agreement), percent_words(rule.recall)


def _thresholds() -> str:
    from django.conf import settings

    return (
        f"下过结论的不少于 {settings.SUGGEST_JUDGED} 条、一致不低于 {settings.SUGGEST_AGREEMENT:g}%、"
        f"真实攻击认出不低于 {settings.SUGGEST_RECALL:g}%、没有把真实攻击说成别的、👎 不比 👍 多"
    )
