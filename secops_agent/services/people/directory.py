"""Colleagues as the estate names them: owners and assignees."""

from django.db.models import Q

from secops_agent.models import Staff
from secops_agent.services.faults import NotFound


def find_staff(text: str) -> Staff:
    """An active person by row id ("#3"), staffId or name. Raises NotFound, also for a name that several have."""
    wanted = text.strip()
    rows = list(Staff.objects.filter(Q(staff_id=wanted) | Q(name=wanted), active=True).order_by("pk")[:3])
    exact = [row for row in rows if row.staff_id == wanted] or rows
    if len(exact) == 1:
        return exact[0]
    if exact:
        ids = "、".join(row.staff_id for row in exact)
        raise NotFound(f"有多位人员叫「{wanted}」，请用员工 ID：{ids}。")
    raise NotFound(f"人员里没有「{wanted[:50]}」：请写姓名或员工 ID，或请管理员添加。")
