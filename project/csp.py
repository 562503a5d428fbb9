"""The Content-Security-Policy of every page: nothing comes from, and nothing goes to, another origin.

The admin's theme builds its pages with Alpine, which evaluates expressions (`unsafe-eval`) and styles elements in
place (`unsafe-inline`, for styles alone); no script may stand in a page. The pages of the schemas bring a policy of
their own (`recordings.api.schemas`): Swagger UI, from our own files, without `unsafe-eval`. Every other page of ours
shows nothing and runs nothing. Replies that are no pages carry no policy: a browser would apply it to its own audio
player.
"""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

_COMMON = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
ADMIN = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    f"font-src 'self'; media-src 'self'; connect-src 'self'; {_COMMON}"
)
ELSEWHERE = f"default-src 'none'; {_COMMON}"
HEADER = "Content-Security-Policy"


class ContentSecurityPolicy:
    """Middleware. A view that sets the header itself keeps its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if HEADER not in response.headers and response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers[HEADER] = ADMIN if request.path.startswith(reverse("admin:index")) else ELSEWHERE
        return response
