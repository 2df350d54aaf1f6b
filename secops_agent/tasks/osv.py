"""OSV's advisories of one ecosystem (all.zip): those about packages of the estate, as JSON lines.

The archives hold hundreds of thousands of advisories; what nobody here uses is not worth a row.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from bifang.core.errors import InvalidInput
from secops_agent.models import Component
from secops_agent.services.schedules.feeds import ECOSYSTEMS
from secops_agent.services.vulnerabilities.software import advisory_coordinates

MOST_MEMBERS: Final = 2_000_000
LARGEST_MEMBER: Final = 8 << 20
LARGEST_ALL: Final = 16 << 30
Packages = frozenset[str]


def packages_of(ecosystem: str) -> Packages:
    """The names by which advisories call what is installed here, binary and source."""
    prefix = ECOSYSTEMS[ecosystem]
    rows = Component.objects.filter(
        active=True, ecosystem=prefix.split(":")[1].split("/")[0], purl__startswith=prefix
    )
    names = rows.values_list("package", "source_package").order_by().distinct()
    return frozenset(name for pair in names.iterator() for name in pair if name)


def scope_of(packages: Packages) -> str:
    """Changes with what is installed."""
    return hashlib.sha256("\n".join(sorted(packages)).encode()).hexdigest()


def select(archive: Path, packages: Packages, out: IO[bytes]) -> int:
    """Write the advisories about these packages, one a line; how many the archive holds. Raises InvalidInput."""
    try:
        with zipfile.ZipFile(archive) as found:
            return _select(found, packages, out)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InvalidInput(f"OSV 的压缩包不完整或已损坏（{type(error).__name__}），没有导入。") from None


def _select(archive: zipfile.ZipFile, packages: Packages, out: IO[bytes]) -> int:
    members = [member for member in archive.infolist() if member.filename.endswith(".json")]
    if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > LARGEST_ALL:
        raise InvalidInput("OSV 的压缩包解压后太大，没有导入。")
    for advisory in _advisories(archive, members):
        if not packages.isdisjoint(_named(advisory)):
            out.write(json.dumps(advisory, ensure_ascii=True).encode() + b"\n")
    return len(members)


def _advisories(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Iterator[Any]:
    """Each as far as it is JSON; the importer tells what is wrong with one of ours."""
    for member in members:
        with archive.open(member) as file:
            data = file.read(LARGEST_MEMBER + 1)
        if len(data) > LARGEST_MEMBER:
            continue
        try:
            yield json.loads(data)
        except (ValueError, RecursionError):
            continue


def _named(advisory: Any) -> Iterator[str]:
    """Every package that it is about."""
    affected = advisory.get("affected") if isinstance(advisory, dict) else None
    for each in affected if isinstance(affected, list) else ():
        package = each.get("package") if isinstance(each, dict) else None
        if isinstance(package, dict):
            ecosystem, name = str(package.get("ecosystem", "")), str(package.get("name", ""))
            yield advisory_coordinates(ecosystem, name, str(package.get("purl") or "")).package
