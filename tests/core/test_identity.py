"""Which database and whose key: a process that opens another one stops, and says both."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from bifang import env
from bifang.core.database import identity
from bifang.core.errors import ConfigError, SecretError
from bifang.core.models import Installation, SystemConfig
from bifang.core.monitoring import startup
from bifang.core.monitoring.health import check_health
from bifang.core.secrets.crypto import generate_key
from bifang.core.secrets.keys import write_key_file
from tests.admin_pages import dingtalk

pytestmark = pytest.mark.django_db


def lose_the_key() -> None:
    write_key_file([generate_key()])


def test_a_start_tells_version_database_and_data_directory(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    startup.begin("qcluster")
    line = caplog.records[0].getMessage()
    assert line.startswith("qcluster 启动：毕方 ")
    assert identity.name_of() in line
    assert str(settings.DATA_DIR) in line


def test_migrate_writes_the_identity_and_another_database_is_refused_naming_both() -> None:
    identity.write_identity("default")
    file = Path(settings.DATA_DIR) / identity.FILE
    mine = str(Installation.objects.get().pk)
    assert file.read_text(encoding="utf-8").splitlines() == [mine, identity.name_of()]
    identity.require_own_database()
    Installation.objects.all().delete()
    identity.require_own_database()  # the file was moved aside: an empty one in its place
    file.write_text(f"{mine}\nPostgreSQL bifang（bifang@db:5432）\n", encoding="utf-8")
    for begin in (startup.await_database, lambda: call_command("migrate", verbosity=0)):
        with pytest.raises(ConfigError) as refused:
            begin()
        for word in (
            mine,
            "PostgreSQL bifang（bifang@db:5432）",
            identity.name_of(),
            "/etc/bifang/env",
            "mv ",
        ):
            assert word in refused.value.message
    other = Installation.objects.create()
    with pytest.raises(ConfigError, match=str(other.pk)):
        identity.require_own_database()
    assert "database" in {each.name for each in check_health().findings if each.state == "failed"}


@pytest.mark.both_databases
def test_a_new_key_beside_ciphertext_is_refused_and_a_lost_one_can_be_given_up() -> None:
    config = dingtalk()
    startup.begin("qcluster")  # leaves the proof
    lose_the_key()
    with pytest.raises(SecretError) as refused:
        startup.begin("qcluster")
    assert "rotate_encryption_key --lost" in refused.value.message
    assert str(settings.ENCRYPTION_KEY_FILE) in refused.value.message
    with pytest.raises(CommandError):
        call_command("rotate_encryption_key")
    call_command("rotate_encryption_key", "--lost")
    startup.begin("qcluster")
    assert SystemConfig.objects.get(pk=config.pk).secrets is None


def test_a_new_key_is_refused_where_no_process_has_left_a_proof() -> None:
    dingtalk()
    Installation.objects.all().delete()
    lose_the_key()
    with pytest.raises(SecretError, match="放回原来的"):
        startup.begin("qcluster")


def test_rotation_keeps_the_proof() -> None:
    startup.begin("qcluster")
    call_command("rotate_encryption_key")
    startup.begin("qcluster")


def test_the_environment_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: Any) -> None:
    file = tmp_path / "env"
    file.write_text("# all\n\nBF_ONE=1\nBF_TWO = \"two words\"\nBF_THREE='a=b'\n", encoding="utf-8")
    for name in ("BF_ONE", "BF_TWO", "BF_THREE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("BIFANG_ENV_FILE", str(file))
    monkeypatch.setenv("BF_ONE", "mine")
    env.read_file()
    assert [os.environ[name] for name in ("BF_ONE", "BF_TWO", "BF_THREE")] == ["mine", "two words", "a=b"]
    file.write_text("BF_ONE\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="第 1 行"):
        env.read_file()
