"""The staff admin's theme: its words, colours and side bar."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy


def _entry(title: str, icon: str, name: str, right: str) -> dict[str, Any]:
    """One line of the side bar: a Material Symbol, an admin list, and who sees it (workspaces.admin.menu)."""
    link = reverse_lazy(f"admin:{name}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": f"workspaces.admin.menu.{right}"}


UNFOLD = {
    "SITE_TITLE": "Tapedeck",
    "SITE_HEADER": "Tapedeck",
    "SITE_SYMBOL": "graphic_eq",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("tapedeck/icon.svg")},  # noqa: ARG005 - as STYLES
    ],
    "SHOW_HISTORY": False,  # the audit log is the history
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": [lambda request: static("tapedeck/admin.css")],  # noqa: ARG005 - the theme calls it with the request
    "COLORS": {
        "primary": {
            "50": "rgb(238 240 254)",
            "100": "rgb(224 228 253)",
            "200": "rgb(201 208 251)",
            "300": "rgb(165 176 255)",
            "400": "rgb(143 155 251)",
            "500": "rgb(134 146 250)",  # links in the dark: 6.4:1 on the page
            "600": "rgb(70 80 209)",
            "700": "rgb(55 63 176)",
            "800": "rgb(47 55 143)",
            "900": "rgb(31 39 80)",
            "950": "rgb(22 27 58)",
        },
        "base": {
            "50": "rgb(251 252 253)",
            "100": "rgb(242 244 248)",
            "200": "rgb(228 231 236)",
            "300": "rgb(208 213 221)",
            "400": "rgb(151 163 183)",
            "500": "rgb(93 103 120)",
            "600": "rgb(67 77 94)",
            "700": "rgb(55 68 92)",
            "800": "rgb(38 49 69)",
            "900": "rgb(19 27 42)",
            "950": "rgb(13 19 31)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "command_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "Calls",
                "items": [
                    _entry("Recordings", "graphic_eq", "recordings_recording", "may_list"),
                    _entry("Calls", "call", "calls_call", "may_list"),
                    _entry("Sessions", "list", "calls_session", "may_list"),
                ],
            },
            {
                "title": "Automation",
                "items": [
                    _entry("Webhooks", "webhook", "calls_webhookendpoint", "may_keys"),
                    _entry("Deliveries", "outbox", "calls_webhookdelivery", "may_list"),
                ],
            },
            {
                "title": "Access",
                "items": [
                    _entry("Workspaces", "apartment", "workspaces_workspace", "may_list"),
                    _entry("Members", "group", "workspaces_member", "may_list"),
                    _entry("Apps", "apps", "workspaces_app", "may_list"),
                    _entry("API keys", "key", "workspaces_apikey", "may_keys"),
                    _entry("Stream keys", "power", "workspaces_streamkey", "may_keys"),
                    _entry("Audit log", "verified_user", "workspaces_auditentry", "may_audit"),
                    _entry("Users", "person", "auth_user", "may_everything"),
                    _entry("Groups", "groups", "auth_group", "may_everything"),
                ],
            },
        ],
    },
}
