"""Which report is meant: 上周的周报 by its name, 11月月报 and 11.29那天的日报 by their dates."""

from datetime import datetime, timedelta

from secops_agent.llm.offline.words import pattern

from .numerals import read_integer


def period_said(text: str, now: datetime) -> dict[str, str]:
    """The report by its name, or by its date: 11月月报, 上上周的周报, 11.29那天的日报."""
    weekly, monthly = "周报" in text, "月报" in text or "月度" in text
    if "年报" in text:
        return {"date": "年报"}
    if monthly and (found := pattern("telling.report.month").search(text)):
        month = read_integer(found["month"]) or 1
        year = int(found["year"] or now.year - (month > now.month))
        return (
            {"report": "this_month"}
            if (year, month) == (now.year, now.month)
            else {"date": f"{year}-{month:02}"}
        )
    if weekly and pattern("telling.reports.before_last").search(text):
        return {"date": f"{now - timedelta(days=14):%G-W%V}"}
    if not (weekly or monthly) and (day := _day_said(text, now)):
        return {"date": day}
    names = (
        ("last_week", "this_week")
        if weekly
        else ("last_month", "this_month")
        if monthly
        else ("yesterday", "today")
    )
    return {
        "report": next(
            name for name in names if name == names[-1] or pattern(f"telling.reports.{name}").search(text)
        )
    }


def _day_said(text: str, now: datetime) -> str:
    found = pattern("telling.report.day").search(text)
    if found is None:
        return ""
    if found["ahead"]:
        return f"{now - timedelta(days=2):%Y-%m-%d}"
    month, day = int(found["mo"] or now.month), int(found["dom"] or found["dom2"])
    try:
        said = now.replace(month=month, day=day)
    except ValueError:
        return ""
    if said.date() > now.date():
        said = (
            said.replace(year=now.year - 1)
            if found["mo"]
            else (now.replace(day=1) - timedelta(days=1)).replace(day=min(day, 28))
        )
    return f"{said:%Y-%m-%d}"
