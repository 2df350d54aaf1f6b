"""What a configuration may refer to: its own secrets, never what Bifang reads for itself."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from bifang.core.errors import SecretError
from bifang.core.secrets.references import resolve


@pytest.fixture
def secrets_dir(settings: Any, tmp_path: Path) -> Path:
    settings.SECRETS_DIR = tmp_path / "secrets"
    settings.SECRETS_DIR.mkdir()
    return settings.SECRETS_DIR


def own_variables() -> list[str]:
    """Every variable of the application, as its operators are told."""
    text = (Path(__file__).parents[2] / "deploy" / "env.example").read_text(encoding="utf-8")
    names = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE)
    return [name for name in names if not name.startswith("BIFANG_SECRET_") and name != "DASHSCOPE_API_KEY"]


@pytest.mark.parametrize("name", [*own_variables(), "DATABASE_URL_FILE", "BIFANG_SECRET_X_FILE", "PATH", ""])
def test_a_variable_of_the_application_is_no_secret_of_a_configuration(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name or "UNNAMED", "value")
    with pytest.raises(SecretError, match="不允许"):
        resolve(f"env:{name}")


def links_to(target: Path, place: Path) -> dict[str, str]:
    """Names of one file: its own, and links of both sorts."""
    hard, soft, chain = place / "hard", place / "soft", place / "chain"
    os.link(target, hard)
    soft.symlink_to(target)
    chain.symlink_to(soft)
    return {
        "itself": str(target),
        "hard": "hard",
        "soft": str(soft),
        "chain": str(chain),
        "dots": f"{place}/../{place.name}/hard",
    }


@pytest.mark.parametrize("name", ["DATABASE_URL_FILE", "DJANGO_SECRET_KEY_FILE", "WHATEVER_FILE"])
@pytest.mark.parametrize("link", ["itself", "hard", "soft", "chain", "dots"])
def test_a_file_that_a_variable_gives_to_the_application_is_no_reference(
    name: str, link: str, secrets_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = secrets_dir / "own"
    own.write_text("postgresql://bifang:password@db/bifang")
    names = links_to(own, secrets_dir)
    assert resolve(f"file:{names[link]}")
    monkeypatch.setenv(name, str(own))
    with pytest.raises(SecretError, match="Bifang 自己"):
        resolve(f"file:{names[link]}")


@pytest.mark.parametrize("link", ["itself", "hard", "soft", "chain", "dots"])
def test_a_key_of_the_data_directory_is_no_reference(link: str, secrets_dir: Path, settings: Any) -> None:
    settings.DATA_DIR = secrets_dir.parent / "data"
    settings.DATA_DIR.mkdir()
    key = settings.DATA_DIR / "encryption.key"
    key.write_text("the-key")
    settings.SECRETS_DIR = secrets_dir.parent  # as loose as an operator can be
    names = links_to(key, secrets_dir)
    reference = names[link] if link in ("itself", "soft", "chain") else f"{secrets_dir}/hard"
    with pytest.raises(SecretError, match="Bifang 自己"):
        resolve(f"file:{reference}")


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "out", "\0", "/proc/self/environ"])
def test_a_file_outside_of_the_directory_of_secrets_is_no_reference(path: str, secrets_dir: Path) -> None:
    (secrets_dir / "out").symlink_to("/etc/passwd")
    with pytest.raises(SecretError):
        resolve(f"file:{path}")


def test_only_regular_files_are_read(secrets_dir: Path) -> None:
    os.mkfifo(secrets_dir / "pipe")
    (secrets_dir / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(SecretError, match=r"普通文件|读不到"):
            resolve(f"file:{name}")
