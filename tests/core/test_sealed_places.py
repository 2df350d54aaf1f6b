"""A sealed value opens in its own row and column only, whoever moves it in the database."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import UniqueConstraint

from bifang.channels.models import InboxRow, OutboxRow
from bifang.channels.ports import ReplyTarget
from bifang.channels.queues import outbox
from bifang.channels.queues.inbox import unpack_target
from bifang.core.configuration import configs
from bifang.core.errors import SecretError
from bifang.core.management.commands.rotate_encryption_key import sealed_fields
from bifang.core.models import SystemConfig
from bifang.core.secrets.sealed import place_of
from tests.admin_pages import SECRET, WEBHOOK, dingtalk, received

pytestmark = pytest.mark.django_db
FIELDS = [pytest.param(model, name, id=f"{model.__name__}.{name}") for model, name in sealed_fields()]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_every_sealed_column_is_bound_to_what_is_unique_to_its_row(model: Any, name: str) -> None:
    bound = model._meta.get_field(name).bound_to
    unique = [
        [model._meta.get_field(column).attname for column in constraint.fields]
        for constraint in model._meta.constraints
        if isinstance(constraint, UniqueConstraint) and constraint.condition is None
    ]
    assert list(bound) in unique or (len(bound) == 1 and model._meta.get_field(bound[0]).unique)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_no_two_rows_or_columns_are_one_place(model: Any, name: str) -> None:
    bound = model._meta.get_field(name).bound_to
    rows = [dict.fromkeys(bound, "1"), *({**dict.fromkeys(bound, "1"), column: "2"} for column in bound)]
    places = [place_of(model, name, row) for row in rows]
    others = [
        place_of(
            *field.values,
            dict.fromkeys(["id", "config_id", "kind", "external_id", "key", "number", "uid", "user_id"], "1"),
        )
        for field in FIELDS
    ]
    assert len(set(places)) == len(places)
    assert len(set(others)) == len(others)
    assert place_of(model, name, {**rows[0], "more": 1}) == places[0]


@pytest.mark.slow
@pytest.mark.both_databases
def test_secrets_moved_to_another_configuration_do_not_open() -> None:
    victim, thief = dingtalk("受害者"), dingtalk("小偷", client_secret="own-secret")
    SystemConfig.objects.filter(pk=thief.pk).update(secrets=victim.secrets)
    with pytest.raises(SecretError, match="密文"):
        configs.load(SystemConfig.objects.get(pk=thief.pk))
    with pytest.raises(CommandError):
        call_command("rotate_encryption_key")
    assert configs.load(SystemConfig.objects.get(pk=victim.pk)).client_secret == SECRET
    with pytest.raises(SecretError):
        configs.load(SystemConfig.objects.get(pk=thief.pk))


@pytest.mark.both_databases
def test_a_renamed_configuration_keeps_its_secrets() -> None:
    row = dingtalk("旧名")
    row, _ = configs.save("dingtalk", "新名", False, {}, config=row)
    assert configs.load(SystemConfig.objects.get(pk=row.pk)).client_secret == SECRET


def opened(row: Any) -> str:
    target = unpack_target(
        row.target, row.webhook, row.webhook_expires_at, place_of(type(row), "webhook", row)
    )
    assert target is not None
    return target.webhook


@pytest.mark.both_databases
def test_a_webhook_moved_to_another_message_does_not_open() -> None:
    config = dingtalk()
    mine, other = received(config, 1), received(config, 2)
    outbox.notify(config.pk, ReplyTarget("cid", True, "", "robot", WEBHOOK, 4_000_000_000_000), "好", key="k")
    reply = OutboxRow.objects.get()
    assert opened(mine) == opened(other) == opened(reply) == WEBHOOK
    for thief in (other, reply):
        type(thief).objects.filter(pk=thief.pk).update(webhook=mine.webhook)
        with pytest.raises(SecretError, match="密文"):
            opened(type(thief).objects.get(pk=thief.pk))
    InboxRow.objects.filter(pk=mine.pk).update(unreadable=mine.webhook)
    with pytest.raises(SecretError, match="密文"):
        InboxRow.objects.get(pk=mine.pk).unreadable.open(place_of(InboxRow, "unreadable", mine))
