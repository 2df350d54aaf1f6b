"""Questions of findings one by one, of what was decided about them, and of the machines that have some flaw."""

import re
from collections.abc import Mapping
from typing import Any

from secops_agent.llm.offline.expressions.skeletons import Kind

from .filters import Asked, group_of, narrow, owner_of, type_of
from .intents import Intent
from .words import load, name_of, pattern, wordset

_FINDING = (
    "severity", "asset", "overdue", "limit", "kev_only", "fix_available", "exposed", "environment", "importance", "due_within",
    "older_days", "late_days", "cvss",
)  # fmt: skip


def read_flaws(asked: Asked) -> Intent | None:
    """log4j 影响哪几台: the assets that have it, with its flaws; jenkins 有 kev 不."""
    text = asked.text.strip(" 。.!！?？")
    usual = wordset("keywords.common_english")
    if (said := pattern("filters.flaws_of_software").fullmatch(text)) and said["word"].lower() not in usual:
        return Intent("list_assets", {"keyword": said["word"], **type_of(text)})
    if said := pattern("filters.kev_of").fullmatch(text):
        named = asked.skeleton.entities.get(said["of"])
        host = str(named.value) if named else asked.lexicon.parts.get(said["of"].lower(), "")
        about = {"asset": host} if host else {"keyword": said["of"]}
        return (
            Intent("list_vulnerabilities", {"kev_only": True, **about})
            if said["of"].lower() not in usual
            else None
        )
    return None


def is_of_findings(asked: Asked) -> bool:
    """待处理的发现几条, trivy 报了几条, CVE-… 标过误报吗, F12 谁负责: of findings one by one, and of nothing else."""
    text, skeleton = asked.text, asked.skeleton
    if pattern("filters.alert_noun").search(text) or skeleton.first(Kind.ALERT, Kind.ALERTS, Kind.CASE):
        return False
    asks = pattern("filters.finding_asked").search(text)
    if skeleton.first(Kind.FINDING):
        return bool(asks)
    decided = (
        name_of("cues.decision", text)
        or skeleton.first(Kind.CVE, Kind.VERDICT)
        or "误报" in text
        or "决定" in text
    )
    if decided and pattern("filters.decided_on").search(text):
        return True
    scanned = pattern("filters.scanner").search(text) and pattern("filters.scanned").search(text)
    return bool(
        asks
        and (
            pattern("filters.finding_noun").search(text) or scanned or pattern("filters.by_flaw").search(text)
        )
    )


def read_findings(asked: Asked) -> dict[str, Any]:
    """Which kind, where, and over their time limit."""
    text, skeleton = asked.text, asked.skeleton
    scanners = list(dict.fromkeys(one.lower() for one in pattern("filters.scanner").findall(text)))
    bare = pattern("filters.scanner").sub(" ", text)
    kinds = [kind for kind in load("filters")["finding"] if pattern(f"filters.finding.{kind}").search(bare)]
    if "secret" in kinds:  # 泄露的密钥在哪个仓库
        kinds = ["secret"]
    kind = (
        kinds[0] if len(kinds) == 1 else "other" if kinds or pattern("filters.no_flaws").search(bare) else ""
    )
    said = narrow(skeleton, asked.now, *_FINDING) | owner_of(asked)
    each = pattern("filters.each").search(text)
    by = "cve" if pattern("filters.by_flaw").search(text) else "source" if len(scanners) > 1 else ""
    group = {"assignee": "owner"}.get(group := group_of(text).get("group_by", ""), group)
    if (
        not by
        and pattern("filters.by_group").search(text)
        and group in ("severity", "asset", "owner", "source")
    ):
        by = group
    levels = skeleton.found(Kind.SEVERITY)
    if each and levels:  # 严重高危各几条: of all, these are told
        said.pop("severity", None)
    by = by or ("severity" if each and levels else "")
    more = {"kind": kind, "source": ",".join(scanners), "group_by": by, "decision": _decision(text)}
    return {**said, **{name: value for name, value in more.items() if value}, **_of_which(asked, said)}


def _of_which(asked: Asked, said: Mapping[str, Any]) -> dict[str, Any]:
    """The findings by their numbers, a vulnerability, a rule; else the word that is looked for."""
    named = asked.skeleton.found(Kind.FINDING)
    numbers = [str(one.value) for one in named if re.fullmatch(r"F\d+", str(one.value))]
    if numbers:
        return {"findings": ",".join(numbers)}
    flaw = asked.skeleton.first(Kind.CVE)
    found = pattern("filters.finding_word").search(asked.text)
    word = (
        str(named[0].value)
        if named
        else str(flaw.value)
        if flaw
        else found["word"]
        if found and "asset" not in said
        else ""
    )
    return {"keyword": word} if word else {}


def _decision(text: str) -> str:
    """What was decided, where that is asked for."""
    if not pattern("filters.decided_on").search(text):
        return ""
    said = name_of("cues.decision", text)
    return said if said not in ("", "withdraw") else "false_positive" if "误报" in text else "decided"
