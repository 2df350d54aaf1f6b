"""Screens whose form says what it would do while it is filled in."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse

from bifang.core.admin.base import Screen
from bifang.core.errors import BifangError


class Previewed(Screen):
    """``preview_without``: fields that are no business of the preview, secrets above all; the page does not send them."""

    preview_without: ClassVar[Sequence[str]] = ()

    def previewed(self, request: HttpRequest, row: Any) -> Mapping[str, Any]:
        """``{known, text}`` of what was posted; ``row``: the stored rule, None for a new one."""
        raise NotImplementedError

    @property
    def _preview_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_preview"

    def get_urls(self) -> list[URLPattern]:
        """With the address of what the form asks."""
        view, name = self.admin_site.admin_view(self.preview_view), self._preview_name
        return [
            path("preview/", view, name=name),
            path("<int:pk>/preview/", view, name=f"{name}_of"),
            *super().get_urls(),
        ]

    def preview_view(self, request: HttpRequest, pk: int | None = None) -> JsonResponse:
        """POST the form as it stands; for those who could save it."""
        row = None if pk is None else get_object_or_404(self.model, pk=pk)
        may = self.has_change_permission(request, row) if row else self.has_add_permission(request)
        if request.method != "POST" or not may:
            told = f"没有修改{self.opts.verbose_name}的权限。"
            return JsonResponse({"known": False, "text": told}, status=403)
        try:
            return JsonResponse(self.previewed(request, row))
        except BifangError as error:
            return JsonResponse({"known": False, "text": error.message})

    def beside_form(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Tells the page of who may save it where to ask."""
        name = f"admin:{self._preview_name}"
        asked = reverse(f"{name}_of", args=[row.pk]) if row else reverse(name)
        may = self.has_change_permission(request) if row else self.has_add_permission(request)
        return {"bf_preview_url": asked if may else "", "bf_preview_without": " ".join(self.preview_without)}
