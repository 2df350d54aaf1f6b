"""investigate_alert: what the fixed checks find out about one alert; noisy_rules: which rules want tuning."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from django.utils import timezone

from bifang.channels.text.markup import plain
from secops_agent import says
from secops_agent.models import SecondLook
from secops_agent.services.alerts import triage
from secops_agent.services.alerts.queries.mistakes import mistaken_lately
from secops_agent.services.investigations import looks, work
from secops_agent.services.investigations.dossiers import Dossier, Section
from secops_agent.services.investigations.noise import noisy_rules
from secops_agent.services.investigations.steps import NextStep, next_steps
from secops_agent.services.investigations.weighing import side_of
from secops_agent.services.investigations.wording import BY_CODE, cited, reason_line, verdict_line
from secops_agent.services.privacy import PRIVATE_INDICATORS
from secops_agent.tools.arguments import Arguments, argument
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, reading
from secops_agent.tools.incidents.alert_statistics import mistaken_lines
from secops_agent.tools.incidents.alerts import GetAlert, accounts_of, detail_fields, subject_of
from secops_agent.tools.markdown import moment
from secops_agent.tools.masking import for_reader

_LINE: Final = 160
_MOST: Final = 2  # statements of a check: it is read on a phone, and the page has the rest
_STEPS: Final = 3
_NOISY: Final = 8  # rules
_NOBODY: Final = f"> 毕方自己不改规则。每月收一次：发送「{says.NOISY_RULES_MONTHLY}」。"


def investigate_alert(asker: Asker, given: GetAlert) -> ToolResult:
    """Looked up anew; as the asker may read it here."""
    detail = triage.get(given.alert_id, private=True)
    row, dossier = work.investigate(given.alert_id)
    steps = next_steps(given.alert_id, detail.summary.status, dossier)
    heading = f"**A{given.alert_id} 建议结论：{verdict_line(dossier.assessment)}** {plain(detail.summary.title, 80)}"
    text = "\n".join([heading, *_told(given.alert_id, dossier, steps, open_=not asker.hides_private)])
    data = {
        "alert_id": given.alert_id,
        "suggested_verdict": row.verdict,
        "confidence": row.confidence,
        **subject_of(detail),
    }
    result = ToolResult("ok", f"告警编号={given.alert_id}", text, data, fields=detail_fields(detail))
    if not asker.hides_private:
        return result
    hidden = [each.value for each in detail.indicators if each.kind in PRIVATE_INDICATORS]
    return for_reader(result, asker, [*hidden, *accounts_of([detail.summary])])


def _told(alert_id: int, dossier: Dossier, steps: Sequence[NextStep], *, open_: bool) -> Iterable[str]:
    sides: dict[str, list[str]] = {}
    for signal in dossier.assessment.signals:
        sides.setdefault(side_of(signal), []).append(reason_line(signal))
    yield ""
    yield from (f"- {side}：{plain('；'.join(reasons), _LINE)}" for side, reasons in sides.items())
    for section in dossier.sections:
        if lines := _lines(section, open_=open_):
            yield f"- {section.title}：{lines}"
    if dossier.missing:
        yield f"- 没有查成：{'、'.join(dossier.missing)}（已记入日志）"
    yield from _second(looks.newest(alert_id))
    if steps:
        yield from (
            "",
            "可以发送：",
            *(f"- {plain(str(each.line), 120)}（{each.why}）" for each in steps[:_STEPS]),
        )
    rating = "，或".join(f"「{each}」" for each in says.ratings(alert_id))
    yield from ("", f"> {BY_CODE}；什么都不会自动执行。请评价：{rating}。")


def _second(look: SecondLook | None) -> Iterable[str]:
    """What a model had said when the alert arrived: a group may read it."""
    if look is not None and look.words:
        told = "；".join(each.text for each in looks.statements_of(look)[:_MOST])
        yield f"- 模型的意见（{moment(look.finished_at)}，不改变建议）：{plain(told, _LINE)}"


def _lines(section: Section, *, open_: bool) -> str:
    shown = [each for each in section.statements if not each.is_empty and (open_ or not each.is_private)]
    lines = [plain(cited(each), _LINE) for each in shown[:_MOST]]
    rest = len(shown) - len(lines)
    return "；".join([*lines, *([f"另有 {rest} 项"] if rest > 0 else [])])


class NoisyRules(Arguments):
    """Arguments of noisy_rules."""

    days: int = argument("最近多少天，默认 30", default=30, minimum=1, maximum=90)
    limit: int = argument("最多几条规则，默认 8", default=_NOISY, minimum=1, maximum=1000)


def list_noisy_rules(asker: Asker, given: NoisyRules) -> ToolResult:
    """Numbers, names of rules and of assets: nothing that a group may not read."""
    query, now = f"最近 {given.days} 天，10 条以上的规则", timezone.now()
    span = timedelta(days=given.days)
    found, wrong = noisy_rules(now, span), mistaken_lately(now, span)
    told = ["", *mistaken_lines(wrong)] if wrong else []
    if not found:
        nothing = f"{query}里，没有明显只是噪声、要调整的。"
        return ToolResult("ok" if wrong else "no_data", query, "\n".join([nothing, *told]))
    lines = [
        f"- **{plain(each.rule or '（没有写明规则）', 60)}**（{plain(each.source, 30)}）{each.alerts} 条，其中真实攻击 {each.attacks}、"
        f"误报和正常 {each.dismissed}、重复 {each.duplicates}。{plain('；'.join(each.proposals), _LINE)}"
        for each in found[: given.limit]
    ]
    rest = f"，另有 {len(found) - given.limit} 条见管理后台「调查对照」" if len(found) > given.limit else ""
    text = "\n".join([f"**吵闹的规则 {len(found)} 条**（{query}）{rest}", "", *lines, *told, "", _NOBODY])
    return ToolResult("ok", query, text, fields=tuple(each.asset for each in found if each.asset))


TOOLS: Final[tuple[ToolDefinition, ...]] = (
    reading(
        "investigate_alert",
        "调查告警",
        "把一条告警查清楚：发生了什么、涉及的资产和漏洞、前后相关的告警、指标、变更、手册，给出建议结论和依据。",
        GetAlert,
        investigate_alert,
        slow=True,
    ),
    reading(
        "noisy_rules",
        "噪声规则",
        "一段时间里主要是噪声的检测规则，最吵的在前，各自的条数、结论，和怎么调的建议。",
        NoisyRules,
        list_noisy_rules,
    ),
)
