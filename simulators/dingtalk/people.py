"""Who works at the demo corporation."""

import hashlib
from dataclasses import dataclass, field

CORP_ID = "dingdemocorp"
OUTSIDER_CORP_ID = "dingothercorp"
OUTSIDER_KEY = "outsider"


@dataclass(frozen=True, slots=True)
class Person:
    """One human. ``key`` names them here; people outside the corporation have no ``staff_id``."""

    key: str
    name: str
    staff_id: str
    title: str = ""
    corp_id: str = CORP_ID
    is_admin: bool = False

    @property
    def sender_id(self) -> str:
        """The opaque id that DingTalk gives to everybody."""
        return "$:LWCP_v1:$" + hashlib.sha256(self.key.encode("utf-8", "surrogatepass")).hexdigest()[:24]

    @property
    def union_id(self) -> str:
        """The id that all applications of one developer know them by, in whatever corporation."""
        return "union" + hashlib.sha256(f"union {self.key}".encode("utf-8", "surrogatepass")).hexdigest()[:20]


DEMO_PEOPLE = (
    Person("manager01", "张三", "manager01", "安全主管 · 管理员", is_admin=True),
    Person("lisi", "李四", "lisi", "安全分析师"),
    Person("wangwu", "王五", "wangwu", "审批人"),
    Person("zhaoliu", "赵六", "zhaoliu", "应急响应"),
    Person(OUTSIDER_KEY, "外部访客", "", "不属于本企业", corp_id=OUTSIDER_CORP_ID),
)


@dataclass(slots=True)
class Directory:
    """Everybody known, by key; whoever writes first becomes known."""

    people: dict[str, Person] = field(default_factory=lambda: {person.key: person for person in DEMO_PEOPLE})

    def add(self, staff_id: str, name: str = "") -> Person:
        """A member of staff, created when new or when the name changes."""
        known = self.people.get(staff_id)
        if known and (not name or known.name == name):
            return known
        person = Person(staff_id, name or staff_id, staff_id, known.title if known else "员工")
        self.people[staff_id] = person
        return person

    def find_staff(self, staff_id: str) -> Person | None:
        """The member of staff with that userId; None for strangers and outsiders."""
        person = self.people.get(staff_id)
        return person if person and person.staff_id else None

    def find_union(self, union_id: str) -> Person | None:
        """Whoever has that unionId."""
        return next((person for person in self.people.values() if person.union_id == union_id), None)

    def name_of(self, key: str) -> str:
        """A display name; the key itself if nobody is known by it."""
        person = self.people.get(key)
        return person.name if person else key
