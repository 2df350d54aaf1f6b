"""What `make run` installs while it runs, by a real pip into an environment of its own."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.local.components import Installation
from tests.deadline import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To make one takes longer than to install into it: every test has a package of its own."""
    home = tmp_path_factory.mktemp("python") / "venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    return home / "bin" / "python"


def lock_of(place: Path, name: str, *, tampered: bool = False) -> Path:
    """A lock of one package that is nothing, found beside it."""
    wheel = place / f"{name}-1-py3-none-any.whl"
    info = f"{name}-1.dist-info"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr(f"{name}.py", "")
        packed.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        packed.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{info}/RECORD", "")
    digest = "0" * 64 if tampered else hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = place / "requirements-reports.lock"
    lock.write_text(f"--no-index\n--find-links {place}\n{name}==1 --hash=sha256:{digest}\n")
    return lock


@pytest.mark.parametrize(("name", "tampered"), [("bifang_whole", False), ("bifang_tampered", True)])
def test_it_is_marked_as_long_as_it_runs_and_says_how_it_ended(
    tmp_path: Path, python: Path, capsys: pytest.CaptureFixture[str], name: str, tampered: bool
) -> None:
    mark = tmp_path / "installing-reports"
    lock = lock_of(tmp_path, name, tampered=tampered)
    with Installation(lock, mark, tmp_path / "log", str(python)) as installation:
        installation.start()
        assert mark.exists()
        code = wait_until(lambda: [ended] if (ended := installation.poll()) is not None else [])[0]
        assert (code == 0, mark.exists(), installation.poll()) == (not tampered, False, None)
    said = capsys.readouterr().out
    assert ("没有装上" if tampered else "装好了") in said
    found = subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False)
    assert (found.returncode == 0) == (not tampered)


def test_stopping_ends_it_and_takes_its_mark_away(tmp_path: Path, python: Path) -> None:
    mark = tmp_path / "installing-reports"
    mark.touch()  # of one that was killed
    with Installation(
        lock_of(tmp_path, "bifang_stopped"), mark, tmp_path / "log", str(python)
    ) as installation:
        assert not mark.exists()
        installation.start()
    assert not mark.exists()
