"""Who is at the demo organisation, by open_id."""

from dataclasses import dataclass
from typing import Final

OUTSIDER_TENANT: Final = "tenant_other"


@dataclass(frozen=True, slots=True)
class FeishuPerson:
    """One human. ``tenant_key``: "" for the application's own organisation."""

    open_id: str
    name: str
    title: str = "员工"
    tenant_key: str = ""


DEMO_PEOPLE: Final = (
    FeishuPerson("ou_zhangsan", "张三", "安全主管 · 管理员"),
    FeishuPerson("ou_lisi", "李四", "安全分析师"),
    FeishuPerson("ou_wangwu", "王五", "审批人"),
    FeishuPerson("ou_zhaoliu", "赵六", "应急响应"),
    FeishuPerson("ou_outsider", "外部访客", "不属于本企业", OUTSIDER_TENANT),
)
_KNOWN: Final = {person.open_id: person for person in DEMO_PEOPLE}


def find_person(open_id: str) -> FeishuPerson:
    """Somebody of the demo, or a member of staff who is called by the id."""
    return _KNOWN.get(open_id) or FeishuPerson(open_id, open_id)
