"""The look and the menu of the admin."""

from typing import Any

from django.urls import reverse_lazy

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "毕方 Bifang",
    "SITE_HEADER": "毕方 Bifang",
    "SITE_SUBHEADER": "安全运营同事",
    "SITE_SYMBOL": "local_fire_department",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "系统",
                "items": [
                    {
                        "title": "系统配置",
                        "icon": "settings",
                        "link": reverse_lazy("admin:core_systemconfig_changelist"),
                    },
                ],
            },
        ],
    },
}
