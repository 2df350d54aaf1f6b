"""Sigma rules: what they say of themselves, kept for the alerts that name them. Nothing of a rule is run.

https://github.com/SigmaHQ/sigma-specification
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from bifang.channels.text.visible import visible
from bifang.core.archives import UNFIT, open_zip
from bifang.core.configuration.documents import read_yaml
from bifang.core.errors import InvalidInput
from secops_agent.models import DetectionRule, Role, allows
from secops_agent.services.actors import Actor
from secops_agent.services.audit.changes import keep
from secops_agent.services.faults import Forbidden
from secops_agent.services.people.authority import authority_of

LARGEST: Final = 64 << 10  # bytes of one rule's file
MOST: Final = 20_000  # files of a zip, rules that are kept
_MOST_BYTES: Final = 16 << 20  # of all files of a zip; SigmaHQ's have 7 MB
_MOST_PARTS: Final = 50  # documents of one file
FORMAT: Final = "sigma"  # of a job that reads a file of them
SUFFIXES: Final = (".yml", ".yaml")
_TAG: Final = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.IGNORECASE)
_UID: Final = re.compile(r"[0-9A-Za-z-]{8,40}")


@dataclass(frozen=True, slots=True)
class RuleFile:
    """Rules that were read, and what was not, in words."""

    rules: tuple[DetectionRule, ...]
    refused: tuple[str, ...]


def read_rules(name: str, data: bytes) -> RuleFile:
    """A YAML file, or a zip of them. Raises InvalidInput where nothing is a rule."""
    found: dict[str, DetectionRule] = {}
    refused: list[str] = []
    for place, text in _zipped(name, data) if data.startswith(b"PK\x03\x04") else [(name, data)]:
        try:
            found |= {rule.uid: rule for rule in _rules(text)}
        except InvalidInput as error:
            refused.append(f"{place[:100]}：{error.message}")
    if not found:
        raise InvalidInput(f"没有一条 Sigma 规则。{refused[0] if refused else ''}")
    return RuleFile(tuple(found.values()), tuple(refused))


def _zipped(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with open_zip(BytesIO(data), name) as archive:
            wanted = [one for one in archive.infolist() if one.filename.lower().endswith(SUFFIXES)]
            if len(wanted) > MOST:
                raise InvalidInput(f"压缩包里有 {len(wanted)} 个规则文件，最多 {MOST} 个。")
            if sum(one.file_size for one in wanted) > _MOST_BYTES:
                raise InvalidInput(f"压缩包里的规则解开后超过 {_MOST_BYTES >> 20} MB：请分成几个上传。")
            for one in wanted:
                with archive.open(one) as file:
                    yield one.filename, file.read(LARGEST + 1)
    except UNFIT as error:
        raise InvalidInput(f"压缩包不完整或已损坏（{type(error).__name__}）。") from None


def _rules(data: bytes) -> Iterator[DetectionRule]:
    """The documents of a file that have a number, a title and a detection; a part of a collection has none. Raises InvalidInput."""
    if len(data) > LARGEST:
        raise InvalidInput(f"超过 {LARGEST >> 10} KB")
    parts = re.split(r"^---[ \t]*$", data.decode("utf-8-sig", "replace"), flags=re.MULTILINE)
    if len(parts) > _MOST_PARTS:
        raise InvalidInput(f"一个文件里超过 {_MOST_PARTS} 段")
    documents = [read_yaml(part, aliases=False) for part in parts if part.strip()]
    rules = [each for each in documents if isinstance(each, dict) and {"title", "id"} <= each.keys()]
    if not rules or not any("detection" in each or "correlation" in each for each in rules):
        raise InvalidInput("不是 Sigma 规则（要有 title、id、detection）")
    yield from map(_rule, rules)


def _rule(document: dict[str, Any]) -> DetectionRule:
    uid, name = str(document["id"]).strip().lower(), visible(str(document["title"])).strip()[:300]
    if not _UID.fullmatch(uid) or not name:
        raise InvalidInput("title 是空的，或 id 不是编号")
    tags = " ".join(_texts(document.get("tags")))
    return DetectionRule(
        uid=uid, name=name, name_key=name.casefold()[:300], level=str(document.get("level") or "")[:20],
        description=visible(str(document.get("description") or "")).strip()[:4000],
        false_positives=[one[:300] for one in _texts(document.get("falsepositives"))][:20],
        techniques=sorted({one.upper() for one in _TAG.findall(tags)})[:20],
    )  # fmt: skip


def _texts(value: Any) -> list[str]:
    given = value if isinstance(value, list) else [value]
    return [visible(str(one)).strip() for one in given if isinstance(one, str | int) and str(one).strip()]


def demand_keeper(actor: Actor) -> None:
    """Who may upload and delete them. Raises Forbidden."""
    if not allows(authority_of(actor), Role.APPROVER):
        raise Forbidden("上传和删除检测规则需要「审批」角色。")


def delete(ids: Iterable[int], actor: Actor) -> int:
    """Forget them; the alerts that name them stay. Raises Forbidden."""
    demand_keeper(actor)
    with transaction.atomic():
        rows = DetectionRule.objects.filter(pk__in=list(ids))
        detail = {"rules": list(rows.values_list("uid", flat=True)[:200])}
        count, _ = rows.delete()
        if count:
            keep(actor, f"删除检测规则 {count} 条", "detectionrule", detail)
    return count


def save(rules: Iterable[DetectionRule], actor: Actor, name: str) -> int:
    """Keep them; one that is there already says what it says now. Raises Forbidden, InvalidInput."""
    demand_keeper(actor)
    fresh = list(rules)
    with transaction.atomic():
        DetectionRule.objects.bulk_create(
            fresh, batch_size=500, update_conflicts=True, unique_fields=["uid"],
            update_fields=["name", "name_key", "level", "description", "false_positives", "techniques"],
        )  # fmt: skip
        if DetectionRule.objects.count() > MOST:
            raise InvalidInput(f"检测规则最多 {MOST} 条。")
        keep(actor, "上传检测规则", "detectionrule", {"file": name[:200], "rules": len(fresh)})
    return len(fresh)


def named_rule(number: str, name: str, title: str) -> DetectionRule | None:
    """The rule that an alert names, by its number, else by a title that only one has. One query."""
    uid, keys = number.strip().lower(), {each.strip().casefold()[:300] for each in (name, title)} - {""}
    rows = list(DetectionRule.objects.filter(Q(uid=uid) | Q(name_key__in=keys))[:3])
    numbered = [row for row in rows if row.uid == uid]
    return numbered[0] if numbered else rows[0] if len(rows) == 1 else None
