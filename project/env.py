"""Strict readers of the environment: a wrong value stops the boot with one sentence that names the variable."""

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

CENTURY_HOURS = 876_600
"""The longest time that can be set: what is longer overflows dates, at the end of the first call instead of here."""


def raw(name: str) -> str | None:
    """The variable's text; `NAME_FILE` names a file that holds it instead (for secrets). Unset and empty are None."""
    value = os.environ.get(name, "").strip()
    path = os.environ.get(f"{name}_FILE", "").strip()
    if value and path:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set; set one of them.")
    if not path:
        return value or None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which is no UTF-8 text.") from error


def text(name: str, default: str = "") -> str:
    value = raw(name)
    return default if value is None else value


def words(name: str, default: Iterable[str] = ()) -> list[str]:
    """A comma-separated list; blanks are dropped."""
    value = raw(name)
    return list(default) if value is None else [word.strip() for word in value.split(",") if word.strip()]


def choice(name: str, options: Iterable[str], default: str) -> str:
    value = text(name, default)
    allowed = list(options)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")
    return value


def matching(name: str, default: str = "", *, pattern: str, of: str) -> str:
    """A name that `pattern` matches whole; the error says what it should have been the name `of`."""
    value = text(name, default)
    if value and not re.fullmatch(pattern, value):
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be the name of {of}.")
    return value


def boolean(name: str, *, default: bool) -> bool:
    value = text(name, str(default)).lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; it must be true or false.")


def _number(name: str, default: T, *, kind: Callable[[str], T], least: float, most: float, what: str) -> T:
    value = raw(name)
    if value is None:
        return default
    try:
        number, measured = kind(value), float(value)
    except (ValueError, OverflowError):
        measured = float("nan")  # is in no range
    if not least <= measured <= most:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be {what} from {least:.15g} to {most:.15g}.")
    return number


def integer(name: str, default: int, *, minimum: int = 0, maximum: int = 10**15) -> int:
    return _number(name, default, kind=int, least=minimum, most=maximum, what="a whole number")


def seconds(name: str, default: float, *, minimum: float = 0) -> float:
    return _number(name, default, kind=float, least=minimum, most=CENTURY_HOURS * 3600, what="a number of seconds")


def hours(name: str, default: float, *, minimum: float = 0) -> float:
    return _number(name, default, kind=float, least=minimum, most=CENTURY_HOURS, what="a number of hours")


def zone(name: str, default: str) -> str:
    """A time zone's name, such as Europe/Stockholm."""
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ImproperlyConfigured(f"{name} is {value!r}; write a time zone such as Europe/Stockholm.") from error
    return value


def networks(name: str) -> list[str]:
    """A comma-separated list of networks, such as 10.1.0.0/16 or 192.168.1.7."""
    return [_network(name, word) for word in words(name)]


def _network(name: str, word: str) -> str:
    try:
        return str(ip_network(word, strict=False))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} holds {word!r}; write networks such as 10.1.0.0/16.") from error


def origins(name: str) -> list[str]:
    """A comma-separated list of origins: scheme, host and port only, such as https://desk.example.com."""
    for word in words(name):
        if not _is_origin(word):
            raise ImproperlyConfigured(f"{name} holds {word!r}; write origins such as https://desk.example.com.")
    return words(name)


def _is_origin(word: str) -> bool:
    try:
        parts = urlsplit(word)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False
    return good and f"{parts.scheme}://{parts.netloc}" == word


def url(name: str, default: str = "", *, schemes: Iterable[str]) -> str:
    """An absolute URL without a trailing slash, or "" where unset."""
    value = text(name, default)
    if not value:
        return ""
    allowed = list(schemes)
    try:
        parts = urlsplit(value)
        good = parts.scheme in allowed and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        good = False
    if not good:
        raise ImproperlyConfigured(
            f"{name} is {value!r}; it must be an address that begins with {'://, '.join(allowed)}://."
        )
    return value.rstrip("/")


def folder(path: Path) -> Path:
    """The folder, made where it is missing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR cannot be written: {path}: {error.strerror}.") from error
    return path


def kept_secret(path: Path) -> str:
    """The secret kept in `path`, made on first use: the embedded default needs one that outlives a restart."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _keep(secrets.token_urlsafe(48), path)
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"DATA_DIR is {path.parent}, which cannot be written: {error.strerror}; set DATA_DIR or SECRET_KEY."
        ) from error


def _keep(secret: str, path: Path) -> None:
    """Written aside, then linked: of two processes that begin at once both read the same, and neither half of it."""
    handle, aside = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # for its owner's eyes only
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secret)
        os.link(aside, path)
    except FileExistsError:
        return  # the other process was faster
    finally:
        Path(aside).unlink()
