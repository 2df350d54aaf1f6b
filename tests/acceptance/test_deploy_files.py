"""The files of deploy/: real commands, accepted by the real supervisord and systemd, restarted when killed."""

import configparser
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from bifang.core.configuration import configs
from tests.acceptance.processes import PROJECT, Started, clean_environment, free_ports, run, uncounted
from tests.acceptance.worker import LENIENT
from tests.databases import Database
from tests.deadline import wait_until
from tests.simulator import running_simulator

DEPLOY = PROJECT / "deploy"
CONFS = sorted((DEPLOY / "supervisor").glob("*.conf"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
GUIDES = {
    "dingtalk-stream": PROJECT / "docs" / "dingtalk_stream_push_setup.md",
    "feishu-stream": PROJECT / "docs" / "feishu_long_connection_setup.md",
}


def fill_in(text: str, tmp_path: Path) -> str:
    """What an operator replaces, and a port that is free here."""
    port, syslog_port = free_ports(2)
    text = text.replace("/path/to/project/logs", str(tmp_path / "logs"))
    text = text.replace("/path/to/logs", str(tmp_path / "logs"))
    text = text.replace("startsecs=20", "startsecs=1")  # nobody waits here
    text = text.replace("/path/to/venv/bin/python", sys.executable)
    text = text.replace("/path/to/manage.py", str(PROJECT / "manage.py"))
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{port}").replace(":5514", f":{syslog_port}")
    return text.replace("/path/to/project", str(PROJECT))


def guide_block(service: str, words: str) -> str:
    """The code block of the service's guide in which these words are."""
    blocks = re.findall(r"```ini\n(.*?)```", GUIDES[service].read_text(encoding="utf-8"), re.DOTALL)
    return next(block for block in blocks if words in block)


class Server:
    """supervisord as on a server: the shipped file included, the demo's simulator as DingTalk."""

    def __init__(self, tmp_path: Path, snippet: str) -> None:
        self.tmp_path = tmp_path
        for name in ("logs", "var"):
            (tmp_path / name).mkdir(exist_ok=True)
        self.config = tmp_path / "supervisord.conf"
        head = f"""
            [supervisord]
            nodaemon=true
            logfile={tmp_path}/supervisord.log
            pidfile={tmp_path}/supervisord.pid
            [unix_http_server]
            file={tmp_path}/sock
            [supervisorctl]
            serverurl=unix://{tmp_path}/sock
            [rpcinterface:supervisor]
            supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
        """
        # user=www-data needs root and files that www-data may read, which a checkout in a home directory is not.
        filled = re.sub(r"(?m)^user=.*\n", "", fill_in(snippet, tmp_path))
        self.config.write_text(textwrap.dedent(head) + filled, encoding="utf-8")
        self.env = uncounted(clean_environment(tmp_path, BIFANG_SIMULATOR="1"))

    def start(self) -> Started:
        command = (sys.executable, "-m", "supervisor.supervisord", "-c", self.config)
        return Started(command, self.env, self.tmp_path / "supervisord.out")

    def ctl(self, *arguments: str) -> str:
        command = (sys.executable, "-m", "supervisor.supervisorctl", "-c", self.config, *arguments)
        return run(command, self.env).stdout

    def pid_of(self, program: str) -> int:
        """The pid of a program that has been RUNNING past startsecs; 0 otherwise."""
        found = re.search(rf"{program}\s+RUNNING\s+pid (\d+)", self.ctl("status"))
        return int(found.group(1)) if found else 0

    def wait_running(self, program: str, *, but: int = 0) -> int:
        """The pid of a program once it runs, under another than `but`. Every look starts a supervisorctl."""
        return wait_until(
            lambda: pid if (pid := self.pid_of(program)) != but else 0, within=40, every=1.0, what=program
        )


@pytest.fixture
def home(database: Database, tmp_path: Path) -> Iterator[Path]:
    """A folder whose database holds one configuration, which leads to a simulator."""
    assert database.data_dir == tmp_path / "var"
    given = {"client_id": "dingdemo", "client_secret": "demo-secret"}
    with running_simulator(**LENIENT) as sim:
        configs.save("dingtalk", "钉钉Stream推送配置", True, {**given, "endpoint": sim.base_url})
        yield tmp_path


def times_connected(home: Path) -> int:
    """How often the log says so; 0 as long as there is none."""
    log = home / "logs" / "bifang.log"
    return log.read_text(encoding="utf-8").count("已连接") if log.exists() else 0


@pytest.mark.slow
def test_supervisor_brings_a_killed_worker_back(home: Path) -> None:
    server = Server(home, "".join(path.read_text(encoding="utf-8") for path in CONFS))
    supervisord = server.start()
    try:
        programs = ("dingtalk-stream", "bifang-web", "bifang-tasks")
        first = {name: server.wait_running(name) for name in programs}
        wait_until(lambda: times_connected(home) == 1, within=20, what="connected")

        os.kill(first["dingtalk-stream"], signal.SIGKILL)
        server.wait_running("dingtalk-stream", but=first["dingtalk-stream"])
        wait_until(lambda: times_connected(home) == 2, within=20, what="connected again")
        assert (home / "logs" / "dingtalk-stream.log").stat().st_size > 0

        # stopwaitsecs is supervisor's default: the worker must be gone before it is killed.
        assert "dingtalk-stream: stopped" in server.ctl("stop", "dingtalk-stream")
        assert "Killing" not in (home / "supervisord.log").read_text()
    finally:
        supervisord.kill()


@pytest.mark.slow
def test_guides_own_supervisor_snippet_runs_the_worker(home: Path) -> None:
    server = Server(home, guide_block("dingtalk-stream", "[program:dingtalk-stream]"))
    supervisord = server.start()
    try:
        log = home / "logs" / "dingtalk-stream.log"
        wait_until(lambda: log.exists() and "已连接" in log.read_text(), within=40, what="connected")
    finally:
        supervisord.kill()


def systemd_units(tmp_path: Path) -> list[Path]:
    """The shipped units and the guide's own, filled in."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in UNITS}
    texts |= {f"{service}-guide.service": guide_block(service, "ExecStart=") for service in GUIDES}
    for name, text in texts.items():
        (tmp_path / name).write_text(fill_in(text, tmp_path), encoding="utf-8")
    return [tmp_path / name for name in texts]


@pytest.mark.slow
def test_units_are_accepted_by_systemd(tmp_path: Path) -> None:
    units = systemd_units(tmp_path)
    if shutil.which("systemd-analyze"):
        command = ("systemd-analyze", "verify", "--man=no", *units)
        done = subprocess.run(command, capture_output=True, text=True)
        ours = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
        assert (done.returncode, ours) == (0, [])
    for unit in units:
        check_unit(unit.read_text(encoding="utf-8"))


# What `systemd-analyze verify` would find, for machines without it: names of sections and directives.
KNOWN = {
    "Unit": "Description After",
    "Service": """Type User WorkingDirectory ExecStart ExecReload Restart RestartSec EnvironmentFile ReadWritePaths UMask
        NoNewPrivileges PrivateTmp PrivateDevices ProtectSystem ProtectHome ProtectClock ProtectHostname
        ProtectControlGroups ProtectKernelLogs ProtectKernelModules ProtectKernelTunables RestrictAddressFamilies
        RestrictNamespaces RestrictRealtime RestrictSUIDSGID LockPersonality CapabilityBoundingSet
        SystemCallArchitectures SystemCallFilter MemoryMax""",
    "Install": "WantedBy",
}


def check_unit(text: str) -> None:
    """Sections and directives are known; the program exists and the command is one of ours."""
    unit = read_ini(text)
    for section in unit.sections():
        unknown = set(unit[section]) - set(KNOWN[section].split())
        assert not unknown, f"[{section}] {unknown}"
    assert_real_command(unit["Service"]["ExecStart"])


def read_ini(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return parser


def assert_real_command(command: str) -> None:
    """A management command that exists, or gunicorn with options that it accepts."""
    program, *arguments = shlex.split(command)
    assert Path(program).exists(), program
    if arguments[0].endswith("manage.py"):
        assert (PROJECT / arguments[0]).exists(), arguments[0]
        known = {path.stem for path in PROJECT.glob("*/**/management/commands/*.py")} | {"qcluster"}
        assert arguments[1] in known, arguments[1]
    else:
        assert arguments[:3] == ["-m", "gunicorn", "bifang.wsgi"]
        check = run((program, *arguments, "--check-config"), clean_environment(Path("/nonexistent")))
        assert "unrecognized arguments" not in check.stdout, check.stdout


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFS, ids=lambda path: path.name)
def test_supervisor_files_name_real_commands(path: Path, tmp_path: Path) -> None:
    conf = read_ini(fill_in(path.read_text(encoding="utf-8"), tmp_path))
    (section,) = conf.sections()
    assert section == f"program:{path.stem}"
    assert_real_command(conf[section]["command"])


def test_every_service_is_bounded_and_keeps_its_files_to_itself() -> None:
    for path in CONFS:
        assert read_ini(path.read_text("utf-8"))[f"program:{path.stem}"]["umask"] == "077"
    for path in UNITS:
        service = read_ini(path.read_text("utf-8"))["Service"]
        assert service["UMask"] == "0077"
        assert re.fullmatch(r"[12]G", service["MemoryMax"])
    composed = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text("utf-8"))["services"]
    for name, service in composed.items():
        assert service["mem_limit"] in ("1g", "2g"), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    # What stands here wins over bifang.env, in which an operator writes all the rest.
    assert set(composed["web"]["environment"]) == {"DATABASE_URL", "BIFANG_PULSE_FILE"}
    assert composed["web"]["env_file"] == [{"path": "../../bifang.env", "required": False}]


@pytest.mark.slow
@pytest.mark.parametrize("service", GUIDES)
def test_deploy_has_the_guides_names(service: str, tmp_path: Path) -> None:
    assert {path.stem for path in CONFS} == {path.stem for path in UNITS}
    guide = read_ini(guide_block(service, f"[program:{service}]"))[f"program:{service}"]
    assert_real_command(fill_in(guide["command"], tmp_path))
    ours = read_ini((DEPLOY / "supervisor" / f"{service}.conf").read_text())[f"program:{service}"]
    assert set(guide) <= set(ours)
    unit_guide = read_ini(guide_block(service, "ExecStart="))
    unit = read_ini((DEPLOY / "systemd" / f"{service}.service").read_text())
    for section in unit_guide.sections():
        assert dict(unit_guide[section]).items() <= dict(unit[section]).items()


def read_variables() -> set[str]:
    """Every environment variable that the code reads."""
    pattern = re.compile(r"""(?:env\.\w+|environ\.get|getenv|environ\[)\(?\s*["']([A-Z][A-Z_]+)["']""")
    packages = ("bifang", "dingtalk_integration", "feishu_integration", "secops_agent", "deploy")
    files = [file for name in packages for file in (PROJECT / name).rglob("*.py")]
    return {name for file in files for name in pattern.findall(file.read_text(encoding="utf-8"))}


def test_env_example_lists_every_variable() -> None:
    text = (DEPLOY / "env.example").read_text(encoding="utf-8")
    listed = set(re.findall(r"(?m)^#?([A-Z][A-Z_]+)=", text))
    internal = {"DJANGO_SETTINGS_MODULE"}  # wiring
    assert read_variables() - internal <= listed
    # An active line would change something merely by copying the file.
    assert not re.findall(r"(?m)^[A-Z]", text)


def test_compose_runs_what_supervisor_runs() -> None:
    services: Mapping[str, Mapping[str, object]] = yaml.safe_load(
        (DEPLOY / "docker" / "compose.yaml").read_text()
    )["services"]
    commands = {"dingtalk-stream": "start_dingtalk_stream", "feishu-stream": "start_feishu_stream"}
    for name, command in {**commands, "bifang-tasks": "qcluster"}.items():
        assert services[name]["command"] == f"python manage.py {command}"
    dockerfile = (DEPLOY / "docker" / "Dockerfile").read_text()
    for source in re.findall(r"(?m)^COPY (.+) \./$", dockerfile):
        for file in source.split():
            assert (PROJECT / file).exists(), file
