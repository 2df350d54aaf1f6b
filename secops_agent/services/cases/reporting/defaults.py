"""The limits and questions that come with Bifang, until an administrator has their own."""

from django.db import connections

from secops_agent.models import GradingQuestion, ReportingDuty

_LAW = "《国家网络安全事件报告管理办法》（2025-11-01 起施行）"
_DUTIES = (
    ("关键信息基础设施运营者", "保护工作部门和公安机关", 60),
    ("中央和国家机关各部门及其直属单位", "按官方文本的规定（请管理员填写）", 120),
    ("其他网络运营者", "所在地省级网信部门", 240),
)
_QUESTIONS = (
    ("泄露了多少人的个人信息", "人", 1_000_000, 10_000_000, 100_000_000),
    (
        "达到附件里「较大」的其他标准（业务中断、受影响的系统和人数、损失等，请对照官方文本）",
        "",
        1,
        None,
        None,
    ),
    ("达到附件里「重大」的其他标准（请对照官方文本）", "", None, 1, None),
    ("达到附件里「特别重大」的其他标准（请对照官方文本）", "", None, None, 1),
)


def seed(using: str = "default", **_: object) -> None:
    """Receiver of ``post_migrate``: what there is nothing of. Nothing where the tables are gone: on the way back one version."""
    if ReportingDuty._meta.db_table not in connections[using].introspection.table_names():
        return
    if not ReportingDuty.objects.exists():
        article = f"{_LAW}（补充报告见第七条，总结报告见第八条；时限的条款请核对）"
        for name, body, minutes in _DUTIES:
            ReportingDuty.objects.create(name=name, body=body, minutes=minutes, article=article)
    if not GradingQuestion.objects.exists():
        for text, unit, moderate, major, severe in _QUESTIONS:
            values = {"moderate": moderate, "major": major, "severe": severe}
            GradingQuestion.objects.create(text=text, unit=unit, article=f"{_LAW}附件", **values)
