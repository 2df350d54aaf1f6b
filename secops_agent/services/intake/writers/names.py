"""Which vulnerability records are one: by shared ids, except that two CVEs are always two."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from secops_agent.services.records import VulnerabilityRecord


def is_cve(name: str) -> bool:
    """ "CVE-2021-44228", in upper case."""
    return name.startswith("CVE-")


def record_names(record: VulnerabilityRecord) -> list[str]:
    """Its names in upper case, own first; a second CVE among the aliases is another vulnerability."""
    names = list(dict.fromkeys(name.upper()[:100] for name in (record.vuln_id, *record.aliases) if name))
    own = next((name for name in names if is_cve(name)), "")
    return [name for name in names if not is_cve(name) or name == own]


@dataclass(slots=True)
class AliasGroup:
    """Records that are one vulnerability."""

    names: dict[str, None] = field(default_factory=dict)
    records: list[VulnerabilityRecord] = field(default_factory=list)

    @property
    def cve(self) -> str:
        """The CVE among the names, or ""."""
        return next((name for name in self.names if is_cve(name)), "")

    @property
    def vuln_id(self) -> str:
        """The name it goes by, as the source writes it."""
        if self.cve:
            return self.cve
        return self.records[0].vuln_id[:100]

    def accepts(self, cves: Iterable[str]) -> bool:
        """May something with these CVEs be the same?"""
        return not self.cve or all(cve == self.cve for cve in cves)

    def absorb(self, other: "AliasGroup") -> None:
        """Take the other's names and records over."""
        self.names |= other.names
        self.records += other.records


def group_records(records: Sequence[VulnerabilityRecord]) -> list[AliasGroup]:
    """Groups in order of appearance."""
    by_name: dict[str, AliasGroup] = {}
    groups: dict[int, AliasGroup] = {}
    for record in records:
        names = record_names(record)
        group = AliasGroup(dict.fromkeys(names), [record])
        for name in names:
            known = by_name.get(name)
            if known is None or known is group:
                continue
            if group.accepts(filter(is_cve, known.names)):
                known.absorb(group)
                groups.pop(id(group), None)
                _point(by_name, group, known)
                group = known
            else:
                del group.names[name]
        for name in names:
            if name in group.names:
                by_name[name] = group
        groups[id(group)] = group
    return list(groups.values())


def _point(by_name: dict[str, AliasGroup], old: AliasGroup, new: AliasGroup) -> None:
    for name in old.names:
        if by_name.get(name) is old:
            by_name[name] = new
