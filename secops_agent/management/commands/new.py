"""``manage.py new importer|tool|connector NAME [--into DIR]``: the files of an extension, with a test that fails until it is written."""

import re
from keyword import iskeyword
from pathlib import Path
from string import Template
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from bifang.core.command import OperatorCommand
from bifang.core.configuration.kinds import all_kinds
from bifang.core.extensions import NAME
from secops_agent.importers import registry as importers
from secops_agent.tools import registry as tools

_TEMPLATES: Final = Path(__file__).resolve().parents[1] / "scaffold"
_PROJECT: Final = """\
[project]
name = "{project}"
version = "0.1.0"
requires-python = ">=3.11"

[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[tool.setuptools]
packages = ["{package}"]
"""


class Command(OperatorCommand):
    """Writes a package of its own, which the operator installs; never over a file that is there."""

    help = "写出一个扩展的文件（导入格式、工具、处置设备）和一个还没有通过的测试，见 docs/extending.md"

    def add_arguments(self, parser: CommandParser) -> None:
        """What, its name, and the folder of its package."""
        parser.add_argument("what", choices=("importer", "tool", "connector"))
        parser.add_argument(
            "name", metavar="NAME", help="小写字母、数字和下划线，前面写上您的公司或产品：acme_waf"
        )
        parser.add_argument(
            "--into", metavar="DIR", help="扩展包的目录，可以已经有别的扩展；默认 bifang-NAME"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check the name as the registries will, then write."""
        what, name = options["what"], options["name"]
        taken = {
            "importer": importers.NAMES,
            "tool": tools.BY_NAME,
            "connector": [each.name for each in all_kinds()],
        }
        if not NAME.fullmatch(name) or iskeyword(name):
            raise CommandError(
                "名称应当是小写字母开头的字母、数字和下划线，2 到 40 个，不能是 Python 的关键字。"
            )
        if name in taken[what]:
            raise CommandError(f"名称「{name}」已经有了。")
        home = Path(options["into"] or f"bifang-{name.replace('_', '-')}")
        for path in _write(what, name, home):
            self.stdout.write(str(path))


def _write(what: str, name: str, home: Path) -> list[Path]:
    """The files that were written. Raises CommandError where one is there."""
    package = home.resolve().name.replace("-", "_").lower()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", package) or iskeyword(package):
        raise CommandError(
            f"目录「{home.resolve().name}」的名称做不了 Python 包名：请用小写字母开头的字母、数字、「-」和「_」，用 --into 写明。"
        )
    values = {"name": name, "package": package, "Name": "".join(part.title() for part in name.split("_"))}
    files = {
        home / package / f"{name}.py": _filled(f"{what}.py", values),
        home / "tests" / f"test_{name}.py": _filled(f"test_{what}.py", values),
    }
    if there := [str(path) for path in files if path.exists()]:
        raise CommandError(f"文件已经存在，没有改动：{'、'.join(there)}。")
    init = home / package / "__init__.py"
    if not init.exists():
        files[init] = f'"""Extensions of Bifang: {package}."""\n'
    project = home / "pyproject.toml"
    said = (
        project.read_text("utf-8")
        if project.exists()
        else _PROJECT.format(project=home.resolve().name, package=package)
    )
    files[project] = _declared(
        said, f'[project.entry-points."bifang.{what}s"]', f'{name} = "{package}.{name}:EXTENSION"'
    )
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)


def _filled(template: str, values: dict[str, str]) -> str:
    return Template((_TEMPLATES / f"{template}.txt").read_text("utf-8")).substitute(values)


def _declared(project: str, table: str, line: str) -> str:
    """The pyproject.toml with one more entry point."""
    if table in project:
        return project.replace(table, f"{table}\n{line}", 1)
    return f"{project.rstrip()}\n\n{table}\n{line}\n"
