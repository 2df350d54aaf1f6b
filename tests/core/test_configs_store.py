"""Configurations: written through one door, secrets sealed."""

import pytest
from django.core.management import CommandError, call_command

from bifang.core.configuration import configs
from bifang.core.configuration.configs import FieldErrors
from bifang.core.errors import ConfigError, SecretError
from bifang.core.models import SystemConfig
from dingtalk_integration.config import DingTalkSettings

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases("every test")]
SECRET = "a-very-secret-value"


def make(name: str = "钉钉", **values: object) -> SystemConfig:
    given = {"client_id": "dinga", "client_secret": SECRET, **values}
    return configs.save("dingtalk", name, True, given)[0]


def test_secret_is_sealed_in_the_database_and_opened_for_code() -> None:
    row = make()
    assert SECRET not in str(SystemConfig.objects.values())
    settings: DingTalkSettings = configs.load(row)
    assert settings.client_secret == SECRET
    assert SECRET not in repr(settings)


def test_secret_left_empty_keeps_its_value_and_saving_unchanged_keeps_the_revision() -> None:
    row = make()
    revision = row.revision
    again, changed = configs.save("dingtalk", "钉钉", True, {"client_secret": ""}, config=row)
    assert not changed
    assert again.revision == revision
    changed_row, changed = configs.save("dingtalk", "钉钉", True, {"app_id": "x"}, config=row)
    assert changed
    assert changed_row.revision == revision + 1
    assert configs.load(changed_row).client_secret == SECRET


def test_required_fields_are_named() -> None:
    with pytest.raises(FieldErrors) as caught:
        configs.save("dingtalk", "", True, {})
    assert set(caught.value.errors) == {"name", "client_id", "client_secret"}


def test_changed_address_demands_the_secret_again() -> None:
    row = make()
    with pytest.raises(FieldErrors) as caught:
        configs.save("dingtalk", "钉钉", True, {"endpoint": "https://oapi.dingtalk.com"}, config=row)
    assert "client_secret" in caught.value.errors
    given = {"endpoint": "https://oapi.dingtalk.com", "client_secret": SECRET}
    assert configs.save("dingtalk", "钉钉", True, given, config=row)[1]


def test_client_id_is_unique_among_enabled_ones_only() -> None:
    row = make()
    with pytest.raises(FieldErrors) as caught:
        make("另一个")
    assert f"ID {row.pk}" in caught.value.errors["client_id"]
    configs.set_enabled(row, False)
    make("另一个")


@pytest.mark.parametrize("reference", ["env:PATH", "file:/etc/passwd", "file:../x"])
def test_reference_outside_the_allowed_places_is_refused(reference: str) -> None:
    with pytest.raises(FieldErrors) as caught:
        make(client_secret=reference)
    assert "不允许" in caught.value.errors["client_secret"]


def test_reference_to_the_environment_is_read_at_use(monkeypatch: pytest.MonkeyPatch) -> None:
    row = make(client_secret="env:BIFANG_SECRET_DING")
    with pytest.raises(SecretError, match="BIFANG_SECRET_DING"):
        configs.load(row)
    monkeypatch.setenv("BIFANG_SECRET_DING", "from-outside")
    assert configs.load(row).client_secret == "from-outside"


def test_used_model_configuration_cannot_be_archived() -> None:
    model, _ = configs.save("qwen", "千问", True, {"api_key": "sk-123456789"})
    row = make(ai_config="千问")
    with pytest.raises(ConfigError, match="钉钉"):
        configs.archive(model)
    configs.archive(row)
    configs.archive(model)
    assert not SystemConfig.objects.current().exists()
    make()


def test_rotated_key_reads_old_secrets_and_a_lost_key_is_a_named_error(settings: object) -> None:
    from django.conf import settings as live

    row = make()
    before = row.secrets.token
    call_command("rotate_encryption_key")
    row.refresh_from_db()
    assert row.secrets.token != before
    assert configs.load(row).client_secret == SECRET
    assert len(live.ENCRYPTION_KEY_FILE.read_text().split()) == 1
    live.ENCRYPTION_KEY_FILE.unlink()
    from bifang.core.secrets.crypto import generate_key
    from bifang.core.secrets.keys import write_key_file

    write_key_file([generate_key()])
    with pytest.raises(SecretError, match="密钥"):
        configs.load(row)
    with pytest.raises(CommandError, match="无法用现有密钥解密"):
        call_command("rotate_encryption_key")
    configs.save("dingtalk", "钉钉", True, {"client_secret": "anew-secret"}, config=row)
    assert configs.load(SystemConfig.objects.get(pk=row.pk)).client_secret == "anew-secret"
