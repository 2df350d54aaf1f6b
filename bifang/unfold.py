"""The look of the admin's forms and lists; the frame around them is that of every page (bifang/shell)."""

from typing import Any

from django.templatetags.static import static

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "毕方 Bifang",
    "SITE_HEADER": "毕方 Bifang",
    "SITE_SUBHEADER": "安全运营同事",
    "SITE_SYMBOL": "local_fire_department",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("bifang/favicon.svg")}
    ],
    "STYLES": [lambda request: static("bifang/admin.css")],
    "SCRIPTS": [
        lambda request: static("bifang/live.js"),
        lambda request: static("bifang/asks.js"),
        lambda request: static("bifang/select.js"),
    ],
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .013 40)",
            "100": "oklch(94.5% .03 40)",
            "200": "oklch(89% .06 40)",
            "300": "oklch(81% .1 40)",
            "400": "oklch(71% .15 38)",
            "500": "oklch(63% .18 36)",
            "600": "oklch(55% .18 34)",
            "700": "oklch(48% .16 34)",
            "800": "oklch(41% .13 34)",
            "900": "oklch(36% .1 34)",
            "950": "oklch(26% .07 34)",
        },
    },
}
