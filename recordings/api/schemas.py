"""The schemas of the surfaces, and the pages that show them: /api/schema/{surface}.json, .yaml, /api/docs/{surface}.

They hold nothing that the documentation does not, so they need no key. A surface joins by its line in SURFACES.
"""

from functools import cache
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

from recordings.api.chats import schema as chats
from recordings.api.downloads import schema as downloads
from recordings.api.flat import schema as flat
from recordings.api.kit.generator import SurfaceGenerator
from recordings.api.kit.openapi import Surface
from recordings.api.resources import schema as resources
from recordings.api.sessions import schema as sessions

SURFACES: dict[str, Surface] = {
    "flat": flat.SURFACE,
    "resources": resources.SURFACE,
    "sessions": sessions.SURFACE,
    "chats": chats.SURFACE,
    "downloads": downloads.SURFACE,
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'"
)
"""Swagger UI styles elements in place, draws with data: and plays what it fetched; it needs nothing else."""
HOUR = "public, max-age=3600"


@cache
def document(surface: str) -> dict[str, Any]:
    """The OpenAPI document; the same for as long as the process lives. KeyError for what is no surface."""
    made: dict[str, Any] = SurfaceGenerator(SURFACES[surface]).get_schema(public=True)
    return made


@require_safe
def schema(request: HttpRequest, surface: str, form: str) -> HttpResponse:  # noqa: ARG001 - the same for everybody
    """The document as JSON or YAML."""
    renderer = {"json": OpenApiJsonRenderer, "yaml": OpenApiYamlRenderer}.get(form)
    if renderer is None or surface not in SURFACES:
        raise Http404
    kind = "application/json" if form == "json" else "application/yaml"  # RFC 9512
    return HttpResponse(renderer().render(document(surface)), content_type=kind, headers={"Cache-Control": HOUR})


@require_safe
def docs(request: HttpRequest, surface: str) -> HttpResponse:
    """Swagger UI of a surface, from our own static files."""
    if surface not in SURFACES:
        raise Http404
    shown = {"surface": surface, "surfaces": list(SURFACES), "title": SURFACES[surface].title}
    page = render(request, "api/docs.html", shown)
    page.headers["Content-Security-Policy"] = POLICY
    return page


urlpatterns = [
    path("api/schema/<str:surface>.<str:form>", schema, name="schema"),
    path("api/docs/<str:surface>", docs, name="docs"),
]
