"""An authenticator of its own making (RFC 6238), and a browser that logs in with it."""

import base64
import hmac
import re
import struct
import time

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from bifang.core.models import SecondFactor
from tests.admin_pages import text_of

PASSWORD = "a-long-Password-1"
PAGE, CODE, LOGIN = "/admin/second-factor/", "/admin/login/code/", "/admin/login/"


def digits(secret: str, *, later: int = 0) -> str:
    """What the phone shows, or shows `later` steps from now."""
    step = int(time.time()) // 30 + later
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step), "sha1")
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def wrong(secret: str) -> str:
    """Six digits that no clock near this one shows."""
    good = {digits(secret, later=later) for later in range(-3, 4)}
    return next(one for one in ("000000", "111111", "222222", "333333") if one not in good)


def password(name: str = "lisi", client: Client | None = None, **extra: str) -> tuple[Client, HttpResponse]:
    """Name and password into the login page."""
    client = client or Client()
    given = {"username": name, "password": PASSWORD, **extra}
    return client, client.post(LOGIN, given, REMOTE_ADDR="198.51.100.7")


def secret_on(page: HttpResponse) -> str:
    """The secret as the page shows it for typing."""
    found = re.search(r'bf-key">([A-Z2-7 ]+)<', page.content.decode())
    assert found, text_of(page)
    return found[1].replace(" ", "")


def set_up(client: Client) -> tuple[str, list[str]]:
    """Set the second step up on the page; returns the secret and the recovery codes."""
    secret = secret_on(client.get(PAGE))
    page = client.post(PAGE, {"code": digits(secret)})
    return secret, recovery_on(page)


def recovery_on(page: HttpResponse) -> list[str]:
    """The codes that are shown once."""
    return re.findall(r"<li><code>([a-z2-9]{6}-[a-z2-9]{6})</code>", page.content.decode())


def person(name: str = "lisi") -> User:
    """Somebody with a password."""
    return User.objects.create_user(name, password=PASSWORD)


def enrolled(name: str = "lisi") -> tuple[User, str, list[str]]:
    """Somebody with a second step, set up a while ago."""
    user = person(name)
    client, _ = password(name)
    secret, codes = set_up(client)
    SecondFactor.objects.update(step=0)  # the half minute has passed
    return user, secret, codes


def is_inside(client: Client) -> bool:
    """Does this browser have a session of somebody?"""
    return "_auth_user_id" in client.session
