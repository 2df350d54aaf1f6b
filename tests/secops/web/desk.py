"""A desk to work at: people signed in, and alerts as the list has them."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from secops_agent.models import Alert, Role, Staff
from tests.secops.inventory_aid import alert, host, store


def at_desk(role: Role, name: str = "lisi") -> Client:
    """Somebody of this role, signed in."""
    user = User.objects.create_user(name)
    Staff.objects.create(staff_id=name, name=f"人员{name}", role=role, user=user)
    client = Client()
    client.force_login(user)
    return client


def arrived(
    *keys: str, severity: str = "high", due_in_hours: float | None = None, **more: Any
) -> list[Alert]:
    """Stored alerts, in the order of the keys; ``due_in_hours`` from now instead of the limit of the severity."""
    now = timezone.now()
    more = {"at": now, "assets": (host("web-01", "10.0.0.1"),), "raw": {"user": "zhangsan"}} | more
    store(*(alert(key, severity=severity, **more) for key in keys))
    rows = list(Alert.objects.order_by("-pk")[: len(keys)])[::-1]
    if due_in_hours is not None:
        Alert.objects.filter(pk__in=[row.pk for row in rows]).update(
            due_at=now + timedelta(hours=due_in_hours)
        )
    return rows


def listed(client: Client, **query: Any) -> list[int]:
    """The numbers of the list, in order."""
    return [line.pk for line in client.get(reverse("web:alerts"), query).context["lines"]]


def do(client: Client, act: str, *rows: Alert, **values: Any) -> Any:
    """Post an act on these rows, as the list does; follows to the next page."""
    posted = {"act": act, "ids": [row.pk for row in rows], "list": "tab=all"} | values
    return client.post(reverse("web:alert_act"), posted, follow=True)
