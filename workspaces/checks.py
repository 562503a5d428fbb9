"""System checks: settings that are each legal and together leave a door open or shut the product out.

W001  DEBUG is on at an address that others can reach
W002  the web process refuses requests for its own address
W003  keys and audio travel in clear: the public address is http
W004  audio travels in clear: engines are told to stream to ws
"""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as Caution
from django.http.request import validate_host


def addresses_fit(**_: Any) -> list[CheckMessage]:
    """The addresses under which others find the product, against what it does there."""
    return list(_address_warnings())


def _address_warnings() -> Iterator[CheckMessage]:
    public = urlsplit(settings.PUBLIC_URL)
    host = public.hostname or ""
    if settings.DEBUG and not _is_loopback(host):
        yield Caution(
            f"DEBUG is on and PUBLIC_URL is {settings.PUBLIC_URL}: error pages show settings and data.",
            hint="Unset DEBUG.",
            id="workspaces.W001",
        )
    written = f"[{host}]" if ":" in host else host
    if not validate_host(written, settings.ALLOWED_HOSTS):
        yield Caution(
            f"PUBLIC_URL is {settings.PUBLIC_URL}, but ALLOWED_HOSTS refuses {written}.",
            hint=f"Add {written} to ALLOWED_HOSTS.",
            id="workspaces.W002",
        )
    if public.scheme == "http" and not _is_loopback(host):
        yield Caution(
            f"PUBLIC_URL is {settings.PUBLIC_URL}: keys and audio travel in clear.",
            hint="Put TLS in front and set PUBLIC_URL to the https address.",
            id="workspaces.W003",
        )
    stream = urlsplit(settings.WAVSTREAM_URL)
    if stream.scheme == "ws" and not _is_loopback(stream.hostname or ""):
        yield Caution(
            f"WAVSTREAM_URL is {settings.WAVSTREAM_URL}: calls travel in clear.",
            hint="Put TLS in front of the capture process and set WAVSTREAM_URL to the wss address.",
            id="workspaces.W004",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")
