"""`manage.py create_api_token`, whose stdout is the token alone."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from secops_agent.models import ApiToken, AuditRecord

pytestmark = pytest.mark.django_db(transaction=True)


def create(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("create_api_token", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_prints_a_token_that_opens_the_api(client: Client) -> None:
    out, err = create("采集", "--scope", "read", "--days", "30")
    secret = out.removesuffix("\n")
    answer = client.get("/api/v1/alerts/", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    assert secret not in err
    assert ApiToken.objects.get().expires_at is not None
    assert not AuditRecord.objects.filter(detail__icontains=secret).exists()


def test_token_acts_as_its_owner(django_user_model: type) -> None:
    user = django_user_model.objects.create_user("lisi", is_active=True)
    create("自动化", "--scope", "read", "--scope", "approve", "--owner", "lisi")
    row = ApiToken.objects.get()
    assert (row.owner_id, row.scopes) == (user.pk, ["approve", "read"])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("采集", "--scope", "read"), "已有"),
        ((" ", "--scope", "read"), "名称"),
        (("新的", "--scope", "read", "--owner", "nobody"), "nobody"),
        (("新的", "--scope", "read", "--days", "-1"), "--days"),
        (("新的", "--scope", "everything"), "everything"),
    ],
)
def test_says_what_is_wrong(arguments: tuple[str, ...], word: str) -> None:
    create("采集", "--scope", "read")
    with pytest.raises(CommandError, match=word):
        create(*arguments)
    assert ApiToken.objects.count() == 1
