"""Writing and reading configurations: the one door for the admin, apply_configs and the workers."""

from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from bifang.core import references
from bifang.core.changes import PROGRAM, Author, Change, record
from bifang.core.config_changes import told_changes
from bifang.core.errors import BifangError, ConfigError, InvalidInput
from bifang.core.kinds import Field, Kind, Stored, get_kind
from bifang.core.models import SystemConfig
from bifang.core.redaction import redact
from bifang.core.references import is_reference
from bifang.core.values import check_place, clean_value

COLUMNS = ("client_id", "ai_config")
Version = tuple[int, str, tuple[references.Identity | None, ...]]


class FieldErrors(Exception):
    """Field name → Chinese error. ``enabled`` and ``name`` count as fields; "" is the whole."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "；".join(f"{name}：{text}" if name else text for name, text in self.errors.items())


def values_of(config: SystemConfig) -> dict[str, Any]:
    """Every field's value as stored; secrets as stored (literal or reference). Raises SecretError."""
    kind = get_kind(config.kind)
    values = {field.name: field.default for field in kind.fields}
    values.update(config.params)
    values.update(config.open_secrets())
    for field in kind.fields:
        if field.name == "client_id":
            values["client_id"] = config.client_id
        elif field.type == "config":
            values[field.name] = config.ai_config
    return values


def load(config: SystemConfig) -> Any:
    """The kind's frozen dataclass, secrets resolved. Raises ConfigError or SecretError."""
    kind = get_kind(config.kind)
    values = values_of(config)
    for field in kind.fields:
        if field.sealed and values[field.name]:
            values[field.name] = references.resolve(values[field.name])
        try:
            check_place(field, values[field.name])
        except InvalidInput as error:
            raise ConfigError(
                f"{kind.label}配置「{config.name}」的{field.label}不能使用：{error.message}"
            ) from None
    return kind.build(Stored(config.pk, config.kind, config.name, config.enabled, config.revision, values))


def version_of(config: SystemConfig) -> Version:
    """Is another one when `load` would find something else: in the row, or in a file that a secret is read from."""
    token = config.secrets.token if config.secrets else ""
    try:
        files = tuple(references.identity(value) for value in config.open_secrets().values())
    except BifangError:
        files = ()
    return config.revision, token, files


def save(
    kind_name: str,
    name: str,
    enabled: bool,
    given: Mapping[str, Any],
    *,
    config: SystemConfig | None = None,
    author: Author = PROGRAM,
) -> tuple[SystemConfig, bool]:
    """Create or change a configuration; returns it and whether anything changed.

    `given` may leave fields out: they keep their value, as does a required secret given as "". Where secrets are
    read from and where they go is a superuser's to say, and whoever says it enters the secrets again: nobody sends a
    secret that he does not know to a place of his choice. Raises FieldErrors.
    """
    kind = get_kind(kind_name)
    before = _before(config)
    values = {field.name: field.default for field in kind.fields} | before
    errors: dict[str, str] = {}
    for field in kind.fields:
        if field.name in given and not (field.sealed and field.required and not given[field.name]):
            values[field.name] = _clean(field, given[field.name], errors)
    if not author.superuser:
        errors |= _not_yours(kind, values, before, given)
    if not name.strip():
        errors["name"] = "请填写配置名称。"
    _check(kind, values, before, given, errors)
    _check_unique(kind_name, name.strip(), enabled, values, config, errors)
    if errors:
        raise FieldErrors(errors)
    return _write(kind, name.strip(), enabled, values, before, config, author)


def _before(config: SystemConfig | None) -> dict[str, Any]:
    if config is None:
        return {}
    try:
        return values_of(config)
    except BifangError:
        # The old secrets cannot be read any more: they must be entered anew, the rest stays.
        kept = SystemConfig(kind=config.kind, params=config.params, client_id=config.client_id)
        kept.ai_config = config.ai_config
        return values_of(kept)


def _clean(field: Field, value: Any, errors: dict[str, str]) -> Any:
    try:
        return clean_value(field, value)
    except InvalidInput as error:
        errors[field.name] = error.message
        return field.default


def _check(
    kind: Kind,
    values: dict[str, Any],
    before: dict[str, Any],
    given: Mapping[str, Any],
    errors: dict[str, str],
) -> None:
    for field in kind.fields:
        if field.required and not values[field.name] and field.name not in errors:
            errors[field.name] = f"请填写{field.label}。"
    if before and _redirected(kind, values, before):
        for field in kind.fields:
            if field.type == "secret" and before.get(field.name) and not given.get(field.name):
                errors.setdefault(field.name, f"修改了地址，请重新填写{field.label}（防止密钥被发往别处）。")
    for name, text in kind.validate(values).items():
        errors.setdefault(name, text)


def _redirected(kind: Kind, values: dict[str, Any], before: dict[str, Any]) -> bool:
    return any(f.directs and values[f.name] != before.get(f.name, f.default) for f in kind.fields)


def _not_yours(
    kind: Kind, values: dict[str, Any], before: dict[str, Any], given: Mapping[str, Any]
) -> dict[str, str]:
    """What only a superuser may do. Typing what is stored already is refused, too: nobody learns what is stored."""
    errors = {}
    for field in kind.fields:
        typed, known = given.get(field.name), before.get(field.name, field.default)
        if (field.type == "address" and values[field.name] != known) or (
            field.type == "proxy" and (typed or (typed == "" and known))
        ):
            errors[field.name] = f"只有超级管理员可以修改{field.label}。"
        elif field.type == "secret" and is_reference(str(typed or "").strip()):
            errors[field.name] = "只有超级管理员可以引用环境变量或文件；请填写密钥本身，或请超级管理员设置。"
    return errors


def _check_unique(
    kind: str,
    name: str,
    enabled: bool,
    values: Mapping[str, Any],
    config: SystemConfig | None,
    errors: dict[str, str],
) -> None:
    others = SystemConfig.objects.current().filter(kind=kind)
    if config is not None:
        others = others.exclude(pk=config.pk)
    if others.filter(name=name).exists():
        errors.setdefault("name", f"已有名为「{name}」的同类配置，请换一个名称。")
    client_id = values.get("client_id")
    if enabled and client_id:
        twin = others.filter(enabled=True, client_id=client_id).first()
        if twin is not None:
            errors.setdefault(
                "client_id", f"启用中的配置「{twin.name}」（ID {twin.pk}）已使用这个 Client ID；请先停用它。"
            )


def _write(
    kind: Kind,
    name: str,
    enabled: bool,
    values: dict[str, Any],
    before: dict[str, Any],
    config: SystemConfig | None,
    author: Author,
) -> tuple[SystemConfig, bool]:
    same = config is not None and values == before and (config.name, config.enabled) == (name, enabled)
    if same and config is not None and _readable(config):
        return config, False
    row = config or SystemConfig(kind=kind.name, revision=0)
    common = _common(config, name, enabled)
    row.name, row.enabled = name, enabled
    row.params = {
        f.name: values[f.name]
        for f in kind.fields
        if not f.sealed and f.type != "config" and f.name not in COLUMNS
    }
    secrets = {f.name: values[f.name] for f in kind.fields if f.sealed and values[f.name]}
    row.client_id = str(values.get("client_id", ""))
    row.ai_config = next((values[f.name] for f in kind.fields if f.type == "config"), None)
    row.last_error, row.last_error_at = "", None
    with transaction.atomic():
        if config is None:
            row.save()  # secrets are sealed for the row's id
        row.seal_secrets(secrets)
        row.save()
        SystemConfig.objects.filter(pk=row.pk).update(revision=F("revision") + 1)
        _record(row, "修改" if config else "新增", author, common | told_changes(kind, before, values))
    row.refresh_from_db()
    return row, True


def _common(config: SystemConfig | None, name: str, enabled: bool) -> dict[str, list[Any]]:
    if config is None:
        return {"enabled": [None, enabled]}
    pairs: dict[str, list[Any]] = {"name": [config.name, name], "enabled": [config.enabled, enabled]}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _record(row: SystemConfig, verb: str, author: Author, changes: Mapping[str, Any]) -> None:
    detail = {"kind": row.kind, "name": row.name, "changes": dict(changes)}
    record(Change(author, f"{verb}系统配置「{row.name}」", f"config:{row.pk}", detail))


def _readable(config: SystemConfig) -> bool:
    try:
        config.open_secrets()
    except BifangError:
        return False
    return True


def set_enabled(config: SystemConfig, enabled: bool, author: Author = PROGRAM) -> None:
    """Switch a configuration on or off. Raises FieldErrors."""
    save(config.kind, config.name, enabled, {}, config=config, author=author)


def archive(config: SystemConfig, author: Author = PROGRAM) -> None:
    """Take a configuration out of use, keeping the row for the records that name it. Raises ConfigError."""
    users = list(SystemConfig.objects.current().filter(ai_config=config).values_list("name", flat=True))
    if users:
        raise ConfigError(f"配置「{config.name}」正被 {'、'.join(users)} 使用；请先在那里改用别的 AI 配置。")
    with transaction.atomic():
        SystemConfig.objects.filter(pk=config.pk).update(
            enabled=False, archived_at=timezone.now(), revision=F("revision") + 1
        )
        _record(config, "归档", author, {"enabled": [config.enabled, False]})


def report_error(config_id: int, message: str) -> None:
    """Show the last error of a configuration ("" clears it); writes only on a change."""
    text = redact(message)[:2000]
    when = timezone.now() if text else None
    SystemConfig.objects.filter(pk=config_id).exclude(last_error=text).update(
        last_error=text, last_error_at=when
    )


def learn(config_id: int, name: str, value: str) -> str:
    """Fill in an empty parameter that was found out in use; returns the value in force. No new revision."""
    with transaction.atomic():
        rows = SystemConfig.objects.filter(pk=config_id)
        config = (rows.select_for_update() if connection.features.has_select_for_update else rows).get()
        known = str(config.params.get(name, ""))
        if known:
            return known
        rows.update(params={**config.params, name: value})
    return value
