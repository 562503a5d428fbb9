"""Browser players of other origins: CORS_ALLOWED_ORIGINS may read what the surfaces serve (default: none).

Keys travel in headers, never in cookies, so credentials are not allowed and one wildcard (`*`) is.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

PREFIXES = ("/api/", "/v1", "/r/", "/links/")
METHODS = "GET, HEAD"
REQUEST_HEADERS = "Authorization, Content-Type, If-None-Match, If-Range, Range, X-API-Key, X-App-ID, X-Request-Id"
EXPOSED = (
    "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Retry-After,"
    " X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id"
)
PREFLIGHT_SECONDS = 600


class CorsMiddleware:
    """Answers preflights for GET and HEAD, and lets the allowed origins read the replies."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        origins = settings.CORS_ALLOWED_ORIGINS
        if not origins or not request.path.startswith(PREFIXES):
            return self.get_response(request)
        origin = request.headers.get("Origin", "")
        allowed = bool(origin) and (origin in origins or "*" in origins)
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response = _preflight() if allowed and preflight else self.get_response(request)
        patch_vary_headers(response, ["Origin"])
        if allowed:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
        return response


def _preflight() -> HttpResponse:
    headers = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": REQUEST_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return HttpResponse(status=204, headers=headers)
