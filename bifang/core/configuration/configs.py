"""Writing and reading configurations: the one door for the admin, apply_configs and the workers."""

import dataclasses
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F, Q
from django.dispatch import Signal
from django.utils import timezone

from bifang.core.changes import PROGRAM, Author, Change, record
from bifang.core.configuration import config_rules
from bifang.core.configuration.fields import TextField
from bifang.core.configuration.kinds import Kind, get_kind
from bifang.core.errors import BifangError, ConfigError, SecretError
from bifang.core.models import SystemConfig
from bifang.core.registry import Registry
from bifang.core.secrets import references
from bifang.core.secrets.redaction import redact

COLUMNS: Final = (
    "client_id",
    "ai_config",
    "ai_fallback",
)  # fields that have a column of the table, not a place in its JSON
NAME: Final = TextField(
    "配置名称", required=True, max_length=100, help_text="给人看的名字；同类配置中不能重名。"
)
# What stops working without a configuration, in words; whoever archives it is told first.
USES: Final = Registry[Callable[[SystemConfig], list[str]]]()
created = Signal()  # with ``config``, in the transaction that makes a new configuration
Values = dict[str, Any]
Version = tuple[int, str, tuple[references.Identity | None, ...]]


class FieldErrors(Exception):
    """Field name → Chinese error. ``enabled`` and ``name`` count as fields; "" is the whole."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "；".join(f"{name}：{text}" if name else text for name, text in self.errors.items())


def values_of(config: SystemConfig) -> tuple[Values, str]:
    """Every field's value as stored, secrets literal or as references; and why the secrets cannot be read, or ""."""
    fields = get_kind(config.kind).fields
    values = {name: field.initial for name, field in fields.items()} | config.params
    values |= {name: getattr(config, name) for name in COLUMNS if name in fields}
    try:
        return values | config.open_secrets(), ""
    except BifangError as error:
        return values, error.message


def load(config: SystemConfig) -> Any:
    """The kind's frozen dataclass, secrets resolved. Raises ConfigError or SecretError."""
    values, problem = values_of(config)
    if problem:
        raise SecretError(problem)
    return _built(config, values)


def _built(config: SystemConfig, values: Values) -> Any:
    kind = get_kind(config.kind)
    missing = [str(field.label) for name, field in kind.fields.items() if field.required and not values[name]]
    if missing:
        where = f"{kind.label}配置「{config.name}」（ID {config.pk}）"
        raise ConfigError(f"{where}缺少{'、'.join(missing)}，请在系统配置中填写。")
    return kind.build(config, {name: field.use(values[name]) for name, field in kind.fields.items()})


def version_of(config: SystemConfig) -> Version:
    """Is another one when `load` would find something else: in the row, or in a file that a secret is read from."""
    token = config.secrets.token if config.secrets else ""
    try:
        fields, secrets = get_kind(config.kind).fields, config.open_secrets()
        read = [
            one for name, value in secrets.items() if name in fields for one in fields[name].references(value)
        ]
        files = tuple(references.identity(one) for one in read)
    except BifangError:
        files = ()
    return config.revision, token, files


def save(
    kind_name: str, name: str, enabled: bool, given: Mapping[str, Any], *,
    config: SystemConfig | None = None, author: Author = PROGRAM,
) -> tuple[SystemConfig, bool]:  # fmt: skip
    """Create or change a configuration; returns it and whether anything changed.

    `given` may leave fields out: they keep their value, as does a required secret given as "". Where secrets are
    read from and where they go is a superuser's to say, and whoever says it enters the secrets again: nobody sends a
    secret that he does not know to a place of his choice. Raises FieldErrors.
    """
    kind, row = get_kind(kind_name), config or SystemConfig(kind=kind_name, revision=0)
    old, problem = values_of(row)
    new = _judged(row, name, enabled, old, given, author)
    changes = _changes(config, kind, {"name": name.strip(), "enabled": enabled}, old, new)
    if config is not None and not changes and not problem:
        return config, False
    row.name, row.enabled = name.strip(), enabled
    _write(row, kind, new, author, changes)
    return row, True


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """A configuration as `save` would store it. ``row`` is not saved; ``stored``: nothing differs from what is."""

    row: SystemConfig
    values: Values = dataclasses.field(repr=False)
    stored: bool

    def load(self) -> Any:
        """As `load`."""
        return _built(self.row, self.values)


def draft(
    kind_name: str, name: str, enabled: bool, given: Mapping[str, Any], *,
    config: SystemConfig | None = None, author: Author = PROGRAM,
) -> Draft:  # fmt: skip
    """What `save` would write, by the same rules, without writing it. Raises FieldErrors."""
    kind, row = get_kind(kind_name), copy(config) if config else SystemConfig(kind=kind_name, revision=0)
    old, problem = values_of(row)
    new = _judged(row, name, enabled, old, given, author)
    changes = _changes(config, kind, {"name": name.strip(), "enabled": enabled}, old, new)
    row.name, row.enabled = name.strip(), enabled
    _fill(row, kind, new)
    return Draft(row, new, config is not None and not changes and not problem)


def _judged(
    row: SystemConfig, name: str, enabled: bool, old: Values, given: Mapping[str, Any], author: Author
) -> Values:
    kind = get_kind(row.kind)
    new, errors = config_rules.cleaned(kind, old, given, author)
    directed = any(field.directs and new[key] != old[key] for key, field in kind.fields.items())
    if not row._state.adding and directed:
        errors = config_rules.entered_again(kind, old, given) | errors
        new |= {name: "" for name, field in kind.fields.items() if field.made}
    told = row._state.adding or new != old or name.strip() != row.name or (enabled and not row.enabled)
    if told and (why := config_rules.reserved(row, old, new, author)):
        errors[""] = why
    stopped = not (row._state.adding or enabled or new != old)  # whatever is stored, it can be switched off
    errors |= {} if errors or stopped else kind.contradictions(new)
    errors = _conflicts(row, name.strip(), enabled, new) | errors
    if errors:
        raise FieldErrors(errors)
    return {**new, **kind.completed(new)}


def _conflicts(row: SystemConfig, name: str, enabled: bool, values: Values) -> dict[str, str]:
    """What is wrong with the name, and what another configuration stands in the way of."""
    others, errors = SystemConfig.objects.current().filter(kind=row.kind).exclude(pk=row.pk), {}
    try:
        NAME.clean(name)
    except ValidationError as error:
        errors["name"] = "".join(error.messages)
    if not errors and others.filter(name=name).exists():
        errors["name"] = f"已有名为「{name}」的同类配置，请换一个名称。"
    client_id = values.get("client_id") or None
    twin = others.filter(enabled=True, client_id=client_id).first() if enabled and client_id else None
    if twin is not None:
        errors["client_id"] = f"启用中的配置「{twin.name}」（ID {twin.pk}）已使用这个 Client ID；请先停用它。"
    return errors


def _changes(
    config: SystemConfig | None, kind: type[Kind], common: Values, old: Values, new: Values
) -> dict[str, list[Any]]:
    """Name → [old, new] of what differs, as it may be written down for good."""
    if config is None:
        common = {"enabled": common["enabled"]}
    pairs = {name: [getattr(config, name, None), value] for name, value in common.items()}
    changes = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    for name, field in kind.fields.items():
        if old[name] != new[name]:
            told = [field.shown(old[name]) or "未设置", field.shown(new[name]) or "未设置"]
            changes[name] = [told[0], "已更换"] if told[0] == told[1] else told
    return changes


def _write(row: SystemConfig, kind: type[Kind], values: Values, author: Author, changes: Values) -> None:
    new = row._state.adding
    sealed = _fill(row, kind, values)
    row.last_error, row.last_error_at = "", None
    with transaction.atomic():
        if new:
            row.save()  # secrets are sealed for the row's id
        row.seal_secrets({name: values[name] for name in sealed if values[name]})
        row.save()
        SystemConfig.objects.filter(pk=row.pk).update(revision=F("revision") + 1)
        _record(row, "新增" if new else "修改", author, changes)
        if new:
            created.send(sender=SystemConfig, config=row)
    row.refresh_from_db()


def _fill(row: SystemConfig, kind: type[Kind], values: Values) -> set[str]:
    """Everything but the secrets, whose names are returned."""
    sealed = {name for name, field in kind.fields.items() if field.sealed}
    row.params = {name: values[name] for name in kind.fields if name not in sealed and name not in COLUMNS}
    for column in COLUMNS:
        setattr(row, column, values.get(column, getattr(row, column)))
    return sealed


def _record(row: SystemConfig, verb: str, author: Author, changes: Mapping[str, Any]) -> None:
    detail = {"kind": row.kind, "name": row.name, "changes": dict(changes)}
    record(Change(author, f"{verb}系统配置「{row.name}」", f"config:{row.pk}", detail))


def set_enabled(config: SystemConfig, enabled: bool, author: Author = PROGRAM) -> None:
    """Switch a configuration on or off. Raises FieldErrors."""
    save(config.kind, config.name, enabled, {}, config=config, author=author)


def users_of(config: SystemConfig) -> list[SystemConfig]:
    """The configurations that it cannot be taken from."""
    return list(SystemConfig.objects.current().filter(Q(ai_config=config) | Q(ai_fallback=config)))


def uses_of(config: SystemConfig) -> list[str]:
    """What stops working without it."""
    return [line for uses in USES for line in uses(config)]


def archive(config: SystemConfig, author: Author = PROGRAM) -> None:
    """Take a configuration out of use, keeping the row for the records that name it. Raises ConfigError."""
    values = values_of(config)[0]
    if why := config_rules.unarchivable(config, values, author):
        raise ConfigError(why)
    if users := users_of(config):
        names = "、".join(user.name for user in users)
        raise ConfigError(f"配置「{config.name}」正被 {names} 使用；请先在那里改用别的AI配置。")
    with transaction.atomic():
        SystemConfig.objects.filter(pk=config.pk).update(
            enabled=False, archived_at=timezone.now(), revision=F("revision") + 1
        )
        _record(config, "归档", author, {"enabled": [config.enabled, False]})


def report_error(config_id: int, message: str) -> None:
    """Show the last error of a configuration ("" clears it); writes only on a change."""
    text = redact(message)[:2000]
    when = timezone.now() if text else None
    changed = SystemConfig.objects.filter(pk=config_id).exclude(last_error=text)
    changed.update(last_error=text, last_error_at=when)


def learn(config_id: int, name: str, value: str) -> str:
    """Fill in an empty parameter that was found out in use; returns the value in force. No new revision."""
    with transaction.atomic():
        rows = SystemConfig.objects.filter(pk=config_id)
        config = (rows.select_for_update() if connection.features.has_select_for_update else rows).get()
        if not config.params.get(name):
            rows.update(params={**config.params, name: value})
        return str(config.params.get(name) or value)
