"""Idempotency-Key: the same POST, sent again because its reply was lost, acts once and gets the same reply."""

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from recordings.api.kit.problems import RequestInvalid
from workspaces import idempotency
from workspaces.idempotency import Answer

HEADER = "Idempotency-Key"
FORM = re.compile(r"[\x20-\x7e]{1,255}")

View = Callable[..., HttpResponse]


def acting_once(view: View, *, key: str, who: str) -> View:
    """The view of a POST, which for a key that it has answered before gives that answer and does nothing.

    It runs in a transaction. Keys are kept 24 hours, apart by caller and path, and for 2xx only.
    """
    if not FORM.fullmatch(key):
        text = "must be 1 to 255 printable ASCII characters"
        raise RequestInvalid(f"{HEADER} {text}", fields={HEADER: text})

    def once(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        def act() -> Answer:
            made = view(request, *args, **kwargs)
            return Answer(made.status_code, made.content.decode())

        answer = idempotency.once(who=who, path=request.path, key=key, request=request.body, act=act)
        return HttpResponse(answer.body, status=answer.status, content_type="application/json")

    return once
