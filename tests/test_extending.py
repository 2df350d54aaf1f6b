"""docs/extending.md is followed to the letter, and what it names is there."""

import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.packages import install

PROJECT = Path(__file__).resolve().parents[1]
TEXT = (PROJECT / "docs/extending.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## (加一个[^\n]+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
BLOCKS = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Follower:
    """Does what a recipe says, in folders of its own; `pip install` needs no network here."""

    def __init__(self, home: Path) -> None:
        self.package, self.site = home / "bifang-acme", home / "site"
        self.site.mkdir()
        self.tested: list[bool] = []

    def follow(self, recipe: str) -> None:
        for kind, block in BLOCKS.findall(recipe):
            if kind == "python":
                name, _, text = block.removeprefix("# ").partition("\n")
                (self.package / name).write_text(text, encoding="utf-8")
            else:
                for line in block.splitlines():
                    self._run(line)

    def _run(self, line: str) -> None:
        command, _, expected = line.partition("  # ")
        words = [word.replace("../bifang-acme", str(self.package)) for word in shlex.split(command)]
        if words[:2] == ["pip", "install"]:
            for there in self.site.iterdir():
                subprocess.run(["rm", "-r", there], check=True)
            install(Path(words[2]), self.site)
            return
        assert words[0] == "python"
        env = os.environ | {
            "PYTHONPATH": str(self.site),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_ADDOPTS": "--no-migrations",
        }
        done = subprocess.run(
            [sys.executable, *words[1:]], cwd=PROJECT, env=env, capture_output=True, text=True, check=False
        )
        if expected:
            self.tested.append(done.returncode == 0)
            assert (done.returncode == 0) == (expected == "通过"), done.stdout[-4000:]
        else:
            assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_format_a_tool_and_a_device_are_added_by_the_letter(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    for name in ("加一个格式", "加一个工具", "加一个处置设备"):
        follower.follow(RECIPES[name])
    assert follower.tested == [False, True, True, True]
    again = subprocess.run(
        [sys.executable, "manage.py", "new", "tool", "acme_owner", "--into", str(follower.package)],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "文件已经存在，没有改动" in again.stderr


@pytest.mark.parametrize("name", ["../etc", "Acme", "1x", "x", "block_ip", "class", "import"])
def test_no_name_leads_elsewhere_or_is_ours(name: str, tmp_path: Path) -> None:
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match="名称"):
        call_command("new", "tool", name, into=str(tmp_path / "bifang-x"))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_package_keeps_its_words(tmp_path: Path) -> None:
    from django.core.management import call_command

    home = tmp_path / "bifang-acme"
    init = home / "bifang_acme/__init__.py"
    init.parent.mkdir(parents=True)
    init.write_text("VERSION = '3'\n", encoding="utf-8")
    call_command("new", "tool", "acme_b", into=str(home))
    assert init.read_text(encoding="utf-8") == "VERSION = '3'\n"
    assert (home / "bifang_acme/acme_b.py").exists()


@pytest.mark.parametrize("folder", ["my plugin", "7acme", 'a"b', "公司.x", "class"])
def test_a_folder_that_names_no_package_is_refused(folder: str, tmp_path: Path) -> None:
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match="做不了 Python 包名"):
        call_command("new", "tool", "acme_b", into=str(tmp_path / folder))
    assert list(tmp_path.iterdir()) == []


def test_recipes_name_what_is_there() -> None:
    assert list(RECIPES) == [
        "加一个格式",
        "加一个工具",
        "加一个处置设备",
        "加一个聊天平台",
        "加一个名词",
        "加一个页面",
    ]
    for name in re.findall(r"`((?:secops_agent|tests|bifang|docs)/[\w/.]+)`", TEXT):
        assert (PROJECT / name).exists(), name
    for name in re.findall(r"`((?:secops_agent|bifang)\.[\w.]+)`", TEXT):
        if name in {
            f"bifang.{group}" for group in ("importers", "tools", "connectors", "channels", "checks")
        }:
            continue
        module, _, last = name.rpartition(".")
        assert hasattr(import_module(module), last) or import_module(name), name
