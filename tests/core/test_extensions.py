"""What installed packages add: the same checks as of ours; what cannot be taken is told and stops nothing."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from bifang.channels.added import AddedChannel
from bifang.channels.added import unfit as unfit_channel
from bifang.channels.workers.connection_health import WorkerService
from bifang.core import extensions
from bifang.core.configuration.kinds import Kind, all_kinds
from bifang.core.errors import ConfigError
from bifang.core.extensions import Extension, check_extensions, covers, installed, problem
from bifang.core.monitoring.health import HealthCheck, _run, unfit_check
from secops_agent.agent.turn.toolbox import REFUSING
from secops_agent.connectors import registry as connectors
from secops_agent.connectors.base import unfit as unfit_connector
from secops_agent.importers import registry as importers
from secops_agent.models.people.staff import Role
from secops_agent.services.people.staff import Person
from secops_agent.tools import registry as tools
from secops_agent.tools.arguments import Arguments
from secops_agent.tools.base import ToolResult
from secops_agent.tools.definitions import Asker, ToolDefinition, ValidatedAction
from tests.packages import declare

Package = Callable[..., None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Installs a package of one module beside us, for this test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(extensions, "_refusals", [])
    made: list[str] = []

    def install(module: str, source: str, **names: str) -> None:
        text = f"from bifang.core.extensions import Extension\n{source}\n"
        (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
        points = {name: f"{module}:{at}" for name, at in names.items()}
        declare(tmp_path, module.replace("_", "-"), "1.0", {"bifang.tools": points})
        extensions._points.cache_clear()
        made.append(module)

    yield install
    for module in made:
        sys.modules.pop(module, None)
    extensions._points.cache_clear()


def test_what_is_well_made_is_taken(package: Package) -> None:
    package("acme_one", "one = Extension('acme_one', '甲', 1, versions='>=0.1,<0.2')", acme_one="one")
    (found,) = installed("tools", ["ours"])
    assert (found.name, found.adds) == ("acme_one", 1)
    assert "acme_one" in check_extensions()
    assert installed("importers", []) == ()


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("raise SystemExit(1)", "SystemExit"),
        ("1/0", "ZeroDivisionError"),
        ("one = 5", "应当是 Extension，却是 int"),
        ("", "AttributeError"),
        ("one = Extension('ours', '甲', 1)", "名称「ours」已经有了，不能替换"),
        ("one = Extension('other', '甲', 1)", "入口点的名称应当和它的名称「other」相同"),
        ("one = Extension('../etc', '甲', 1)", "名称应当是"),
        ("one = Extension('acme_one', '', 1)", "label"),
        ("one = Extension('acme_one', '甲', 1, versions='>=9')", "它要的毕方版本是「>=9」"),
        ("one = Extension('acme_one', '甲', 1, versions='latest')", "它要的毕方版本是「latest」"),
        ("one = Extension('acme_one', '甲', 1, settings=int)", "settings 的 name"),
    ],
)
def test_what_cannot_be_taken_is_told_and_stops_nothing(
    package: Package, source: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    package("acme_bad", source, acme_one="one")
    assert installed("tools", ["ours"]) == ()
    with pytest.raises(ConfigError, match=r"acme-bad 1\.0 的 tools「acme_one」") as told:
        check_extensions()
    assert why in told.value.message
    assert "没有使用插件 acme-bad 1.0" in caplog.text


def test_a_damaged_package_of_anybody_stops_nothing(package: Package, tmp_path: Path) -> None:
    package("acme_one", "one = Extension('acme_one', '甲', 1)", acme_one="one")
    (info,) = tmp_path.glob("*.dist-info")
    (info / "entry_points.txt").write_text("[bifang.tools]\nthis is no entry point\n", encoding="utf-8")
    extensions._points.cache_clear()
    assert installed("tools", []) == ()
    with pytest.raises(ConfigError, match="没有使用"):
        check_extensions()


def test_a_package_without_a_name_stops_nothing(package: Package, tmp_path: Path) -> None:
    package("acme_one", "one = 5", acme_one="one")
    (info,) = tmp_path.glob("*.dist-info")
    (info / "METADATA").unlink()
    extensions._points.cache_clear()
    assert installed("tools", []) == ()
    with pytest.raises(ConfigError, match="acme_one"):
        check_extensions()


def test_of_two_packages_with_one_name_the_second_is_refused(package: Package) -> None:
    package("acme_one", "one = Extension('same', '甲', 1)", same="one")
    package("acme_two", "one = Extension('same', '乙', 2)", same="one")
    assert [each.adds for each in installed("tools", [])] == [1]
    with pytest.raises(ConfigError, match=r"acme-two 1\.0 .*已经有了"):
        check_extensions()


@pytest.mark.parametrize(
    ("versions", "held"),
    [("", True), (">=0.1", True), (">=0.1.0,<0.2", True), ("<0.1", False), (">=0.1.1", False), ("~=0.1", False), (">=", False)],
)  # fmt: skip
def test_ranges_of_versions(versions: str, held: bool) -> None:
    assert covers(versions) is held


def test_version_is_the_projects() -> None:
    text = (Path(extensions.__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{extensions.VERSION}"' in text


def test_ours_pass_the_same_checks() -> None:
    seen: set[str] = set()
    for tool in tools.DEFINITIONS:
        assert problem(Extension(tool.name, tool.title, tool), seen, tools.unfit) == ""
        seen.add(tool.name)
    for importer in importers.importers().values():
        assert problem(Extension(importer.name, importer.title, importer), (), importers.unfit) == ""
    for connector in connectors.OURS:
        assert problem(connector, (), unfit_connector) == ""
    check = HealthCheck("database", "数据库", lambda: "", "")
    assert problem(Extension(check.name, check.label, check), (), unfit_check) == ""


def test_every_kind_that_carries_has_a_connector() -> None:
    assert {kind.name for kind in all_kinds() if kind.carries} == {each.name for each in connectors.OURS}


def acting(**changes: Any) -> Extension[Any]:
    values: dict[str, Any] = {
        "name": "acme_wipe", "title": "清空", "description": "清空。", "risk": "dangerous", "arguments": Arguments,
        "run": lambda asker, given: ToolResult("ok"), "check": lambda given, person: ValidatedAction({}, "清空"),
    }  # fmt: skip
    tool = ToolDefinition(**(values | changes))
    return Extension(tool.name, tool.title, tool)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"act": lambda given, actor: "做了"}, "dangerous 的没有"),
        ({"act_there": lambda given, actor, origin: "做了"}, "dangerous 的没有"),
        ({"check": None}, "应当有 check"),
        ({"risk": "harmless"}, "risk 应当是"),
        ({"risk": "read"}, "只读的工具没有 check"),
        ({"risk": "write"}, "write 的操作应当有 act"),
        ({"description": None}, "description 应当是文字"),
        ({"arguments": int}, "arguments 应当是 Arguments"),
        ({"arguments": None}, "arguments 应当是 Arguments"),
    ],
)
def test_an_action_is_proposed_checked_and_done_by_whom_its_risk_says(changes: Any, why: str) -> None:
    assert why in tools.unfit(acting(**changes)) if why else not tools.unfit(acting(**changes))


def test_an_action_of_a_package_only_proposes_whatever_it_says_it_does() -> None:
    own = acting().adds
    assert tools._bounded(own).run is not own.run


@pytest.mark.parametrize("name", ["undo_action", "petition", "call_mcp_tool", "import_file", "block_ip"])
def test_no_package_takes_the_name_of_an_order_of_ours(name: str) -> None:
    taken = (*(each.name for each in tools.DEFINITIONS), *tools._UNLISTED)
    assert "不能替换" in problem(acting(name=name), taken, tools.unfit)


class Greedy:
    """Claims every file, and fails."""

    name, title = "acme_all", "甲"

    def sniff(self, head: bytes) -> float:
        if b"boom" in head:
            raise RuntimeError("sniff")
        return 1.0

    def parse(self, source: Any, options: Any) -> Iterator[Any]:
        raise RuntimeError("parse")
        yield


def test_a_greedy_or_failing_format_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = importers._Guarded(Greedy())
    monkeypatch.setattr(importers, "_OTHERS", {"acme_all": guarded})
    importers._installed.cache_clear()
    try:
        table = importers.Source.from_bytes("主机名,IP,负责人\nweb-01,10.0.0.1,张三\n".encode(), "a.csv")
        assert importers.detect(table) == "assets_csv"
        strange = importers.Source.from_bytes(b"whatever it is\n", "a.txt")
        assert importers.detect(strange) == "acme_all"
        assert importers.candidates(importers.Source.from_bytes(b"boom boom\n", "a.txt")) == []
        with pytest.raises(importers.BrokenFile, match="acme_all 的插件出错"):
            list(importers.parse("acme_all", strange))
    finally:
        importers._installed.cache_clear()


def test_a_packages_table_that_fails_harms_no_other(
    monkeypatch: pytest.MonkeyPatch, package: Package
) -> None:
    package(
        "acme_table",
        "from secops_agent.importers.values.table_importer import TableImporter\n"
        "one = Extension('acme_table', '甲', TableImporter('acme_table', '甲', tables=None))",
        acme_table="one",
    )
    (found,) = installed("tools", [], importers.unfit)
    monkeypatch.setattr(importers, "_OTHERS", importers._guarded([found]))
    importers._installed.cache_clear()
    try:
        table = importers.Source.from_bytes("主机名,IP,负责人\nweb-01,10.0.0.1,张三\n".encode(), "a.csv")
        assert importers.detect(table) == "assets_csv"
    finally:
        importers._installed.cache_clear()


@pytest.mark.parametrize("attribute", ["place = '1'", "place = None", "section = None", "groups = None"])
def test_a_kind_that_no_page_could_show_is_refused(package: Package, attribute: str) -> None:
    package(
        "acme_kind",
        "from bifang.core.configuration.kinds import Kind\n"
        f"class K(Kind):\n    name, label, carries = 'acme_kind', '甲', True\n    {attribute}\n"
        "one = Extension('acme_kind', '甲', print, settings=K)",
        acme_kind="one",
    )
    assert installed("tools", [], unfit_connector) == ()
    with pytest.raises(ConfigError, match=f"settings 的 {attribute.split()[0]} 应当是"):
        check_extensions()


def test_what_a_package_reads_is_masked_in_a_group() -> None:
    def told(asker: Any, given: Any) -> ToolResult:
        return ToolResult("ok", text="邮箱 wang@corp.example")

    tool = tools._bounded(ToolDefinition("acme_read", "甲", "乙", "read", Arguments, told))
    person = Person("corp", "li", "li", Role.ANALYST)
    asked = [Asker(person, is_group, timezone.now(), REFUSING) for is_group in (True, False)]
    assert ["wang@corp.example" in tool.run(each, Arguments()).text for each in asked] == [False, True]


@pytest.mark.parametrize("end", [SystemExit(3), BaseException("x")])
def test_a_check_that_ends_the_process_has_failed(end: BaseException) -> None:
    def run() -> str:
        raise end

    assert _run(HealthCheck("acme_check", "甲", run, "乙"), set()).state == "failed"


@pytest.mark.parametrize("changes", [{"remedy": None}, {"needs": None}])
def test_a_check_that_nobody_could_show_is_refused(changes: Any) -> None:
    check = HealthCheck(**{"name": "acme", "label": "甲", "run": str, "remedy": "乙"} | changes)
    assert unfit_check(Extension("acme", "甲", check))


@pytest.mark.parametrize(
    ("changes", "why"),
    [({}, ""), ({"prefix": "feishu_"}, "prefix 应当是 acme_"), ({"prefix": ""}, "prefix"), ({"label": None}, "文字")],
)  # fmt: skip
def test_a_platform_has_checks_of_its_own_names(changes: Any, why: str) -> None:
    class Settings(Kind):
        name, label, corporation = "acme", "甲", "company"

    said = dict.fromkeys(
        ("title", "label", "check", "switch", "switch_label", "unconnected", "credentials"), "x"
    )
    values = said | {"kind": "acme", "program": "start_channel acme", "prefix": "acme_"} | changes
    added: Any = AddedChannel(WorkerService(**values), print, print)
    found = unfit_channel(Extension("acme", "甲", added, settings=Settings))
    assert why in found
    assert bool(why) == bool(found)


def test_a_platform_that_no_package_adds_is_not_started() -> None:
    with pytest.raises(CommandError, match="没有插件提供「acme_chat」"):
        call_command("start_channel", "acme_chat")
