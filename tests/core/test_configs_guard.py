"""No configuration sends a secret to a stranger: who says where it goes, and what was stored before."""

from pathlib import Path
from typing import Any

import pytest

from bifang.core.changes import Author
from bifang.core.configuration import configs
from bifang.core.configuration.configs import FieldErrors
from bifang.core.configuration.fields import AddressField, ProxyField, SecretField, Setting
from bifang.core.configuration.kinds import Kind, all_kinds, get_kind
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from secops_agent.brokers.config import BrokerField
from secops_agent.connectors.http_tools.config import ApiHeadersField
from secops_agent.connectors.mcp.fields import HeadersField

pytestmark = pytest.mark.django_db
OPERATOR = Author(7, "operator", "admin")
ROOT = Author(1, "root", "admin", superuser=True)
SECRET = "a-secret-of-some-length"
SECRETS = (SecretField, HeadersField, ApiHeadersField)
LISTED = "listed.corp.example"
GIVEN: dict[str, dict[str, str]] = {
    "dingtalk": {"client_id": "dinga", "client_secret": SECRET, "corp_id": "corp"},
    "qwen": {"api_key": SECRET, "model": "qwen-plus"},
    "openai": {"base_url": f"https://{LISTED}/v1", "api_key": SECRET},
    "mcp": {"url": f"https://{LISTED}/mcp", "headers": SECRET},
    "http_tools": {"base_url": f"https://{LISTED}/api", "headers": SECRET},
    "webhook_connector": {"url": f"https://{LISTED}/first", "secret": SECRET},
    "aliyun_sas": {"access_key_id": "LTAIexample", "access_key_secret": SECRET},
    "stream": {"url": f"nats://{LISTED}:4222", "topic": "alerts", "group": "bifang", "password": SECRET},
    "feishu": {"client_id": "cli_a1b2c3d4e5f60708", "client_secret": SECRET, "tenant_key": "corp"},
}
# Of a form of their own; the others take any text.
FORMED = {"callback_token": "abc123", "callback_aes_key": "A" * 43, "callback_path": "p" * 24}
KINDS = [pytest.param(kind, id=kind.name) for kind in all_kinds()]
BY_PROXY = [pytest.param(kind, id=kind.name) for kind in all_kinds() if "proxy" in kind.fields]
ADDRESSES = (AddressField, BrokerField, ProxyField)


def fields(kind: type[Kind], *types: type[Setting]) -> dict[str, Setting]:
    return {name: field for name, field in kind.fields.items() if type(field) in types}


@pytest.fixture(autouse=True)
def operators_list(settings: Any) -> None:
    settings.ADDRESS_ALLOW_LIST = [LISTED, "proxy.corp.example"]


@pytest.fixture
def secrets_dir(settings: Any, tmp_path: Path) -> Path:
    settings.SECRETS_DIR = tmp_path / "secrets"
    settings.SECRETS_DIR.mkdir()
    return settings.SECRETS_DIR


def make(kind: type[Kind], **values: str) -> SystemConfig:
    return configs.save(kind.name, "它", True, GIVEN[kind.name] | values, author=ROOT)[0]


def refused(
    kind: type[Kind], given: dict[str, str], config: SystemConfig | None, author: Author
) -> dict[str, str]:
    with pytest.raises(FieldErrors) as caught:
        configs.save(kind.name, "它", True, given, config=config, author=author)
    return dict(caught.value.errors)


def secrets_of(kind: type[Kind], text: str = SECRET) -> dict[str, str]:
    return {name: FORMED.get(name, text) for name in fields(kind, *SECRETS)}


def accounts(kind: type[Kind]) -> dict[str, str]:
    """Another account for every field that says whose is used."""
    another = f"another.{SECRET}".replace("-", ".")  # letters and dots, as an AccessKey ID has them
    return {name: another for name, field in kind.fields.items() if field.account}


def elsewhere(field: Setting) -> str:
    if isinstance(field, BrokerField):
        return f"nats://{LISTED}:4223"
    if isinstance(field, AddressField):
        return f"https://{LISTED}/second"
    return "http://user:pw-of-proxy@proxy.corp.example:3128"


# Who


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_superuser_says_where_secrets_go(kind: type[Kind]) -> None:
    row = make(kind)
    secrets = secrets_of(kind)
    for name, field in fields(kind, *ADDRESSES).items():
        given = {name: elsewhere(field), **secrets}
        assert "只有超级管理员" in refused(kind, given, row, OPERATOR)[name]
        assert configs.save(kind.name, "它", True, given, config=row, author=ROOT)[1]
        row.refresh_from_db()
        if not field.required:
            assert "只有超级管理员" in refused(kind, {name: ""}, row, OPERATOR)[name]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reference", ["env:BIFANG_SECRET_X", " env:BIFANG_SECRET_X", "file:x"])
def test_only_a_superuser_refers_to_a_secret(kind: type[Kind], reference: str, secrets_dir: Path) -> None:
    for name in fields(kind, *SECRETS):
        row = make(kind, **{name: reference})
        assert "只有超级管理员" in refused(kind, {name: reference}, row, OPERATOR)[name]
        assert "只有超级管理员" in refused(kind, GIVEN[kind.name] | {name: reference}, None, OPERATOR)[name]
        configs.archive(row)


@pytest.mark.parametrize("kind", KINDS)
def test_others_change_the_rest_and_replace_a_secret(kind: type[Kind]) -> None:
    row = make(kind)
    secrets = secrets_of(kind, f"new-{SECRET}")
    for name in accounts(kind):
        secrets.pop(name, None)
    secrets = secrets or ({"model": "another"} if "model" in kind.fields else {"timeout_s": "7"})
    row, changed = configs.save(kind.name, "新名字", False, secrets, config=row, author=OPERATOR)
    assert changed
    stored = configs.values_of(row)[0]
    assert {name: stored[name] for name in secrets} == {
        name: kind.fields[name].clean(value) for name, value in secrets.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_changes_an_address_enters_the_secret_again(kind: type[Kind]) -> None:
    row = make(kind, **dict.fromkeys(fields(kind, *SECRETS), "env:BIFANG_SECRET_X"))
    for name, field in fields(kind, *ADDRESSES).items():
        given = {name: elsewhere(field)}
        errors = refused(kind, given, row, ROOT)
        again = dict.fromkeys(fields(kind, *SECRETS), "env:BIFANG_SECRET_X")
        assert all("请重新填写" in errors[secret] for secret in again)
        assert configs.save(kind.name, "它", True, given | again, config=row, author=ROOT)[1]
        row.refresh_from_db()


def test_whose_account_is_used_is_a_superusers_to_say() -> None:
    tried = {kind.name: accounts(kind) for kind in all_kinds() if accounts(kind)}
    assert {name: list(fields) for name, fields in tried.items()} == {
        "dingtalk": ["client_id"], "feishu": ["client_id"], "qwen": ["api_key"], "openai": ["api_key"],
        "aliyun_sas": ["access_key_id"], "mcp": ["headers"], "http_tools": ["headers", "secrets"],
    }  # fmt: skip
    for name, others in tried.items():
        kind = get_kind(name)
        row, mine = make(kind), secrets_of(kind, f"mine-{SECRET}")
        for field in others:
            assert "只有超级管理员" in refused(kind, mine | others, row, OPERATOR)[field]
            assert "只有超级管理员" in refused(kind, GIVEN[name] | mine | others, None, OPERATOR)[field]
        with pytest.raises(ConfigError, match="只有超级管理员"):
            configs.archive(row, OPERATOR)
        configs.set_enabled(row, False, OPERATOR)
        with pytest.raises(ConfigError, match="只有超级管理员"):
            configs.archive(row, OPERATOR)
        row.refresh_from_db()
        assert configs.save(name, "它", True, others, config=row, author=ROOT)[1]
        configs.archive(row, ROOT)


# What was stored before


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_address_that_is_trusted_no_more_is_not_used_and_says_what_to_do(
    kind: type[Kind], settings: Any
) -> None:
    for name, field in fields(kind, *ADDRESSES).items():
        row = make(kind, **{name: elsewhere(field)})
        assert configs.load(row)
        settings.ADDRESS_ALLOW_LIST = [LISTED] if isinstance(field, ProxyField) else []
        with pytest.raises(ConfigError, match=f"{field.label}.*BIFANG_ADDRESS_ALLOW_LIST"):
            configs.load(row)
        settings.ADDRESS_ALLOW_LIST = [LISTED, "proxy.corp.example"]
        configs.archive(row)


@pytest.mark.parametrize("kind", BY_PROXY)
def test_a_proxy_that_a_reference_gives_is_checked_as_well(
    kind: type[Kind], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = make(kind, proxy="env:BIFANG_SECRET_PROXY")
    monkeypatch.setenv("BIFANG_SECRET_PROXY", "http://proxy.corp.example:3128")
    assert configs.load(row).proxy == "http://proxy.corp.example:3128"
    monkeypatch.setenv("BIFANG_SECRET_PROXY", "http://169.254.169.254")
    with pytest.raises(ConfigError, match="HTTP 代理"):
        configs.load(row)


@pytest.mark.parametrize("kind", BY_PROXY)
def test_the_password_of_a_proxy_is_sealed_and_can_be_removed(kind: type[Kind]) -> None:
    proxy = "http://user:pw-of-proxy@proxy.corp.example:3128"
    row = make(kind, proxy=proxy)
    assert "pw-of-proxy" not in str(SystemConfig.objects.values())
    settings = configs.load(row)
    assert settings.proxy == proxy
    assert "pw-of-proxy" not in repr(settings)
    row, _ = configs.save(kind.name, "它", True, GIVEN[kind.name] | {"proxy": ""}, config=row)
    assert configs.load(row).proxy == ""


def test_every_kind_is_tried_here() -> None:
    assert {kind.name for kind in all_kinds()} == set(GIVEN)
    assert get_kind("dingtalk") in all_kinds()


def test_whose_certificates_are_believed_is_a_superusers_to_say(secrets_dir: Path) -> None:
    (secrets_dir / "ca.pem").write_text("not a certificate")
    row = make(get_kind("openai"))
    given = {"ca": "file:ca.pem", "api_key": SECRET}
    assert "只有超级管理员" in refused(get_kind("openai"), given, row, OPERATOR)["ca"]
    assert "file:" in refused(get_kind("openai"), {"ca": "-----BEGIN CERTIFICATE-----"}, row, ROOT)["ca"]
    configs.save("openai", "它", True, given, config=row, author=ROOT)
    with pytest.raises(ConfigError, match=r"CA 证书.*PEM"):
        configs.load(row)


def test_missing_path_of_an_interface_is_put_there_and_told() -> None:
    field = get_kind("openai").fields["base_url"]
    for typed, kept in [
        (f"https://{LISTED}", f"https://{LISTED}/v1"),
        (f" https://{LISTED}:8000/ ", f"https://{LISTED}:8000/v1"),
        (f"https://{LISTED}/v1/", f"https://{LISTED}/v1"),
        (f"https://{LISTED}/openai", f"https://{LISTED}/openai"),
    ]:
        assert field.clean(typed) == kept
        assert bool(field.mended(typed, kept)) is (typed.strip().rstrip("/") != kept)
