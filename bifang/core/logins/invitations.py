"""Invitations: an address, good once and for three days, at which somebody chooses the password of their own login."""

from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from unfold.widgets import INPUT_CLASSES

from bifang.core.changes import Author, Change, record


def invite(user: User, request: HttpRequest) -> str:
    """The whole address for `user`, to be shown once; the password they had ends, and with it their sessions."""
    user.set_unusable_password()
    user.save(update_fields=["password"])
    given = [urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)]
    path = reverse("invitation", args=given)
    return urljoin(settings.PUBLIC_URL, path) if settings.PUBLIC_URL else request.build_absolute_uri(path)


class ChosenPassword(SetPasswordForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Django's, as unfold's fields look."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        for one in self.fields.values():
            one.widget.attrs["class"] = " ".join(INPUT_CLASSES)


class InvitationDoor(PasswordResetConfirmView):
    """Django's: the token goes into the session at once, so that the page's own address does not hold it."""

    template_name = "admin/invitation.html"
    form_class = ChosenPassword
    title = "设置密码"
    success_url = reverse_lazy("admin:login")

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        """As Django's, in the admin's frame."""
        return {**admin.site.each_context(self.request), **super().get_context_data(**more)}

    def form_valid(self, form: Any) -> HttpResponse:
        """Chosen and recorded; the login then asks for it, and for the second step."""
        pk, name = form.user.pk, form.user.get_username()
        with transaction.atomic():
            done = super().form_valid(form)
            record(Change(Author(pk, name, "login"), "用邀请设置密码", f"user:{pk}", {"name": name}))
        messages.success(self.request, f"密码已设置：请用用户名「{name}」和它登录。")
        return done
