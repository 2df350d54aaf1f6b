"""A secret that is read from a file: what is written there counts, without a restart and without a new revision."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bifang.core.configuration import configs
from bifang.core.configuration.config_cache import ConfigCache
from bifang.core.database import db
from bifang.core.errors import SecretError

pytestmark = pytest.mark.django_db


def in_place(place: Path, text: str) -> None:
    (place / "secret").write_text(text)


def renamed(place: Path, text: str) -> None:
    """Vault Agent, systemd, most editors."""
    (place / "new").write_text(text)
    (place / "new").replace(place / "secret")


def swapped(place: Path, text: str) -> None:
    """Kubernetes: ``secret`` → ``..data/secret``, and ``..data`` is pointed to a new directory."""
    version = place / f"..{len(list(place.iterdir()))}"
    version.mkdir()
    (version / "secret").write_text(text)
    os.utime(version / "secret", (0, 0))
    (place / "..data_tmp").symlink_to(version.name)
    (place / "..data_tmp").replace(place / "..data")
    if not (place / "secret").is_symlink():
        (place / "secret").symlink_to("..data/secret")


@pytest.mark.parametrize("write", [in_place, renamed, swapped])
async def test_a_secret_of_a_file_is_the_one_that_stands_there_now(
    write: Callable[[Path, str], None], settings: Any, tmp_path: Path
) -> None:
    settings.SECRETS_DIR = tmp_path / "secrets"
    settings.SECRETS_DIR.mkdir()
    given = {"client_id": "dinga", "client_secret": "file:secret"}
    row, _ = await db.call(configs.save, "dingtalk", "钉钉", True, given)
    cache = ConfigCache(fresh_for=0)
    with pytest.raises(SecretError, match="读不到密钥文件"):
        await cache.get(row.pk)
    for text in ("first-secret", "next-secret", "third-secret-of-another-length"):
        write(settings.SECRETS_DIR, text)
        assert (await cache.get(row.pk)).client_secret == text
    same = await cache.get(row.pk)
    assert await cache.get(row.pk) is same
    (settings.SECRETS_DIR / "secret").unlink()
    with pytest.raises(SecretError, match="读不到密钥文件"):
        await cache.get(row.pk)
