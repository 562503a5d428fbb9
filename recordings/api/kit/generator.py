"""From a Surface to its OpenAPI document. The addresses are the router's own, so that none goes undescribed: one
without a description, and a description without an address, are warnings, which fail the checks of the build."""

from collections.abc import Callable
from functools import partial
from typing import Any

from drf_spectacular.drainage import warn
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from recordings.api.kit.openapi import Json, Surface

Generator = Callable[..., SchemaGenerator]


class SurfaceSchema(AutoSchema):
    """Reads an operation from the surface's description, and nothing from the view."""

    def __init__(self, surface: Surface) -> None:
        super().__init__()
        self._surface = surface

    def get_operation(
        self,
        path: str,
        path_regex: str,  # noqa: ARG002 - the framework's signature
        path_prefix: str,  # noqa: ARG002 - as above
        method: str,
        registry: Any,  # noqa: ARG002 - as above
    ) -> Json | None:
        key = f"{method} {path}"
        if key in self._surface.hidden:
            return None
        if key not in self._surface.operations:
            warn(f"{key} is not described")
            return None
        return self._surface.written(key)


class SurfaceGenerator(SchemaGenerator):
    """The document of one surface, whatever URL configuration the command names."""

    def __init__(self, surface: Surface, **kwargs: Any) -> None:
        super().__init__(patterns=list(surface.patterns), api_version=kwargs.get("api_version"))
        self._surface = surface

    def create_view(self, callback: Any, method: str, request: Any = None) -> Any:
        view = super().create_view(callback, method, request)
        self._set_schema_to_view(view, SurfaceSchema(self._surface))
        return view

    def parse(self, input_request: Any, public: bool) -> Json:  # noqa: FBT001 - the framework's signature
        found: Json = super().parse(input_request, public)
        for key, operation in self._surface.operations.items():
            method, _, path = key.partition(" ")
            if operation.routed and method.lower() not in found.get(path, {}):
                warn(f"{key} is described, and is no address")
            elif not operation.routed:
                found.setdefault(path, {})[method.lower()] = self._surface.written(key)
        return found

    def get_schema(self, request: Any = None, public: bool = False) -> Json:  # noqa: FBT001, FBT002 - the framework's signature
        made: Json = super().get_schema(request, public)
        surface = self._surface
        made["info"] |= {"title": surface.title, "description": surface.description}
        made["servers"] = [{"url": "/"}]
        made["components"] = {
            "schemas": dict(surface.schemas),
            "securitySchemes": dict(surface.security_schemes),
        }
        made["tags"] = [{"name": name} for name in _tags(made["paths"])]
        if surface.webhooks:
            made["webhooks"] = dict(surface.webhooks)
        return made


def generator_of(surface: Surface) -> Generator:
    """What `manage.py spectacular --generator-class` takes."""
    return partial(SurfaceGenerator, surface)


def _tags(paths: Json) -> list[str]:
    return list(dict.fromkeys(tag for path in paths.values() for each in path.values() for tag in each["tags"]))
