"""Installs a package of another repository as pip would: its modules, and what it says of itself. Needs no network."""

import shutil
import tomllib
from pathlib import Path


def install(project: Path, target: Path) -> None:
    """The packages of a project with a pyproject.toml, on a path."""
    about = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    named = about["project"]
    for package in about["tool"]["setuptools"]["packages"]:
        shutil.copytree(project / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    declare(target, named["name"], named["version"], named["entry-points"])


def declare(target: Path, name: str, version: str, points: dict[str, dict[str, str]]) -> None:
    """Only what an installed package says of itself."""
    info = target / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {at}\n" for key, at in each.items())
        for group, each in points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
