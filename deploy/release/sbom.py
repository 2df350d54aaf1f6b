"""What we consist of, for who must answer for it: ``python -m deploy.release.sbom DIR``.

``sbom.cdx.json`` (CycloneDX 1.6) and ``licences.md``, of the packages that a requirements.lock fixes; their licences are what
the installed packages say of themselves.
"""

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).resolve().parents[2]
_OURS: Final = uuid.UUID("7a3f4a53-2f0c-4c55-9d58-0b8f4e4f7b11")
UNKNOWN: Final = "没有写明"


@dataclass(frozen=True, slots=True)
class Package:
    """A locked one. ``hashes``: SHA-256 of its files; ``marker``: where it is installed, "" everywhere."""

    name: str
    version: str
    marker: str
    hashes: Sequence[str]
    licence: str


def packages(lock: Path) -> list[Package]:
    """In the lock's order."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        if match := re.match(
            r"([\w.\-]+)(?:\[[\w,.-]+\])?==([\w.+!-]+)\s*(?:;([^-]*?))?\s*(--hash.*)?$", line
        ):
            hashes = re.findall(r"sha256:([0-9a-f]{64})", match[4] or "")
            found.append(Package(match[1], match[2], (match[3] or "").strip(), hashes, licence_of(match[1])))
    return found


def licence_of(name: str) -> str:
    """As the package itself says: its expression, else its classifiers, else its one line."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return UNKNOWN  # not for this machine
    (line,) = said.get_all("License") or [""]
    short = line if "\n" not in line and len(line) < 60 else ""
    (expression,) = said.get_all("License-Expression") or [""]
    return expression or "；".join(_classified(said)) or short or UNKNOWN


def _classified(said: PackageMetadata) -> list[str]:
    rows = said.get_all("Classifier") or []
    return [
        row.rpartition(" :: ")[2] for row in rows if row.startswith("License :: ") and row.count("::") > 1
    ]


def bill(found: Sequence[Package], version: str) -> Mapping[str, Any]:
    """The document; the same lock gives the same one."""
    names = ",".join(f"{each.name}=={each.version}" for each in found)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_OURS, names)}",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": "bifang", "name": "bifang", "version": version,
                          "licenses": [{"license": {"id": "MIT"}}]},
        },
        "components": [_component(each) for each in found],
        "dependencies": [{"ref": "bifang", "dependsOn": [_purl(each) for each in found]}],
    }  # fmt: skip


def _purl(package: Package) -> str:
    return f"pkg:pypi/{package.name.lower().replace('_', '-')}@{package.version}"


def _component(package: Package) -> dict[str, Any]:
    # A version has a file for each platform: its hashes are those of its distributions.
    files = [
        {"type": "distribution", "url": f"https://pypi.org/project/{package.name}/{package.version}/",
         "hashes": [{"alg": "SHA-256", "content": one}]}
        for one in package.hashes
    ]  # fmt: skip
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": _purl(package),
        "name": package.name,
        "version": package.version,
    }
    if package.licence != UNKNOWN:
        found["licenses"] = [{"license": {"name": package.licence}}]
    return {**found, "purl": _purl(package), "externalReferences": files}


def licences(found: Sequence[Package]) -> str:
    """A table."""
    rows = [f"| {each.name} | {each.version} | {each.licence} |" for each in found]
    return "\n".join(["# 依赖的许可证", "", "| 包 | 版本 | 许可证 |", "|---|---|---|", *rows, ""])


def main(directory: Path, lock: Path = PROJECT / "requirements.lock") -> None:
    """Write both files."""
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    found = packages(lock)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "sbom.cdx.json").write_text(
        json.dumps(bill(found, version), indent=1, ensure_ascii=False), "utf-8"
    )
    (directory / "licences.md").write_text(licences(found), encoding="utf-8")
    unknown = [each.name for each in found if each.licence == UNKNOWN]
    print(
        f"{len(found)} 个包写进了 {directory}/sbom.cdx.json 和 licences.md"
        + (f"；没有写明许可证：{'、'.join(unknown)}" if unknown else "")
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist"))
