"""The Content-Security-Policy: on every page, on nothing else, and as strict as the theme allows."""

import re

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse

from project import csp

HEADER = "Content-Security-Policy"


def policy(path="/admin/", **headers):
    response = csp.ContentSecurityPolicy(lambda request: HttpResponse("x", **headers))(RequestFactory().get(path))
    return response.headers.get(HEADER)


def directives(text):
    return dict(part.strip().partition(" ")[::2] for part in text.split(";"))


def test_the_admin_runs_its_own_scripts_alone():
    found = directives(policy())
    assert found["default-src"] == "'none'"
    assert found["script-src"] == "'self' 'unsafe-eval'"
    assert {found[name] for name in ("connect-src", "media-src", "font-src", "form-action")} == {"'self'"}
    assert found["frame-ancestors"] == found["object-src"] == found["base-uri"] == "'none'"


def test_other_pages_run_nothing_and_other_replies_carry_nothing():
    assert directives(policy("/elsewhere"))["default-src"] == "'none'"
    assert "script-src" not in policy("/elsewhere")
    assert policy(content_type="audio/wav") is None
    assert policy(content_type="application/json") is None


def test_a_view_may_have_its_own():
    assert policy(headers={HEADER: "default-src 'self'"}) == "default-src 'self'"


@pytest.mark.django_db
def test_every_page_of_the_admin_carries_it(desk, client, recording):
    for reply in [
        client.get(reverse("admin:login")),
        desk.list("recordings_recording"),
        desk.page("recordings_recording", recording),
    ]:
        assert reply.headers[HEADER] == csp.ADMIN


@pytest.mark.django_db
def test_our_pages_hold_no_script_and_no_style(desk, recording):
    article = desk.page("recordings_recording", recording).content.decode().split("<article")[1].split("</article>")[0]
    assert "<script" not in article
    assert " style=" not in article
    assert not re.search(r"<[^>]*\son\w+=", article)
