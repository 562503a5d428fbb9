"""The schemas as they are served: complete, valid by their own rules, and open to everybody."""

import io
from collections import Counter

import jsonschema_rs
import orjson
import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command

from recordings.api.kit.generator import SurfaceGenerator
from recordings.api.schemas import POLICY, SURFACES, document
from tests.house import tree

METHODS = {"get", "post", "put", "delete", "patch"}
EACH = pytest.mark.parametrize("surface", SURFACES)


def operations(surface):
    return [each for path in document(surface)["paths"].values() for method, each in path.items() if method in METHODS]


def generated(surface, **changes):
    """The document of a surface that says something else of itself."""
    made = {name: getattr(SURFACES[surface], name) for name in SURFACES[surface].__dataclass_fields__} | changes
    return SurfaceGenerator(type(SURFACES[surface])(**made))


@EACH
def test_the_command_writes_a_valid_schema_without_a_warning(surface):
    out = io.StringIO()
    name = f"recordings.api.{surface}.schema.Generator"
    call_command("spectacular", "--validate", "--fail-on-warn", generator_class=name, stdout=out)
    assert yaml.safe_load(out.getvalue()) == document(surface)


@EACH
def test_an_address_without_a_description_is_a_warning(surface, monkeypatch):
    import importlib

    module = importlib.import_module(f"recordings.api.{surface}.schema")
    routed = [key for key, operation in SURFACES[surface].operations.items() if operation.routed]
    fewer = {key: each for key, each in SURFACES[surface].operations.items() if key != routed[0]}
    monkeypatch.setattr(module, "Generator", lambda **kwargs: generated(surface, operations=fewer))
    with pytest.raises(CommandError, match="warnings"):
        call_command(
            "spectacular", "--fail-on-warn", generator_class=f"{module.__name__}.Generator", stdout=io.StringIO()
        )


def test_a_description_without_an_address_is_a_warning(monkeypatch):
    from recordings.api.flat import schema

    more = SURFACES["flat"].operations | {"GET /api/nowhere": SURFACES["flat"].operations["GET /api/recordings"]}
    monkeypatch.setattr(schema, "Generator", lambda **kwargs: generated("flat", operations=more))
    with pytest.raises(CommandError, match="warnings"):
        call_command(
            "spectacular",
            "--fail-on-warn",
            generator_class="recordings.api.flat.schema.Generator",
            stdout=io.StringIO(),
        )


@EACH
def test_every_error_that_the_dialect_knows_is_documented(surface):
    described = {code for each in SURFACES[surface].operations.values() for code in SURFACES[surface].codes(each)}
    assert described == set(SURFACES[surface].dialect.statuses)


@EACH
def test_every_operation_has_a_name_of_its_own_and_says_its_scope(surface):
    names = Counter(each["operationId"] for each in operations(surface))
    assert set(names.values()) == {1}
    for each in operations(surface):
        assert each["summary"]
        assert each["description"].endswith(("Takes no key.", "`."))
        assert bool(each["security"]) is ("Scope: `" in each["description"])


def examples(node):
    """(schema, example) of everything below a node of the document that has both."""
    if isinstance(node, dict):
        if "schema" in node:
            yield from ((node["schema"], node["example"]) for _ in range("example" in node))
            yield from ((node["schema"], each["value"]) for each in node.get("examples", {}).values())
        if isinstance(node.get("examples"), list):
            yield from ((node, each) for each in node["examples"])
        for value in node.values():
            yield from examples(value)
    elif isinstance(node, list):
        for value in node:
            yield from examples(value)


@EACH
def test_every_example_is_what_its_schema_says(surface):
    found = list(examples(document(surface)))
    assert len(found) > 5
    for schema, example in found:
        whole = schema | {"components": document(surface)["components"]}
        jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(example)


def test_the_examples_of_flat_are_those_of_its_documentation():
    shown = document("flat")["components"]["schemas"]
    assert shown["Recording"]["examples"][0]["durationMs"] == 7920
    assert shown["RecordingWithFile"]["examples"][0]["file"]["fileSize"] == 126720
    assert list(shown["RecordingWithFile"]["properties"])[-1] == "file"


def test_the_version_is_the_products():
    import tomllib

    assert document("flat")["info"]["version"] == tomllib.loads(tree.read("pyproject.toml"))["project"]["version"]


def test_the_fifteen_keys_of_resources_are_in_their_order():
    keys = list(document("resources")["components"]["schemas"]["Recording"]["properties"])
    assert (len(keys), keys[0], keys[-1]) == (15, "id", "tm_delete")


# --- As they are served --------------------------------------------------------------------------------------------


@EACH
def test_it_is_served_as_json_and_yaml_to_everybody(surface, client):
    written = client.get(f"/api/schema/{surface}.json")
    assert (written.status_code, written.headers["Content-Type"]) == (200, "application/json")
    assert orjson.loads(written.content) == document(surface)
    as_yaml = client.get(f"/api/schema/{surface}.yaml")
    assert (as_yaml.status_code, as_yaml.headers["Content-Type"]) == (200, "application/yaml")
    assert yaml.safe_load(as_yaml.content) == document(surface)


@pytest.mark.parametrize(
    "path",
    ["/api/schema/other.json", "/api/schema/flat.xml", "/api/schema/flat.json/", "/api/docs/other", "/api/docs/"],
)
def test_what_is_no_schema_is_not_there(path, client):
    assert client.get(path).status_code == 404


def test_nothing_is_posted_there(client):
    assert client.post("/api/schema/flat.json").status_code == 405
    assert client.post("/api/docs/flat").status_code == 405


@EACH
def test_its_page_is_made_of_our_own_files(surface, client):
    import re

    page = client.get(f"/api/docs/{surface}")
    text = page.content.decode()
    assert (page.status_code, page.headers["Content-Security-Policy"]) == (200, POLICY)
    assert f'data-url="/api/schema/{surface}.json"' in text
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=", text)
    files = re.findall(r'(?:src|href)="/static/([^"]+)"', text)
    assert len(files) == 5
    assert all(finders.find(name) for name in files)
    assert "//" not in text.replace("<!doctype", "")
